"""Memory that torch leaves as it is holds zeros while launches are captured: outputs are then the same in every run."""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Zeroed(TorchFunctionMode):  # type: ignore[misc]  # where torch is not installed it is of no known type
    """Fills what ``torch.empty`` and its kin give."""

    def __init__(self) -> None:
        super().__init__()
        tensor: Any = torch.Tensor
        self._empty = {torch.empty, torch.empty_like, torch.empty_strided, tensor.new_empty, tensor.new_empty_strided}
        self._empty |= {getattr(torch, "empty_permuted", torch.empty)}  # from 2.1 on

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func in self._empty and not made.is_meta:
            made.detach().zero_()
        return made


def enter(mode: TorchFunctionMode) -> None:
    """Put a mode in force for good, also in what a package's own backward runs."""
    mode.__enter__()
    autograd: Any = torch.autograd
    one_thread = getattr(autograd.grad_mode, "set_multithreading_enabled", None)
    if one_thread is not None:
        one_thread(False)  # a mode is of one thread
    if hasattr(autograd, "_engine_run_backward"):
        engine = autograd._engine_run_backward

        def run_backward(*args: Any, **kwargs: Any) -> Any:
            with mode:  # Tensor.backward left it, and a package's own backward asks again
                return engine(*args, **kwargs)

        autograd._engine_run_backward = run_backward
    _follow_into_operators(mode)


def _follow_into_operators(mode: TorchFunctionMode) -> None:
    """Keep the mode in force inside of operators that a package registers, where torch takes all modes away."""
    library: Any = torch.library.Library
    impl = library.impl

    def registered(self: Any, name: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        return impl(self, name, inside(function), *args, **kwargs)

    def inside(function: Any) -> Any:
        if not isinstance(function, types.FunctionType) or function is torch.library.fallthrough_kernel:
            return function

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if torch._C._is_torch_function_mode_enabled():
                return function(*args, **kwargs)
            with mode:
                return function(*args, **kwargs)

        return run

    library.impl = registered
