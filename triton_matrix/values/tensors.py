"""Tensors of numpy memory that every Triton's interpreter takes for torch's: an address, strides, a type, a storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from . import dtypes

ALIGNMENT = 256  # bytes; a GPU's allocator aligns so
SAMPLE = 1 << 16  # elements that say how large a tensor's numbers are


class Storage:
    """A piece of memory that tensors look into.

    Attributes:
        bytes: its content, ``uint8``.
        address: of the first byte.
        written: for each byte, whether a kernel stored to it.
        read: whether a kernel loaded from it.
    """

    def __init__(self, size: int) -> None:
        """``size`` is in bytes; the content is zero."""
        whole = np.zeros(size + ALIGNMENT, np.uint8)
        start = -whole.ctypes.data % ALIGNMENT
        self.bytes = whole[start : start + size]
        self.address = int(self.bytes.ctypes.data)
        self.written = np.zeros(size, np.bool_)
        self.read = False

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.bytes)

    def of(self, dtype: dtypes.Dtype) -> Any:
        """The content as one row of elements."""
        return self.bytes[: self.size - self.size % dtype.itemsize].view(dtype.storage)

    # what an interpreter asks of torch's storage
    def data_ptr(self) -> int:
        return self.address

    def cpu(self) -> Storage:
        return self

    def copy_(self, other: Storage) -> Storage:
        return self


class TorchName:
    """A type that prints as torch's: Triton reads the last word of its text, and a descriptor its size."""

    def __init__(self, dtype: dtypes.Dtype) -> None:
        self.itemsize = dtype.itemsize
        self.is_floating_point = dtype.kind == "float"
        self._text = f"torch.{dtype.torch}"

    def __repr__(self) -> str:
        return self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)


class Tensor:
    """A view of a storage. Two of them are equal when they are the same: an interpreter looks for itself by ``==``.

    Attributes:
        scratch: whether what a kernel leaves there is no result.
    """

    device = "cpu"
    is_cuda = False
    scratch = False

    def __init__(
        self,
        dtype: dtypes.Dtype,
        shape: Sequence[int],
        strides: Optional[Sequence[int]] = None,
        offset: int = 0,
        storage: Optional[Storage] = None,
    ) -> None:
        """
        Args:
            shape, strides, offset: in elements; without strides the tensor is contiguous.
            storage: what it looks into; by default as much memory as it needs.
        """
        self.element = dtype
        self.dtype = TorchName(dtype)
        self.shape = tuple(shape)
        self.strides = tuple(contiguous(shape) if strides is None else strides)
        self.offset = offset
        if storage is None:
            storage = Storage(extent(self.shape, self.strides, offset) * dtype.itemsize)
        self.storage = storage

    @property
    def array(self) -> Any:
        """The elements as numpy holds them: a view, through which the memory can be filled."""
        row = self.storage.of(self.element)[self.offset :]
        steps = [step * self.element.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(row, self.shape, steps)

    # what interpreters, descriptors and launchers ask of torch's tensor
    @property
    def data(self) -> Tensor:
        return self

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def data_ptr(self) -> int:
        return self.storage.address + self.offset * self.element.itemsize

    def size(self, dim: Optional[int] = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def stride(self, dim: Optional[int] = None) -> Any:
        return self.strides if dim is None else self.strides[dim]

    def numel(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def element_size(self) -> int:
        return self.element.itemsize

    def storage_offset(self) -> int:
        return self.offset

    def untyped_storage(self) -> Storage:
        return self.storage

    def cpu(self) -> Tensor:
        return self

    def to(self, *device: Any) -> Tensor:
        return self

    def new_empty(self, size: Any, device: Any) -> Tensor:
        return Tensor(self.element, (0,), storage=self.storage)

    def set_(self, storage: Storage, offset: int, size: Sequence[int], strides: Sequence[int]) -> Tensor:
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(size), tuple(strides)
        return self

    def copy_(self, other: Tensor) -> Tensor:
        return self


def of(values: Any, dtype: Optional[str] = None) -> Tensor:
    """A contiguous tensor that holds ``values``, rounded to ``dtype`` (by default numpy's own type)."""
    array = np.asarray(values)
    element = dtypes.find(dtype or _name(array.dtype))
    tensor = Tensor(element, array.shape)
    tensor.array[...] = dtypes.encode(array, element)
    return tensor


def _name(numpy_type: Any) -> str:
    return next(row.name for row in dtypes.DTYPES.values() if np.dtype(row.storage) == numpy_type and not row.as_bits)


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a tensor whose last dimension is the densest, in elements."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(1, size)
    return tuple(reversed(steps))


def extent(shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> int:
    """Elements from the start of a storage to the last one that a view reaches."""
    if 0 in shape:
        return offset
    return offset + 1 + sum((size - 1) * step for size, step in zip(shape, strides))


def scale(tensors: Mapping[str, Tensor]) -> float:
    """The size of what a launch reads: the largest root of the mean square among its tensors of floats, as filled."""
    sizes = [0.0]
    for tensor in tensors.values():
        if tensor.element.kind == "float":
            values = dtypes.decode(tensor.storage.of(tensor.element)[:SAMPLE], tensor.element).astype("float64")
            values = values[np.isfinite(values)]
            sizes.append(float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0)
    return max(sizes)
