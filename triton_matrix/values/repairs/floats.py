"""bfloat16 as rounded fp32, NaN as a GPU has it, and the type of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Repair, Row, around, touch

H200 = "an H200, 2026-11-29, triton 2.3.1, 3.6.0, 3.9.0"  # results/semantics.md
_SINGLE = dtypes.find("fp32")
_BF16 = dtypes.find("bf16")
_TWO = "create_fadd create_fsub create_fmul create_fdiv create_frem create_precise_divf create_approx_divf"
_EXTREMES = "create_minf create_maxf create_minimumf create_maximumf create_minnumf create_maxnumf"
_ORDERS = [f"create_fcmp{kind}{order}" for kind in "OU" for order in ("LT", "GT", "LE", "GE", "EQ", "NE")]
_INTEGER_ORDERS = [f"create_icmp{kind}{order}" for kind in "SU" for order in ("LT", "GT", "LE", "GE")]
_INTEGER_ORDERS += ["create_icmpEQ", "create_icmpNE"]
_FLOATS = [*_TWO.split(), *_EXTREMES.split(), *_ORDERS, "create_fneg", "create_clampf", "create_fma"]


def _is(handle: Any, dtype: dtypes.Dtype) -> bool:
    return getattr(getattr(handle, "dtype", None), "name", None) == dtype.name


def _bfloat16(self: Any, below: Any, *operands: Any) -> Any:
    """An operation of bfloat16 in fp32, rounded."""
    if not any(_is(each, _BF16) for each in operands):
        return below(*operands)
    touch(self, Bfloat16)
    executor = self.executor
    wide = [executor.handle(executor.values(each), _SINGLE) if _is(each, _BF16) else each for each in operands]
    result = below(*wide)
    if _is(result, _SINGLE):
        return executor.handle(dtypes.encode(result.data, _BF16), _BF16)
    return result


@around(_FLOATS, _bfloat16)
class Bfloat16(Repair):
    row = Row(
        "bf16",
        why="arithmetic, order and constants of bfloat16 work on its bits; no constant of it is known before 3.9.0",
        held_against=f"{H200}: rounded to the nearest after each operation",
    )

    def get_bf16(self, value: float) -> Any:
        touch(self, Bfloat16)
        return self.executor.handle(dtypes.encode(np.array([value], np.float64), _BF16), _BF16)


class NaN(Repair):
    row = Row(
        "NaN in minimum, maximum and clamp",
        why="NaN wins up to 3.7.1 where the language says that the number does",
        held_against=H200,
    )

    def _extreme(self, left: Any, right: Any, number: Any) -> Any:
        if np.isnan(left.data).any() or np.isnan(right.data).any():
            touch(self, NaN)
        return self.executor.handle(number(left.data, right.data), left.dtype)

    def create_minnumf(self, left: Any, right: Any) -> Any:
        return self._extreme(left, right, np.fmin)

    def create_maxnumf(self, left: Any, right: Any) -> Any:
        return self._extreme(left, right, np.fmax)

    def create_clampf(self, arg: Any, low: Any, high: Any, propagate_nans: Any) -> Any:
        if str(propagate_nans).endswith("ALL"):
            clamped = np.where(np.isnan(arg.data), arg.data, np.fmin(np.fmax(arg.data, low.data), high.data))
            return self.executor.handle(clamped, arg.dtype)
        return self._extreme(self._extreme(arg, low, np.fmax), high, np.fmin)


def _ordered(self: Any, below: Any, left: Any, right: Any) -> Any:
    """A comparison gives bits, whatever was compared."""
    if _is(left, _BF16):
        touch(self, Comparisons)
    return self.executor.handle(below(left, right).data, self.executor.tl.int1)


@around([*_ORDERS, *_INTEGER_ORDERS], _ordered)
class Comparisons(Repair):
    row = Row(
        "type of a comparison",
        why="its handle says that it is of the type that was compared, and a bf16 one is then taken for bf16",
        held_against="semantic.py: a comparison is int1",
    )
