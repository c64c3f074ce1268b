"""A launch computed on the GPU of this machine, by the Triton of this Python; torch holds the memory."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

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
    started = time.perf_counter()
    status, reason = "computed", ""
    try:
        held = Held(kernel, launch, prepared, load)
        held.run()
        held.bring_back()
    except Exception as problem:
        status, reason = status_of(problem)
    return computed(launch, prepared, status, reason, time.perf_counter() - started)


def computed(
    launch: Mapping[str, Any], prepared: description.Prepared, status: str, reason: str, seconds: float
) -> Computed:
    """What became of a launch on a device, where all of its programs run or none counts."""
    grid = launch["grid"]
    total = int(np.prod(grid))
    programs = description.chosen(grid, total) if status == "computed" else []
    return Computed(status, reason, programs, total, [], {}, seconds, prepared.tensors, whole=True)


class Held:
    """A launch with its memory on the GPU, to be run any number of times.

    Args:
        kernel, load: as of :func:`compute`.
        prepared: its memory and arguments as they are filled.
    """

    def __init__(
        self, kernel: Any, launch: Mapping[str, Any], prepared: description.Prepared, load: Callable[[str], Any]
    ) -> None:
        self._memory, self._kernel, self._grid = _Memory(), innermost(kernel), tuple(launch["grid"])
        _let_kernels_allocate()
        given = {**prepared.args, **prepared.constexprs}
        self._arguments = {name: self._memory.argument(value, load) for name, value in given.items()}
        self._options = dict(launch.get("options", {}))

    def compiled(self, options: Optional[Mapping[str, Any]] = None) -> Any:
        """What Triton compiles for it, which is not run; options are as of :meth:`run`."""
        return self._kernel.warmup(grid=self._grid, **{**self._arguments, **self._options, **(options or {})})

    def run(self, options: Optional[Mapping[str, Any]] = None) -> None:
        """Enqueue it, with options, and numbers as constexprs, that stand in for its own."""
        self._kernel[self._grid](**{**self._arguments, **self._options, **(options or {})})

    def bring_back(self) -> None:
        """Copy what the GPU holds into the launch's own memory. All of what changed at all counts as written."""
        self._memory.bring_back()

    def is_as_brought_back(self) -> bool:
        """Whether the GPU holds, bit by bit, what was brought back."""
        return self._memory.is_as_brought_back()

    def changed(self) -> list[tuple[Storage, Any]]:
        """Each storage that was changed when it was brought back, and the bytes that the GPU holds of it now."""
        return self._memory.changed()

    def restore(self) -> None:
        """Enqueue what fills again all that was changed when it was brought back."""
        self._memory.restore()


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


def _let_kernels_allocate() -> None:
    """Give kernels that make descriptors the memory that they ask of the host, as packages do before they launch."""
    set_allocator = getattr(importlib.import_module("triton"), "set_allocator", None)
    if set_allocator is None:
        return  # before 3.3 no kernel asks
    torch = importlib.import_module("torch")
    set_allocator(lambda size, alignment, stream: torch.empty(size, dtype=torch.int8, device="cuda"))


class _Memory:
    """The storages of a launch on the GPU."""

    def __init__(self) -> None:
        self._torch: Any = importlib.import_module("torch")
        self._copies: list[tuple[Storage, Any]] = []
        self._origins: list[tuple[Any, Any]] = []  # what changed, and what it was filled with
        self._left: list[tuple[Any, Any]] = []  # what changed, and what it was then

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
        dtype, count = self._dtype(tensor.element), tensor.storage.size // tensor.element.itemsize
        if not count:  # torch views no empty memory as another dtype
            return self._torch.empty(0, dtype=dtype, device="cuda").as_strided(tensor.shape, tensor.strides, 0)
        row = whole[: count * tensor.element.itemsize].view(dtype)
        return row.as_strided(tensor.shape, tensor.strides, tensor.offset)

    def _dtype(self, dtype: dtypes.Dtype) -> Any:
        torch_dtype = getattr(self._torch, dtype.torch, None)
        if torch_dtype is None:
            raise ValueError(f"this torch has no {dtype.torch}")
        return torch_dtype

    def bring_back(self) -> None:
        """As of :class:`Held`."""
        for storage, copy in self._copies:
            content = copy.cpu().numpy()
            storage.read = True
            changed = bool((content != storage.bytes).any())
            storage.written[:] = changed
            if changed:
                self._origins.append((copy, self._torch.from_numpy(storage.bytes.copy()).cuda()))
                self._left.append((copy, copy.clone()))
            storage.bytes[:] = content

    def is_as_brought_back(self) -> bool:
        """As of :class:`Held`."""
        return all(bool((copy == left).all()) for copy, left in self._left)

    def changed(self) -> list[tuple[Storage, Any]]:
        """As of :class:`Held`."""
        there = {id(copy) for copy, _ in self._origins}
        return [(storage, copy.cpu().numpy()) for storage, copy in self._copies if id(copy) in there]

    def restore(self) -> None:
        """As of :class:`Held`."""
        for copy, origin in self._origins:
            copy.copy_(origin)
