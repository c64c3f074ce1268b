"""Integers: single bits that wrap, high halves of products, histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Repair, Row, around, touch
from .floats import H200


def _bits(self: Any, below: Any, left: Any, right: Any) -> Any:
    """Arithmetic of single bits: it wraps."""
    if left.data.dtype != np.bool_ or right.data.dtype != np.bool_:
        return below(left, right)
    touch(self, Bits)
    wide = [self.executor.handle(each.data.astype(np.int8), self.executor.tl.int8) for each in (left, right)]
    return self.executor.handle((below(*wide).data & 1).astype(np.bool_), left.dtype)


@around(["create_add", "create_sub", "create_mul"], _bits)
class Bits(Repair):
    row = Row(
        "int1",
        why="up to 3.8.0 a sum of two masks is numpy's or; up to 3.3.1 a mask has no ~",
        held_against=f"{H200}: one bit wraps",
        last="3.8.0",
    )

    def get_int1_ty(self) -> Any:
        return self.executor.tl.int1

    def get_all_ones_value(self, type: Any) -> Any:
        storage = np.dtype(self.executor.dtype(type).storage)
        ones = np.ones(1, np.bool_) if storage == np.bool_ else np.full(1, -1, np.int64).astype(storage)
        return self.executor.handle(ones, type)


class Integers(Repair):
    row = Row(
        "umulhi and histogram",
        why="umulhi of signed integers takes them for wide ones up to 3.8.0; a histogram counts the value of its end in"
        " its last bin, and up to 3.5.1 its counts are twice as wide as their type",
        held_against="the interpreter of 3.9.0, and its comments on the GPU",
        last="3.8.0",
    )

    def create_umulhi(self, left: Any, right: Any) -> Any:
        storage = left.data.dtype
        width = storage.itemsize * 8
        unsigned = np.dtype(f"uint{width}")
        pair = [np.ascontiguousarray(each.data).view(unsigned) for each in (left, right)]
        if width == 64:
            high = (pair[0].astype(object) * pair[1].astype(object)) >> 64
        else:
            high = (pair[0].astype(np.uint64) * pair[1].astype(np.uint64)) >> np.uint64(width)
        if storage.kind == "i":
            touch(self, Integers)
        return self.executor.handle(np.asarray(high).astype(unsigned).view(storage), left.dtype)

    def create_histogram(self, data: Any, bins: int, mask: Any = None) -> Any:
        touch(self, Integers)
        values = data.data if mask is None else data.data[np.broadcast_to(mask.data, data.data.shape)]
        values = values[(values >= 0) & (values < bins)]
        return self.executor.handle(np.bincount(values, minlength=bins).astype(np.int32), self.executor.tl.int32)


class Constants(Repair):
    row = Row(
        "integer constants",
        why="numpy 2 refuses a constant that its type does not hold, numpy 1 a wider one",
        held_against="the builders of the compilers: signed ones wrap, unsigned ones refuse what is below 0",
    )


def _constant(dtype: dtypes.Dtype) -> Any:
    def get(self: Any, value: int) -> Any:
        signed = dtype.name.startswith("i")
        low, high = (-(2**63), 2**63) if signed else (0, 2**64)
        if not low <= value < high:
            raise TypeError(f"the constant {value} is none of {dtype.language}")
        wide = np.array([value], np.int64 if signed else np.uint64)
        if wide.astype(dtype.storage).item() != value:
            touch(self, Constants)
        return self.executor.handle(wide.astype(dtype.storage), dtype)

    return get


for _dtype in dtypes.DTYPES.values():
    if _dtype.kind == "int":
        setattr(Constants, f"get_{_dtype.language}", _constant(_dtype))
