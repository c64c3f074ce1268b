"""Triton 2.3.1's interpreter is a sketch: the operations that it lacks or computes otherwise, in one table."""

from __future__ import annotations

import re
import types
from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Executor, Repair, Row, touch

_LAST = "2.3.1"
_TWO: dict[str, Any] = {
    "create_fadd": np.add,
    "create_fsub": np.subtract,
    "create_fmul": np.multiply,
    "create_fdiv": np.divide,
    "create_frem": np.fmod,
    "create_add": np.add,
    "create_sub": np.subtract,
    "create_mul": np.multiply,
    "create_srem": np.fmod,
    "create_urem": np.fmod,
    "create_minf": np.fmin,
    "create_maxf": np.fmax,
    "create_shl": np.left_shift,
    "create_lshr": np.right_shift,
    "create_ashr": np.right_shift,
}
_OPERATOR = re.compile(
    "__r?(add|sub|mul|mod|truediv|floordiv|gt|ge|lt|le|eq|ne|and|or|xor|pow|rshift|lshift)__"  # of two operands
)
_OPTIONS = types.SimpleNamespace(allow_fp8e4nv=True, max_num_imprecise_acc_default=0)
_ONE: dict[str, Any] = {"create_fneg": np.negative, "create_floor": np.floor, "create_ceil": np.ceil}


class Generation2(Repair):
    row = Row(
        "operations that 2.3.1 lacks",
        why="constants, types, unsigned integers, reductions to a scalar, indexing by None, atomics, 16-bit casts and a"
        " third of all operations are missing; // and % of integers are rounded down",
        held_against="an H200, 2026-11-29, triton 2.3.1",
        last=_LAST,
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        from .casts import Casts

        executor.builder.options = _OPTIONS
        builder = type(executor.builder)
        for name in ("si_to_fp", "ui_to_fp", "fp_to_si", "fp_to_ui", "fp_ext", "fp_trunc"):
            setattr(builder, f"create_{name}", lambda self, src, dst_type: Casts.cast_impl(self, src, dst_type))
        for row in dtypes.DTYPES.values():
            kind = getattr(executor.tl, row.language, None)
            if kind is None or row.kind == "int":
                continue
            setattr(builder, f"get_{row.language}", _constant(row))
            setattr(builder, f"get_{row.name}", _constant(row))
        _let_constants_meet_numbers(executor.tl.constexpr)

    def get_null_value(self, type: Any) -> Any:
        return self.executor.handle(np.zeros(1, self.executor.dtype(type).storage), type)

    def create_sdiv(self, left: Any, right: Any) -> Any:
        touch(self, Generation2)
        with np.errstate(all="ignore"):
            whole = (left.data - np.fmod(left.data, right.data)) // right.data
        return self.executor.handle(whole, left.dtype)

    create_udiv = create_sdiv

    def create_select(self, cond: Any, left: Any, right: Any) -> Any:
        touch(self, Generation2)
        return self.executor.handle(np.where(cond.data, left.data, right.data), left.dtype)

    def create_fabs(self, arg: Any) -> Any:
        unsigned = np.dtype(f"uint{arg.data.dtype.itemsize * 8}")
        bits = np.ascontiguousarray(arg.data).view(unsigned)
        bits = bits & unsigned.type(np.iinfo(unsigned).max >> 1)
        return self.executor.handle(bits.view(arg.data.dtype), arg.dtype)

    def create_reshape(self, arg: Any, shape: Any, *how: Any) -> Any:
        return self.executor.handle(arg.data.reshape(shape), arg.dtype)

    create_view = create_reshape

    def create_cat(self, left: Any, right: Any) -> Any:
        return self.executor.handle(np.concatenate([left.data, right.data]), left.dtype)

    def create_trans(self, arg: Any) -> Any:
        return self.executor.handle(np.transpose(arg.data), arg.dtype)

    def create_ptr_to_int(self, arg: Any, type: Any) -> Any:
        return self.executor.handle(arg.data.astype(self.executor.dtype(type).storage), type)

    def create_int_to_ptr(self, arg: Any, type: Any) -> Any:
        return self.executor.handle(arg.data.astype(np.uint64), type)

    def create_splat(self, arg: Any, shape: Any) -> Any:
        touch(self, Generation2)
        return self.executor.handle(np.full(shape, arg.data.reshape(-1)[0]), arg.dtype)

    def create_barrier(self) -> None:
        """Programs run one after the other."""


def _let_constants_meet_numbers(constexpr: Any) -> None:
    """To a compiler every number of a kernel is a constexpr; interpreted, Python's own stand beside them."""
    for name, own in list(vars(constexpr).items()):
        if _OPERATOR.fullmatch(name):
            setattr(constexpr, name, _meeting(constexpr, own))


def _meeting(constexpr: Any, own: Any) -> Any:
    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, (list, tuple)):
            return other * self.value  # a shape
        return own(self, other if isinstance(other, constexpr) else constexpr(other))

    return operator


def _constant(row: dtypes.Dtype) -> Any:
    def get(self: Any, value: Any) -> Any:
        return self.executor.handle(dtypes.encode(np.array([value], np.float64), row), row)

    return get


def _two(function: Any) -> Any:
    def operation(self: Any, left: Any, right: Any) -> Any:
        touch(self, Generation2)
        with np.errstate(all="ignore"):
            return self.executor.handle(function(left.data, right.data).astype(left.data.dtype), left.dtype)

    return operation


def _one(function: Any) -> Any:
    return lambda self, arg: self.executor.handle(function(arg.data), arg.dtype)


for _name, _function in _TWO.items():
    setattr(Generation2, _name, _two(_function))
for _name, _function in _ONE.items():
    setattr(Generation2, _name, _one(_function))
