"""Elementary functions and tl.dot in double precision, rounded once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Executor, Repair, Row, touch

_FUNCTIONS = {"exp": np.exp, "exp2": np.exp2, "log": np.log, "log2": np.log2, "sin": np.sin, "cos": np.cos}


class Functions(Repair):
    row = Row(
        "functions in higher precision",
        why="numpy's functions differ in the last bit between its versions, which interpreters of different age"
        " need; a fused multiply-add is rounded twice up to 3.8.0",
        held_against="IEEE 754: rounded once",
    )

    def _rounded(self, arg: Any, function: Any) -> Any:
        touch(self, Functions)
        with np.errstate(all="ignore"):
            return self.executor.handle(function(arg.data.astype(wider(arg.data))).astype(arg.data.dtype), arg.dtype)

    def create_erf(self, arg: Any) -> Any:
        return self._rounded(arg, np.vectorize(math.erf, otypes=[np.float64]))

    def create_rsqrt(self, arg: Any) -> Any:
        return self._rounded(arg, lambda data: 1 / np.sqrt(data))

    def create_fma(self, x: Any, y: Any, z: Any) -> Any:
        touch(self, Functions)
        return self.executor.handle(fused(x.data, y.data, z.data), z.dtype)


def wider(data: Any) -> Any:
    """The type that a function of these numbers is computed in: of fp64, the platform's long double."""
    return np.longdouble if data.dtype == np.float64 else np.float64


def _function(function: Any) -> Any:
    return lambda self, arg: self._rounded(arg, function)


for _name, _known in _FUNCTIONS.items():
    setattr(Functions, f"create_{_name}", _function(_known))


def fused(x: Any, y: Any, z: Any) -> Any:
    """``x * y + z``, rounded once; fp64 as exactly as the platform's long double is."""
    if z.dtype == np.float64:
        wide = x.astype(np.longdouble) * y.astype(np.longdouble) + z.astype(np.longdouble)
        return wide.astype(np.float64)
    with np.errstate(all="ignore"):
        product, other = x.astype(np.float64) * y.astype(np.float64), z.astype(np.float64)
        total = product + other
        # what the sum lost, by Knuth's two-sum: it says which way a tie of the second rounding goes
        back = total - product
        lost = (product - (total - back)) + (other - back)
        odd = np.isfinite(total) & (lost != 0) & (total.view(np.int64) & 1 == 0)
        toward = np.where(lost > 0, np.inf, -np.inf)
        return np.where(odd, np.nextafter(total, toward), total).astype(z.dtype)


class Dot(Repair):
    row = Row(
        "tl.dot",
        why="bf16 is multiplied as bits, 8-bit floats are converted wrong, and sums depend on numpy's BLAS",
        held_against="the sum of exact products, rounded once; a GPU's differs within the bound of its own sums",
    )

    def create_dot(self, a: Any, b: Any, d: Any, *settings: Any) -> Any:
        touch(self, Dot)
        executor: Executor = self.executor
        target = executor.dtype(d)
        left, right, start = (executor.values(each).astype(np.float64) for each in (a, b, d))
        with np.errstate(all="ignore"):
            total = np.matmul(left, right) + start
        if target.kind == "int":
            return executor.handle(total.astype(np.int64).astype(target.storage), d.dtype)
        return executor.handle(dtypes.encode(total, target), d.dtype)
