"""Casts: rounded to the nearest, saturating where a GPU does."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Repair, Row, touch
from .floats import H200


class Casts(Repair):
    row = Row(
        "casts",
        why="fp32 to bf16 is cut off, 8-bit floats are rounded by halves and overflow into NaN, bf16 to and from all"
        " but fp32 takes bits for numbers, and floats that an integer cannot hold are numpy's accident",
        held_against=f"{H200}; PTX ISA, cvt: to the nearest even, 8-bit floats and integers saturate, NaN is 0",
    )

    def cast_impl(self, src: Any, dst_type: Any) -> Any:
        return self._cast(src, dst_type, False)

    def create_fp_to_fp(self, src: Any, dst_type: Any, rounding_mode: Any = None) -> Any:
        return self._cast(src, dst_type, str(rounding_mode).endswith("RTZ"))

    def create_int_cast(self, src: Any, dst_type: Any, is_signed: bool) -> Any:
        return self._cast(src, dst_type, False)

    def create_bitcast(self, src: Any, dst_type: Any) -> Any:
        data = np.ascontiguousarray(src.data)
        pointer = dst_type.scalar.is_ptr()
        storage = np.dtype(np.uint64 if pointer else self.executor.dtype(dst_type).storage)
        if data.dtype.itemsize != storage.itemsize:
            data = data.astype(storage)  # an interpreter's own handle of another width
        return self.executor.handle(data.view(storage), dst_type)

    def _cast(self, src: Any, dst_type: Any, toward_zero: bool) -> Any:
        executor = self.executor
        if src.dtype.scalar.is_ptr() or dst_type.scalar.is_ptr():
            return executor.handle(src.data.astype(np.uint64), dst_type)
        source, target = executor.dtype(src), executor.dtype(dst_type)
        values = dtypes.decode(src.data, source)
        special = source.as_bits or target.as_bits
        if target.kind == "int" and values.dtype.kind == "f":
            result, off = saturated(values, target)
            special = special or off
        elif toward_zero and not target.as_bits:
            result, special = _cut(values, target), True
        else:
            result = dtypes.encode(values, target, toward_zero)
        if special:
            touch(self, Casts)
        return executor.handle(result, dst_type)


def saturated(values: Any, target: dtypes.Dtype) -> tuple[Any, bool]:
    """Floats as integers, cut off, as a GPU has them; and whether one of them did not fit.

    What does not fit becomes the nearest integer of 16 bits or more, of which narrower types keep the lower bits. NaN
    is 0; as fp64 or in 64 bits it is the lowest bit pattern with only the sign set.
    """
    signed = target.name.startswith("i")
    bits = max(16, target.itemsize * 8)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    with np.errstate(all="ignore"):
        whole = np.trunc(values.astype(np.float64))
        nan = np.isnan(whole)
        over, under = whole > high, whole < low
        fits = ~(nan | over | under)
        at = np.where(fits, whole, 0.0)
        # fp64 rounds the highest integer of 64 bits up, out of the type
        over |= fits & (at >= float(high)) & (bits == 64)
        integers = np.where(over, 0.0, at).astype(np.uint64 if bits == 64 and not signed else np.int64)
    integers[over], integers[under] = high, low
    if values.dtype.itemsize == 8 or bits == 64:
        integers[nan] = low if signed else 1 << (bits - 1)
    return integers.astype(target.storage), not bool(fits.all())


def _cut(values: Any, target: dtypes.Dtype) -> Any:
    """Floats in a narrower type that numpy has, cut off."""
    nearest = dtypes.encode(values, target)
    beyond = np.abs(nearest.astype(np.float64)) > np.abs(values.astype(np.float64))
    return np.where(beyond, np.nextafter(nearest, np.zeros_like(nearest)), nearest)
