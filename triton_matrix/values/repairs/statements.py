"""What a kernel's statements mean to a compiler: truth, and, or, not, loops, assignments."""

from __future__ import annotations

import builtins
import importlib
from typing import Any

import numpy as np

from ..executor import Executor, Repair, Row
from . import rewriting


class Statements(Repair):
    """A kernel's statements mean what they mean to a compiler."""

    row = Row(
        "and, or, not, min, max of tensors",
        why="Python itself decides: `a and b` of two blocks is b, min(a, b) is one of them whole",
        held_against="the compilers' code_generator.py: visit_BoolOp, visit_Assign, visit_For, builtin_namespace",
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        rewriting.HELPERS.update(Helpers(executor).names())

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            return rewriting.rewritten(self.fn)(*args, **kwargs)

        executor.module.InterpretedFunction.__call__ = call


class Loops(Repair):
    """A loop's variable is a tensor, as its bounds are."""

    row = Row(
        "loop variables",
        why="Python's range gives numbers: they have no `.to`, and take part in arithmetic as constants",
        held_against="the compilers' visit_For",
    )


class Assignments(Repair):
    """``x = 0`` makes a tensor."""

    row = Row(
        "assigned numbers",
        why="they stay Python's numbers, and take part in arithmetic as constants",
        held_against="the compilers' visit_Assign, and the interpreters from 3.2.0 on",
        last="3.1.0",
    )


def truth(value: Any) -> bool:
    """The truth of a condition; a block has none.

    Raises:
        BlockTruth: a block's truth was asked for.
    """
    handle = getattr(value, "handle", None)
    if handle is None:
        return bool(value)
    if handle.data.size != 1:
        raise BlockTruth("a condition is a block; allowed is a scalar")
    return bool(handle.data.item())


class BlockTruth(TypeError):
    """The truth of a block was asked for."""


class Helpers:
    """What rewritten kernels call."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._tl = executor.tl
        self._tensor = executor.tl.tensor
        self._constexpr = executor.tl.constexpr

    def names(self) -> dict[str, Any]:
        """Every helper by its name."""
        public = ("both", "either", "negated", "truth", "loop", "assigned", "called", "chained")
        return {name: getattr(self, name) for name in public}

    truth = staticmethod(truth)

    def both(self, *operands: Any) -> Any:
        """``a and b``; operands are functions, so that what is known beforehand ends it early."""
        return self._joined(operands, "logical_and", False)

    def either(self, *operands: Any) -> Any:
        """``a or b``."""
        return self._joined(operands, "logical_or", True)

    def _joined(self, operands: Any, method: str, ends: bool) -> Any:
        tensors, last = [], None
        for operand in operands:
            last = operand()
            if isinstance(last, self._tensor):
                tensors.append(last)
            elif bool(last) is ends:
                return last
        if not tensors:
            return last
        result = tensors[0]
        for other in tensors[1:]:
            self._executor.touched.add(Statements.row.name)
            result = getattr(result, method)(other)
        return result

    def negated(self, value: Any) -> Any:
        """``not a``."""
        return value.__not__() if isinstance(value, self._tensor) else not value

    def chained(self, *comparisons: Any) -> Any:
        """``a < b < c``."""
        if not self._executor.since("3.9.0"):
            raise NotImplementedError(f"triton {self._executor.release} does not compile a chain of comparisons")
        return self.both(*comparisons)

    def called(self, name: str, function: Any) -> Any:
        """What a call of ``min`` or ``max`` calls where it is Python's own."""
        if function is not getattr(builtins, name):
            return function

        def extreme(*args: Any, **kwargs: Any) -> Any:
            if not any(isinstance(arg, self._tensor) for arg in args):
                return function(*args, **kwargs)
            self._executor.touched.add(Statements.row.name)
            ours = getattr(self._tl, f"{name}imum")
            result = args[0]
            for other in args[1:]:
                result = ours(result, other)
            return result

        return extreme

    def assigned(self, value: Any) -> Any:
        """What a name holds after ``x = value``."""
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.assigned(each) for each in value)
        value = value.value if isinstance(value, self._constexpr) else value
        if isinstance(value, (bool, int, float)):
            if Assignments in self._executor.repairs:
                self._executor.touched.add(Assignments.row.name)
            return self.number(value)
        return value

    def number(self, value: Any) -> Any:
        """A scalar of the language for a number, typed as every release types it."""
        tl = self._tl
        if isinstance(value, bool):
            return self._executor.tensor(np.bool_(value), tl.int1)
        if isinstance(value, int):
            for low, high, dtype in (
                (-(2**31), 2**31, tl.int32),
                (2**31, 2**32, tl.uint32),
                (-(2**63), 2**63, tl.int64),
                (2**63, 2**64, tl.uint64),
            ):
                if low <= value < high:
                    return self._executor.tensor(np.array(value, getattr(np, dtype.name)), dtype)
            raise ValueError(f"{value} does not fit an integer of 64 bits")
        size = abs(value)
        single = size in (0.0, float("inf")) or value != value or 2**-126 <= size <= (2 - 2**-23) * 2.0**127
        return self._executor.tensor(*((np.float32(value), tl.float32) if single else (np.float64(value), tl.float64)))

    def loop(self, kind: Any, *bounds: Any, **named: Any) -> Any:
        """What a ``for`` goes through."""
        if kind is getattr(self._tl, "static_range", None):
            plain = [int(self._plain(each)) for each in _range_arguments(bounds, named)]
            return builtins.range(*plain)
        if kind is not builtins.range and kind is not getattr(self._tl, "range", None):
            made = kind(*bounds, **named)
            if not isinstance(made, builtins.range):
                return made
            bounds, named = (made.start, made.stop, made.step), {}  # of a function that a module has in place of it
        self._executor.touched.add(Loops.row.name)
        return self._tensors(_range_arguments(bounds, named))

    def _tensors(self, bounds: list[Any]) -> Any:
        dtype = self._tl.int32
        for each in bounds:
            own = each.dtype if isinstance(each, self._tensor) else self.number(int(self._plain(each))).dtype
            if not own.is_int():
                raise TypeError(f"bounds of a loop are of type {own}; allowed are integers")
            dtype = self._promoted(dtype, own)
        storage = getattr(np, dtype.name)
        for value in builtins.range(*(int(self._plain(each)) for each in bounds)):
            yield self._executor.tensor(np.array(value).astype(storage), dtype)

    def _promoted(self, left: Any, right: Any) -> Any:
        if self._executor.since("3.4.0"):
            return self._executor.semantic.integer_promote_impl(left, right)
        return importlib.import_module("triton.language.semantic").integer_promote_impl(left, right)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, self._tensor):
            return value.handle.data.item()
        return value.value if isinstance(value, self._constexpr) else value


def _range_arguments(bounds: Any, named: Any) -> list[Any]:
    """The start, end and step of a range, of those that were given."""
    given = list(bounds)
    for name, at in (("arg1", 0), ("start", 0), ("arg2", 1), ("end", 1), ("step", 2)):
        if named.get(name) is not None and len(given) <= at:
            given.append(named[name])
    return [each for each in given if each is not None]
