"""A launch as a child is asked for it: plain JSON, from which its memory and arguments are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes, filling
from .tensors import Storage, Tensor, contiguous, extent

LIMIT = 2 << 30  # bytes of a launch's tensors together
_KEYS = ("name", "kernel", "args", "constexprs", "options", "grid", "most", "reference")


@dataclasses.dataclass
class Prepared:
    """A launch's memory and arguments.

    Attributes:
        args: parameter -> a number, a text, None, a tensor, a :class:`Descriptor`, or a tuple of those.
        constexprs: parameter -> the same, numbers and names of types; what names a type is a :class:`TypeName`.
        tensors: parameter -> its tensor; ``parameter[1]`` for one of a tuple.
    """

    args: dict[str, Any]
    constexprs: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class TypeName:
    """An element type as the value of a constexpr."""

    dtype: dtypes.Dtype


@dataclasses.dataclass(frozen=True)
class Function:
    """Another jitted function as the value of a constexpr."""

    reference: str


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """A tensor descriptor made on the host."""

    base: Tensor
    block_shape: tuple[int, ...]
    padding: str


def prepared(launch: Mapping[str, Any]) -> Prepared:
    """Make a launch's memory and fill it.

    Args:
        launch: ``name``, ``kernel`` (``file.py:function``), ``grid`` (1 to 3 numbers), and
            ``args``: parameter -> a number, a truth value, None, a text, or a table of one of these:
            ``{"tensor": {dtype, shape, strides?, offset?, storage?, fill?, scratch?}}``,
            ``{"descriptor": {...the same, block_shape, padding?}}``, ``{"tuple": [...]}``,
            ``{"number": "nan" | "inf" | "-inf"}``.
            ``constexprs``: the same without tensors, and ``{"dtype": name}``, ``{"function": reference}``.
            ``options`` (num_warps and the like) mean nothing to an interpreter. ``reference`` names the function that
            says what it should have written (:mod:`reference`).
            Tensors that name the same ``storage`` share it; whose fill comes first fills it. What a ``scratch`` tensor
            holds afterwards is no result, and is not kept. Shapes, strides and
            offsets are in elements.

    Raises:
        ValueError: something of it cannot be; one sentence.
    """
    for key in launch:
        if key not in _KEYS:
            raise ValueError(f"the launch has {key!r}; allowed are {', '.join(_KEYS)}")
    _check_grid(launch.get("grid"))
    made = Prepared({}, {}, {})
    maker = _Maker(launch, made.tensors)
    for name, value in launch.get("args", {}).items():
        made.args[name] = maker.value(name, value)
    for name, value in launch.get("constexprs", {}).items():
        made.constexprs[name] = maker.value(name, value)
    return made


def _check_grid(grid: Any) -> None:
    whole = isinstance(grid, Sequence) and 1 <= len(grid) <= 3 and all(type(each) is int and each > 0 for each in grid)
    if not whole:
        raise ValueError(f"grid is {grid!r}; allowed are 1 to 3 integers above 0")


class _Maker:
    def __init__(self, launch: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        self._tensors = tensors
        self._sizes: dict[str, int] = {}
        for _, about in _tensors_of(launch.get("args", {})):
            if "storage" in about:
                name, size = about["storage"], _bytes(about)
                self._sizes[name] = max(self._sizes.get(name, 0), size)
        self._storages: dict[str, Storage] = {}
        self._room = LIMIT

    def value(self, name: str, value: Any) -> Any:
        if isinstance(value, (bool, int, float, str)) or value is None:
            return value
        if isinstance(value, Mapping) and len(value) == 1:
            kind, content = next(iter(value.items()))
            if kind == "tensor":
                return self._tensor(name, content)
            if kind == "descriptor":
                base = self._tensor(name, {k: v for k, v in content.items() if k not in ("block_shape", "padding")})
                return Descriptor(base, tuple(content["block_shape"]), content.get("padding", "zero"))
            if kind == "tuple":
                return tuple(self.value(f"{name}[{at}]", each) for at, each in enumerate(content))
            if kind == "number" and content in ("nan", "inf", "-inf"):
                return float(content)
            if kind == "dtype":
                return TypeName(dtypes.find(content))
            if kind == "function":
                return Function(content)
        raise ValueError(
            f"{name} is {value!r}; allowed is a number, a text, a tensor, a descriptor, a tuple or a dtype"
        )

    def _tensor(self, name: str, about: Mapping[str, Any]) -> Tensor:
        dtype = dtypes.find(about.get("dtype", ""))
        shape = about.get("shape", ())
        strides = about.get("strides", contiguous(shape))
        offset = about.get("offset", 0)
        if len(strides) != len(shape) or min([*shape, *strides, offset, 0]) < 0:
            raise ValueError(
                f"{name} has shape {shape}, strides {strides}, offset {offset}; allowed are as many of both, "
                "none of them negative"
            )
        shared = about.get("storage")
        storage = self._storages.get(shared) if shared else None
        fresh = storage is None
        if fresh:
            size = self._sizes[shared] if shared else extent(shape, strides, offset) * dtype.itemsize
            self._room -= size
            if self._room < 0:
                raise ValueError(f"{name} takes {size:,} bytes; the tensors of a launch take {LIMIT:,} at most")
            storage = Storage(size)
            if shared:
                self._storages[shared] = storage
        tensor = Tensor(dtype, shape, strides, offset, storage)
        if fresh:
            row = tensor.storage.of(dtype)
            row[...] = filling.filled(about.get("fill", {"kind": "zeros"}), len(row), dtype)
        tensor.scratch = bool(about.get("scratch"))
        self._tensors[name] = tensor
        return tensor


def _tensors_of(args: Any) -> Any:
    """Every description of a tensor, with its kind."""
    for value in args.values() if isinstance(args, Mapping) else args:
        if isinstance(value, Mapping):
            for kind, content in value.items():
                if kind in ("tensor", "descriptor"):
                    yield kind, content
                elif kind == "tuple":
                    yield from _tensors_of(content)


def _bytes(about: Mapping[str, Any]) -> int:
    shape = about.get("shape", ())
    dtype = dtypes.find(about.get("dtype", ""))
    return extent(shape, about.get("strides", contiguous(shape)), about.get("offset", 0)) * dtype.itemsize


def chosen(grid: Sequence[int], most: int, seed: int = 0) -> list[tuple[int, int, int]]:
    """The programs to run, in the order in which they run: all, or the first, the last and a few by lot.

    Args:
        most: how many at most, 2 or more; the same ``grid``, ``most`` and ``seed`` give the same ones everywhere.
    """
    sizes = [*grid, 1, 1][:3]
    total = sizes[0] * sizes[1] * sizes[2]
    if total <= most:
        places = list(range(total))
    else:
        drawn = filling.filled(
            {"kind": "integers", "low": 0, "high": total, "seed": seed}, 4 * most, dtypes.find("i64")
        )
        places = list(dict.fromkeys([0, total - 1, *drawn.tolist()]))[:most]
    return [tuple(int(each) for each in np.unravel_index(place, sizes)) for place in places]  # type: ignore[misc]
