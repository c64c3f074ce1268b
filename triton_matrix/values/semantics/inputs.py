"""The values that operations are asked with: those that matter for a type, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, filling

_LARGEST = {"fp16": 65504.0, "bf16": 3.3895314e38, "fp32": 3.4028235e38, "fp64": 1.7976931348623157e308}
_LARGEST |= {"fp8e5": 57344.0, "fp8e4nv": 448.0}
_SUBNORMAL = {"fp16": 2.0**-24, "bf16": 2.0**-133, "fp32": 2.0**-149, "fp64": 2.0**-1074}
_SUBNORMAL |= {"fp8e5": 2.0**-16, "fp8e4nv": 2.0**-9}


def values(kind: str, place: int, size: int, dtype: dtypes.Dtype) -> Any:
    """The operand at ``place`` (0: x, 1: y, 2: z), as its type's storage.

    ``special``: zero, the largest, NaN, infinity, subnormal, ties, each x with each y. ``mild``: none of those.
    ``divisible``: no zero but in x, no -1 beside the lowest. ``plain``: small numbers with ties of the order among
    them. ``near one``, ``count``, ``tile``, ``shifts``: as they say. ``fits T``: what T holds.
    """
    chosen = _chosen(kind, place, dtype)
    if place == 0 and kind == "special" and size == 64:
        row = np.resize(chosen, 8).repeat(8)
        row[1::2] = np.resize(_more(dtype), 32)  # as many values as there is room for
        return dtypes.encode(row, dtype) if dtype.kind != "int" else row.astype(dtype.storage)
    row = np.resize(np.roll(chosen, -3 * place), size) if place else np.resize(chosen, size)
    return dtypes.encode(row, dtype) if dtype.kind != "int" else row.astype(dtype.storage)


def _chosen(kind: str, place: int, dtype: dtypes.Dtype) -> Any:
    if dtype.kind == "bool":
        return np.array([True, False, False, True, True])
    if dtype.kind == "int":
        return _integers(kind, place, dtype)
    top, tiny = _LARGEST[dtype.name], _SUBNORMAL[dtype.name]
    if kind == "special":
        return np.array([0.0, -0.0, np.inf, -2.5, top, -np.inf, np.nan, tiny, 1.5, 0.3, -0.7])
    if kind == "mild":
        return np.array([0.5, -0.7, 1.5, -2.5, 3.25, 0.3, -3.0])
    if kind.startswith("fits "):
        signed = kind[5:].startswith("i")
        return np.array([0.0, 1.5, 2.5, 100.75, 0.3, 7.0, 3.999]) * (
            np.array([1, -1, 1, -1, -1, 1, 1]) if signed else 1
        )
    if kind == "divisible":
        return np.array([0.3, -0.7, 1.5, -2.5, 3.25, 7.0, -3.0])
    if kind == "near one":
        return np.array([1.0, 1.25, 0.8, -1.0, 1.1, 0.9])
    if kind == "tile":
        return filling.filled({"kind": "normal", "mean": 0, "deviation": 1, "seed": place}, 1024, dtypes.find("fp64"))
    # one far larger than the rest: what is added to it is rounded
    return np.array([0.3, -0.7, 100.25, 2.5, -2.5, 3.0, 0.1, 3.0, 7.5, -1.125, 0.6])


def _integers(kind: str, place: int, dtype: dtypes.Dtype) -> Any:
    signed = dtype.name.startswith("i")
    limits = np.iinfo(dtype.storage)
    some: list[int] = [7, 3, 100, 2, 5, 1, 60, 7, 9, 11, 4]
    if kind == "count":
        return np.arange(64) % 16
    if kind == "shifts" and place:
        return np.array([0, 1, 2, 3, 5, 7])
    if kind == "near one":
        return np.array([1, 2, 1, 3, 1, 1, 1])
    if kind in ("plain", "tile", "mild"):
        row = [each * (-1) ** at for at, each in enumerate(some)] if signed else some
        return np.array(row)
    if kind == "divisible" and place:
        return np.array([3, -2, 7, 5, -3, 2, 4] if signed else [3, 2, 7, 5, 200, 2, 4])
    edge = [0, 1, limits.max, limits.max - 3, limits.max // 2 + 1, 7, 100, 3, 2]
    edge += [-1, limits.min, -7] if signed else []
    return np.array(edge, np.uint64 if limits.max > 2**63 else np.int64)


def _more(dtype: dtypes.Dtype) -> Any:
    """Further values for operations of one operand."""
    if dtype.kind == "bool":
        return np.array([True, False])
    if dtype.kind == "int":
        return _integers("special", 0, dtype)
    ties = [
        1 + 2.0**-8,
        1 + 2.0**-9,
        1 + 3 * 2.0**-9,
        1 + 2.0**-11,
        1 + 3 * 2.0**-11,
        1.0625,
        1.1875,
        300.5,
        -449.0,
        460.0,
    ]
    return np.array([*ties, -1.0, 2.5, -3.5, 1e-6, 65520.0, 70000.0, 464.0, np.nan, -np.inf, 0.1, np.pi])
