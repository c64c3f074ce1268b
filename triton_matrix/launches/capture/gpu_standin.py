"""A torch without a GPU that lets a package's tests run as if there were one, on the CPU or on ``meta``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import torch

from ...base.targets import Target
from .. import standins, torch_standin
from . import zeroed

_CUDA = torch.device("cuda", 0)


def install(target: Target, tensors: str, judged: bool, valueless: Callable[[str], None]) -> None:
    """Answer for ``target`` where torch is asked about the GPU, and put what asks for one on ``tensors``.

    Args:
        tensors: ``cpu`` or ``meta``.
        judged: whether comparisons of values mean anything; where launches do not run, they all succeed.
        valueless: told where a value is needed that a tensor on ``meta`` does not hold, in one sentence.
    """
    torch_standin.tell_real(target)
    cuda: Any = torch.cuda
    nothing = ["synchronize", "empty_cache", "manual_seed", "manual_seed_all", "reset_peak_memory_stats"]
    nothing += ["_lazy_init", "reset_max_memory_allocated", "set_rng_state", "set_rng_state_all", "ipc_collect"]
    for name in nothing:
        setattr(cuda, name, lambda *args, **kwargs: None)
    for name in ("memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved"):
        setattr(cuda, name, lambda *args, **kwargs: 0)
    for name in ("device", "device_of", "_DeviceGuard"):
        setattr(cuda, name, _Guard)
    cuda.Stream, cuda.Event = _Stream, _Event
    cuda.stream = lambda *args, **kwargs: contextlib.nullcontext()
    for name in ("current_stream", "default_stream"):
        setattr(cuda, name, lambda *args, **kwargs: _Stream())
    cuda.get_rng_state = lambda *args, **kwargs: torch.get_rng_state()
    setattr(torch, "Generator", _Generator)  # noqa: B010  (a class to type checkers)
    if not judged:
        torch.allclose = lambda *args, **kwargs: True
        torch.equal = lambda *args, **kwargs: True
        torch.testing.assert_close = lambda *args, **kwargs: None
        torch.testing.assert_allclose = lambda *args, **kwargs: None
    zeroed.enter(_Mapped(tensors, valueless))


class _OfGenerators(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch._C.Generator)


class _Generator(metaclass=_OfGenerators):
    """torch.Generator, always of the CPU."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return torch._C.Generator()


# Classes, as torch's are: packages name them in annotations, derive from them and ask with isinstance.
class _Guard(contextlib.nullcontext):  # type: ignore[type-arg]
    """torch.cuda.device and its kin."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()


class _Queue:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: 0.0

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *raised: Any) -> None:
        pass


class _Stream(_Queue):
    """torch.cuda.Stream."""

    cuda_stream = 0


class _Event(_Queue):
    """torch.cuda.Event."""


class _Mapped(zeroed.Zeroed):
    """Takes every request for the GPU to another device, and lets tensors say that they are on the GPU."""

    def __init__(self, tensors: str, valueless: Callable[[str], None]) -> None:
        super().__init__()
        self._valueless = valueless
        self._device = torch.device(tensors)
        tensor: Any = torch.Tensor
        self._says = {tensor.is_cuda.__get__: True, tensor.device.__get__: _CUDA, tensor.get_device: 0}
        self._stays = {tensor.cuda, tensor.cpu, tensor.pin_memory, tensor.record_stream}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self._says and not _from_torch():
            return self._says[func]
        if func in self._stays:
            return args[0]
        mapped = {name: self._map(value) for name, value in (kwargs or {}).items()}
        try:
            return super().__torch_function__(func, types, tuple(map(self._map, args)), mapped)
        except (RuntimeError, NotImplementedError) as problem:
            if self._device.type == "meta" and "meta" in str(problem).lower():
                name = getattr(func, "__name__", str(func))
                self._valueless(f"{standins.place()}: {name} needs values, which tensors on meta do not hold")
            raise

    def _map(self, value: Any) -> Any:
        if isinstance(value, torch.device):
            return self._device if value.type == "cuda" else value
        if isinstance(value, str) and (value == "cuda" or value.startswith("cuda:")):
            return self._device
        return value


def _from_torch() -> bool:
    """Whether torch itself asks, which must hear the truth: its own code chooses by it what to call."""
    name = str(sys._getframe(2).f_globals.get("__name__", ""))
    return name == "torch" or name.startswith("torch.")
