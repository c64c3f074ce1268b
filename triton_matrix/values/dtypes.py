"""The element types of a launch's tensors, and the floats that numpy lacks: bfloat16 and the 8-bit ones.

numpy holds the lacking ones as their bits, in unsigned integers. ``decode`` gives their values as fp32, ``encode``
rounds to them. Sources: IEEE 754; the OCP 8-bit formats; PTX ISA 8.5, ``cvt`` (``.rn``, ``.satfinite``), held against
an H200 by the table of results/semantics.md.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..launches import dtypes as names


@dataclass(frozen=True)
class Small:
    """An 8-bit float.

    Attributes:
        exponent, fraction: bits of each.
        bias: of the exponent.
        infinite: the last exponent is for infinity and NaN, as IEEE 754 has it.
        unsigned_zero: NaN is the bits of a negative zero, and nothing else is (the ``uz`` formats).
        no_nan: every code is a number.
    """

    exponent: int
    fraction: int
    bias: int
    infinite: bool = False
    unsigned_zero: bool = False
    no_nan: bool = False


@dataclass(frozen=True)
class Dtype:
    """An element type.

    Attributes:
        name: as a launch spells it, which is as Triton's signatures do: ``fp32``, ``bf16``, ``i64``, ``u8``, ``i1``.
        language: its name in ``triton.language``.
        torch: its name in torch.
        storage: the numpy type that holds it.
        kind: ``float``, ``int`` or ``bool``.
        small: the format of an 8-bit float.
    """

    name: str
    language: str
    torch: str
    storage: Any
    kind: str
    small: Any = None

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return int(np.dtype(self.storage).itemsize)

    @property
    def as_bits(self) -> bool:
        """Whether numpy holds it as bits: it has no such type."""
        return self.small is not None or self.name == "bf16"


def _rows() -> dict[str, Dtype]:
    small = {
        "fp8e5": Small(5, 2, 15, infinite=True),
        "fp8e4nv": Small(4, 3, 7),
        "fp8e4b8": Small(4, 3, 8, unsigned_zero=True),
        "fp8e5b16": Small(5, 2, 16, unsigned_zero=True),
        "fp8e4b15": Small(4, 3, 15, no_nan=True),
    }
    bits = {"i1": np.bool_, "bf16": np.uint16, **dict.fromkeys(small, np.uint8)}
    rows = []
    for name, language in names.LANGUAGE.items():
        kind = "bool" if name == "i1" else "int" if name[0] in "iu" else "float"
        storage = bits.get(name) or getattr(np, language)
        rows.append(Dtype(name, language, names.TORCH.get(name, language), storage, kind, small.get(name)))
    return {row.name: row for row in rows}


DTYPES = _rows()
BY_LANGUAGE = {row.language: row for row in DTYPES.values()}
# what triton.language's own objects call themselves: ``fp32``, but ``int32``
BY_OBJECT = {row.name if row.kind == "float" else row.language: row for row in DTYPES.values()}


def find(name: str) -> Dtype:
    """The type called ``name``; ValueError says which there are."""
    if name not in DTYPES:
        raise ValueError(f"dtype is {name!r}; allowed are {', '.join(DTYPES)}")
    return DTYPES[name]


def decode(bits: Any, dtype: Dtype) -> Any:
    """The values of a type's storage as numpy numbers: fp32 of what it holds as bits, else the storage itself."""
    if dtype.small is not None:
        return _table(dtype.small)[np.asarray(bits)]
    if dtype.name == "bf16":
        return (np.asarray(bits).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return np.asarray(bits)


def encode(values: Any, dtype: Dtype, toward_zero: bool = False) -> Any:
    """Values as a type's storage, rounded to the nearest, ties to even; 8-bit floats saturate as a GPU's do.

    Args:
        toward_zero: cut off instead.
    """
    if dtype.small is not None:
        return _to_small(np.asarray(values), dtype.small, toward_zero)
    if dtype.name == "bf16":
        return _to_bfloat16(np.asarray(values), toward_zero)
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(dtype.storage)


def _to_bfloat16(values: Any, toward_zero: bool) -> Any:
    """fp32's upper half. Wider values go through fp32 by round-to-odd, so that they are rounded once."""
    if values.dtype.itemsize > 4 or values.dtype.kind in "iu":
        values = to_odd_fp32(values)
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    added = np.uint32(0) if toward_zero else np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    upper = np.where(nan, (bits >> np.uint32(16)) | np.uint32(0x40), (bits + added) >> np.uint32(16))
    return upper.astype(np.uint16).reshape(values.shape)


def to_odd_fp32(values: Any) -> Any:
    """fp32 of wider numbers, where what does not fit leaves the last bit set: rounding again then rounds right."""
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64)
        single = wide.astype(np.float32)
        off = single.astype(np.float64) - wide
        even = (single.view(np.uint32) & np.uint32(1)) == 0
        move = np.isfinite(single) & (off != 0) & even
        return np.where(move, np.nextafter(single, np.where(off > 0, -np.inf, np.inf).astype(np.float32)), single)


@functools.cache
def _table(small: Small) -> Any:
    """The value of each of the 256 codes."""
    codes = np.arange(256)
    exponent = (codes >> small.fraction) & ((1 << small.exponent) - 1)
    fraction = (codes & ((1 << small.fraction) - 1)) / (1 << small.fraction)
    magnitude = np.where(
        exponent == 0, fraction * 2.0 ** (1 - small.bias), (1 + fraction) * 2.0 ** (exponent - small.bias)
    )
    values = np.where(codes & 0x80, -magnitude, magnitude)
    if small.unsigned_zero:
        values[0x80] = np.nan
    elif small.infinite:
        last = exponent == (1 << small.exponent) - 1
        values[last] = np.where(fraction[last] == 0, np.copysign(np.inf, values[last]), np.nan)
    elif not small.no_nan:
        values[[0x7F, 0xFF]] = np.nan
    return values.astype(np.float32)


def _to_small(values: Any, small: Small, toward_zero: bool) -> Any:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        wide = values.astype(np.float64)
    finite = _table(small)[:128]
    finite = finite[np.isfinite(finite)].astype(np.float64)
    size = np.abs(wide)
    if toward_zero:
        code = np.searchsorted(finite, size, side="right") - 1
    else:
        middles = (finite[:-1] + finite[1:]) / 2
        low, high = np.searchsorted(middles, size, side="left"), np.searchsorted(middles, size, side="right")
        code = np.where(low % 2 == 0, low, high)
    bits = np.minimum(code, len(finite) - 1).astype(np.uint8)
    bits = bits | np.where(np.signbit(wide), 0x80, 0).astype(np.uint8)
    if small.unsigned_zero:
        bits[bits == 0x80] = 0
    nan = 0x80 if small.unsigned_zero else 0x7F
    return np.where(np.isnan(wide) & (not small.no_nan), np.uint8(nan), bits).astype(np.uint8)
