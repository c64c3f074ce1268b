"""How a launch's memory is filled: the same bits on every machine, with every numpy.

numpy's own generators may give other numbers in another version. These count: each element is a hash of its place, and
floats are made of sums alone, which every platform rounds alike.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import dtypes

KINDS = {
    "zeros": "nothing else",
    "constant": "value",
    "count": "nothing else: 0, 1, 2, ...",
    "uniform": "low, high",
    "normal": "mean, deviation; low and high where no element is beyond them, and both are there",
    "integers": "low, high (not included)",
    "bits": "data: the elements, little-endian, compressed by zlib, in base64",
}
_SHARES = ("zeros", "nan", "inf", "negative_inf")


def filled(recipe: Mapping[str, Any], size: int, dtype: dtypes.Dtype) -> Any:
    """``size`` elements in the type's storage.

    Args:
        recipe: ``kind`` is one of KINDS and says what else stands there. Of ``uniform`` and ``normal``, ``seed``
            (default 0) and the shares ``zeros``, ``nan``, ``inf``, ``negative_inf`` (default 0), each from 0 to 1.

    Raises:
        ValueError: there is no such kind, a key is missing, or the bits are too few or too many.
    """
    kind = recipe.get("kind")
    if kind not in KINDS:
        raise ValueError(f"fill.kind is {kind!r}; allowed are {', '.join(KINDS)}")
    try:
        return _filled(kind, recipe, size, dtype)
    except KeyError as missing:
        raise ValueError(f"fill of kind {kind!r} lacks {missing}; it takes {KINDS[kind]}") from None


def _filled(kind: str, recipe: Mapping[str, Any], size: int, dtype: dtypes.Dtype) -> Any:
    if kind == "zeros":
        return np.zeros(size, dtype.storage)
    if kind == "constant":
        return dtypes.encode(np.full(size, recipe["value"], np.float64), dtype)
    if kind == "count":
        return dtypes.encode(np.arange(size), dtype)
    if kind == "bits":
        return unpacked(recipe["data"], size, dtype)
    seed = int(recipe.get("seed", 0))
    if kind == "integers":
        low, high = int(recipe["low"]), int(recipe["high"])
        return (low + (_hashes(size, seed, 0) % np.uint64(high - low)).astype(np.int64)).astype(dtype.storage)
    if kind == "uniform":
        values = recipe["low"] + (recipe["high"] - recipe["low"]) * _unit(size, seed, 0)
    else:
        values = recipe["mean"] + recipe["deviation"] * _bell(size, seed)
    values = _with_shares(values, recipe, seed)
    if kind == "normal" and "low" in recipe and size:
        values = _within(values, float(recipe["low"]), float(recipe["high"]), seed)
    return dtypes.encode(values, dtype)


def _within(values: Any, low: float, high: float, seed: int) -> Any:
    """Nothing finite beyond the ends except zeros, and each end at one place."""
    beyond = np.isfinite(values) & (values != 0)
    values = np.where(beyond, np.clip(values, low, high), values)
    places = (_unit(2, seed, 200) * len(values)).astype(np.int64)
    values[places[0]], values[places[1]] = low, high
    return values


def _with_shares(values: Any, recipe: Mapping[str, Any], seed: int) -> Any:
    if not any(recipe.get(name) for name in _SHARES):
        return values
    place, start = _unit(len(values), seed, 100), 0.0
    for name, special in zip(_SHARES, (0.0, np.nan, np.inf, -np.inf)):
        end = start + float(recipe.get(name, 0.0))
        values[(place >= start) & (place < end)] = special
        start = end
    return values


def _bell(size: int, seed: int) -> Any:
    """Numbers about 0 with deviation 1, at most 3.5 of them away: the sum of four that are uniform (Irwin, Hall)."""
    hashes, total = _hashes(size, seed, 0), np.zeros(size, np.uint64)
    for shift in (0, 16, 32, 48):
        total += (hashes >> np.uint64(shift)) & np.uint64(0xFFFF)
    return (total.astype(np.float64) * 2.0**-16 - 2.0) * 3.0**0.5


def _unit(size: int, seed: int, turn: int) -> Any:
    """Numbers from 0 to below 1, of 53 random bits."""
    return (_hashes(size, seed, turn) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _hashes(size: int, seed: int, turn: int) -> Any:
    """SplitMix64 of each place (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        start = np.uint64((seed * 1000003 + turn) % 2**64) * np.uint64(0xD1342543DE82EF95)
        state = (np.arange(1, size + 1, dtype=np.uint64) + start) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
        return state ^ (state >> np.uint64(31))


def packed(values: Any) -> dict[str, str]:
    """The recipe that gives exactly these elements again."""
    raw = np.ascontiguousarray(values).tobytes()
    return {"kind": "bits", "data": base64.b64encode(zlib.compress(raw, 9)).decode("ascii")}


def unpacked(data: str, size: int, dtype: dtypes.Dtype) -> Any:
    """The elements of a recipe of kind ``bits``; ValueError where they are not ``size`` elements."""
    wanted = size * dtype.itemsize
    opener = zlib.decompressobj()
    try:
        raw = opener.decompress(base64.b64decode(data, validate=True), wanted + 1)
    except (ValueError, zlib.error) as problem:
        raise ValueError(f"fill.data cannot be unpacked: {problem}") from None
    if len(raw) != wanted:
        more = "more than " if len(raw) > wanted else ""
        raise ValueError(
            f"fill.data holds {more}{min(len(raw), wanted)} bytes; {size} elements of {dtype.name} are {wanted}"
        )
    return np.frombuffer(raw, dtype.storage).copy()
