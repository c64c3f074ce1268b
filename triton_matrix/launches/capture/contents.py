"""What the tensors of a launch look like and hold, as a launch file says it (launches/arguments.py).

Floats are described: their range, and the shares of zeros, NaN and infinities; seeded numbers take their place.
Integers mean something (indices, offsets, lengths), and are kept as they were, up to a limit.
"""

from __future__ import annotations

import array
import ctypes
import math
import zlib
from dataclasses import dataclass
from typing import Any, Optional

import torch

from .. import arguments, dtypes
from ..signing import POINTEE_TYPES

SAMPLE = 1 << 22  # elements of a tensor of floats that are looked at
_ALIGNED = 256  # bytes; storages begin at a multiple, as a GPU's allocator and `values` make them


@dataclass
class _Storage:
    """A piece of memory that tensors of the launch look into: its first byte that counts, and how many do."""

    start: int
    size: int
    names: list[str]
    exact: bool  # some of the views are of integers


class Contents:
    """The memory of one launch.

    Args:
        tensors: argument -> its tensor; ``pair[1]`` for one of a tuple.
        seed: of the launch's kernel; each argument has a seed of its own.

    Attributes:
        files: name -> content of the files that keep integers.
    """

    def __init__(self, tensors: dict[str, torch.Tensor], seed: str) -> None:
        self.files: dict[str, bytes] = {}
        self._seed, self._left = seed, arguments.FILE_LIMIT
        self._tensors = tensors
        with torch._C.DisableTorchFunction():  # type: ignore[attr-defined]  # what stands in for a GPU must not hear
            self._storages = _storages(tensors)
            self._said = {name: self._tensor(name, tensor) for name, tensor in tensors.items()}

    def of(self, name: str) -> dict[str, Any]:
        """What a launch file says of a tensor."""
        return self._said[name]

    def _tensor(self, name: str, tensor: torch.Tensor) -> dict[str, Any]:
        said: dict[str, Any] = {"dtype": kind(tensor.dtype), "shape": list(tensor.shape)}
        if not tensor.is_contiguous():
            said["strides"] = list(tensor.stride())
        storage = self._storages.get(name)
        if storage is None:
            if said["dtype"][0] in "iu":
                said["unknown"] = "its integers were on the device meta, which holds none; capture with --tensors cpu"
            return said
        offset = tensor.data_ptr() - storage.start
        if offset:
            said["offset"] = offset // tensor.element_size()
        if len(storage.names) > 1:
            said["storage"] = storage.names[0]
        if storage.names[0] != name:
            return said
        if not storage.size:
            return {**said, "fill": {"kind": "zeros"}}
        if storage.exact:
            return {**said, **self._kept(tensor, storage)}
        return {**said, "fill": floats(tensor, zlib.crc32(f"{self._seed}.{name}".encode()) % 2**31)}

    def _kept(self, tensor: torch.Tensor, storage: _Storage) -> dict[str, Any]:
        """The fill of what is kept as it was, or why it is not."""
        if storage.size > arguments.MEMORY_LIMIT:
            return {"unknown": f"its integers take {storage.size:,} bytes; {arguments.MEMORY_LIMIT:,} are kept at most"}
        size = tensor.element_size()
        content = _bytes(tensor, storage)
        content += bytes(-len(content) % size)
        fill = _plain(content, size, kind(tensor.dtype))
        if fill is None:
            name, packed, fill = arguments.kept(content[: storage.size - storage.size % size])
            if name not in self.files:
                self._left -= len(packed)
            if self._left < 0:
                return {"unknown": f"the launch's integers take more than {arguments.FILE_LIMIT:,} bytes, compressed"}
            self.files[name] = packed
        return {"fill": fill}

    def snapshot(self) -> dict[str, torch.Tensor]:
        """A copy of what each storage holds now, by the first argument that looks into it."""
        with torch._C.DisableTorchFunction():  # type: ignore[attr-defined]
            return {
                name: _row(self._tensors[name], storage).clone()
                for name, storage in self._storages.items()
                if storage.names[0] == name and storage.size
            }

    def written(self, before: dict[str, torch.Tensor]) -> dict[str, bool]:
        """Argument -> whether what it looks into has changed since a snapshot."""
        with torch._C.DisableTorchFunction():  # type: ignore[attr-defined]
            return {
                each: bool((_row(self._tensors[name], self._storages[name]) != row).any())
                for name, row in before.items()
                for each in self._storages[name].names
            }


def kind(dtype: Any) -> str:
    """``fp16`` of ``torch.float16``, as signatures spell it.

    Raises:
        TypeError: Triton has no such type.
    """
    name = str(dtype).rpartition(".")[2]
    type_name = dtypes.OF_TORCH.get(name, name)
    if type_name not in POINTEE_TYPES:
        raise TypeError(f"a tensor of {name}")
    return type_name


def _storages(tensors: dict[str, torch.Tensor]) -> dict[str, _Storage]:
    groups: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        if tensor.device.type != "meta":
            groups.setdefault(tensor.untyped_storage().data_ptr(), []).append(name)
    by_name = {}
    for names in groups.values():
        views = [tensors[name] for name in names]
        start = min(view.data_ptr() for view in views) // _ALIGNED * _ALIGNED
        if any((view.data_ptr() - start) % view.element_size() for view in views):
            raise TypeError("a tensor whose address is no multiple of its elements' size")
        # a CPU's storage begins at a multiple of 64: where the launch's does is its own affair, up to 16 bytes
        base = views[0].untyped_storage().data_ptr()
        start = max(start, base // 16 * 16)
        size = max(view.data_ptr() - start + _extent(view) * view.element_size() for view in views)
        exact = any(not view.is_floating_point() for view in views)
        storage = _Storage(start, size, names, exact)
        by_name.update(dict.fromkeys(names, storage))
    return by_name


def _extent(tensor: torch.Tensor) -> int:
    """Elements from a view's first to its last one in memory."""
    if 0 in tensor.shape:
        return 0
    return 1 + int(sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride())))


def _row(tensor: torch.Tensor, storage: _Storage) -> torch.Tensor:
    """The bytes of a storage that count, as one row."""
    memory = tensor.untyped_storage()
    first = max(0, storage.start - memory.data_ptr())
    last = min(memory.nbytes(), storage.start - memory.data_ptr() + storage.size)
    row = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return row.set_(memory, first, (last - first,), (1,))  # type: ignore[call-overload, no-any-return]


def _bytes(tensor: torch.Tensor, storage: _Storage) -> bytes:
    row = _row(tensor, storage).cpu().contiguous()
    before = max(0, tensor.untyped_storage().data_ptr() - storage.start)
    return bytes(before) + ctypes.string_at(row.data_ptr(), row.numel())


def _plain(content: bytes, size: int, dtype: str) -> Optional[dict[str, Any]]:
    """The fill of integers that are all alike, or 0, 1, 2, ...; None of others."""
    count = len(content) // size
    if not any(content):
        return {"kind": "zeros"}
    if dtype[0] not in "iu":
        return None
    first = int.from_bytes(content[:size], "little", signed=dtype[0] == "i" and dtype != "i1")
    if content == content[:size] * count and abs(first) < 2**53:
        return {"kind": "constant", "value": first}
    if dtype in ("i32", "i64") and first == 0:
        row = array.array("i" if size == 4 else "q", content)
        if row[-1] == count - 1 and all(map(int.__eq__, row, range(count))):
            return {"kind": "count"}
    return None


def floats(tensor: torch.Tensor, seed: int) -> dict[str, Any]:
    """The fill that makes numbers like those of a tensor: range, mean, deviation and shares as seen.

    Of more than SAMPLE elements, every so-manieth is looked at.
    """
    row = tensor.detach().reshape(-1) if tensor.numel() <= SAMPLE else _some(tensor.detach())
    values = row.to(torch.float64)
    count = values.numel()
    finite = values[torch.isfinite(values) & (values != 0)]
    shares = {
        "zeros": int((values == 0).sum()),
        "nan": int(torch.isnan(values).sum()),
        "inf": int((values == math.inf).sum()),
        "negative_inf": int((values == -math.inf).sum()),
    }
    if shares["zeros"] == count:
        return {"kind": "zeros"}
    said: dict[str, Any] = {name: max(1e-6, round(each / count, 6)) for name, each in shares.items() if each}
    if not len(finite):
        return {"kind": "normal", "mean": 0.0, "deviation": 0.0, "seed": seed, **said}
    low, high = float(finite.min()), float(finite.max())
    if low == high and not said:
        return {"kind": "constant", "value": low}
    mean, deviation = _rounded(float(finite.mean())), _rounded(float(finite.std(correction=0)))
    return {"kind": "normal", "mean": mean, "deviation": deviation, "low": low, "high": high, "seed": seed, **said}


def _some(tensor: torch.Tensor) -> torch.Tensor:
    """About SAMPLE elements, spread over the tensor."""
    every = -(-tensor.numel() // SAMPLE)
    places = torch.arange(0, tensor.numel(), every, device=tensor.device)
    at: list[torch.Tensor] = []
    for size in reversed(tensor.shape):
        at.insert(0, places % size)
        places = places // size
    return tensor[tuple(at)]


def _rounded(value: float) -> float:
    return float(f"{value:.3g}") if math.isfinite(value) else 0.0
