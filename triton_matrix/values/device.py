"""A launch computed on the GPU of this machine, by the Triton of this Python; torch holds the memory."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import description, dtypes
from .running import Computed, innermost, status_of
from .tensors import Storage, Tensor


class Lost(Exception):
    """The GPU's context is lost: nothing else can be computed in this process."""


def compute(kernel: Any, launch: Mapping[str, Any], load: Callable[[str], Any]) -> Computed:
    """Run a whole launch; what it wrote is afterwards in its tensors.

    Args:
        kernel: what ``load`` gave for it.
        load: the function that a reference names, for constexprs that are functions.

    Raises:
        ValueError: the description cannot be.
    """
    prepared = description.prepared(launch)
    memory = _Memory()
    started = time.perf_counter()
    status, reason = "computed", ""
    try:
        args = {name: memory.argument(value, load) for name, value in prepared.args.items()}
        constexprs = {name: memory.argument(value, load) for name, value in prepared.constexprs.items()}
        options = launch.get("options", {})
        innermost(kernel)[tuple(launch["grid"])](**args, **constexprs, **options)
        memory.bring_back()
    except Exception as problem:
        status, reason = status_of(problem)
    grid = launch["grid"]
    programs = description.chosen(grid, int(np.prod(grid))) if status == "computed" else []
    seconds = time.perf_counter() - started
    return Computed(status, reason, programs, int(np.prod(grid)), [], {}, seconds, prepared.tensors, whole=True)


def require() -> None:
    """Make sure that there is a GPU to compute on.

    Raises:
        ValueError: there is no torch, or it sees no GPU.
    """
    try:
        torch = importlib.import_module("torch")
    except ImportError as problem:
        raise ValueError(f"level is 'device', which needs torch: {problem}") from None
    if not torch.cuda.is_available():
        raise ValueError("level is 'device', and torch sees no GPU here")


def check() -> None:
    """Make sure that the GPU still answers.

    Raises:
        Lost: it does not.
    """
    torch = importlib.import_module("torch")
    try:
        torch.cuda.synchronize()
    except Exception as problem:
        raise Lost(str(problem).splitlines()[0]) from None


class _Memory:
    """The storages of a launch on the GPU."""

    def __init__(self) -> None:
        self._torch: Any = importlib.import_module("torch")
        self._copies: list[tuple[Storage, Any]] = []

    def argument(self, value: Any, load: Callable[[str], Any]) -> Any:
        """A value of the description as a kernel on the GPU takes it."""
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, tuple):
            return tuple(self.argument(each, load) for each in value)
        if isinstance(value, description.TypeName):
            return getattr(importlib.import_module("triton.language"), value.dtype.language)
        if isinstance(value, description.Function):
            return load(value.reference)
        if isinstance(value, description.Descriptor):
            kind = importlib.import_module("triton.tools.tensor_descriptor").TensorDescriptor
            base = self._tensor(value.base)
            return kind(base, list(base.shape), list(base.stride()), list(value.block_shape), value.padding)
        return value

    def _tensor(self, tensor: Tensor) -> Any:
        whole = next((copy for storage, copy in self._copies if storage is tensor.storage), None)
        if whole is None:
            whole = self._torch.from_numpy(tensor.storage.bytes.copy()).cuda()
            self._copies.append((tensor.storage, whole))
        row = whole.view(self._dtype(tensor.element))
        return row.as_strided(tensor.shape, tensor.strides, tensor.offset)

    def _dtype(self, dtype: dtypes.Dtype) -> Any:
        found = getattr(self._torch, dtype.torch, None)
        if found is None:
            raise ValueError(f"this torch has no {dtype.torch}")
        return found

    def bring_back(self) -> None:
        """Copy what the GPU holds into the launch's own memory. All of what changed at all counts as written."""
        for storage, copy in self._copies:
            found = copy.cpu().numpy()
            storage.read = True
            storage.written[:] = bool((found != storage.bytes).any())
            storage.bytes[:] = found
