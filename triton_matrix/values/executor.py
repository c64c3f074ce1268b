"""One release's interpreter, repaired: its frontend is the language and stays as it is, its executor is mended.

A repair is a class that stands before the release's own builder of operations: what it defines is done so, the rest
is the release's. Its :class:`Row` says for which releases it is, why, and what it was held against.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from ..base import versions
from . import dots, dtypes
from .memory import Memory
from .memory import NotApplicable as NotApplicable


@dataclass(frozen=True)
class Row:
    """What a repair is.

    Attributes:
        name: as a launch's result names it.
        why: what the interpreters do instead.
        held_against: what says that the repair is right.
        first, last: the releases whose interpreters need it; None is open.
    """

    name: str
    why: str
    held_against: str
    first: Optional[str] = None
    last: Optional[str] = None

    def covers(self, release: str) -> bool:
        """Whether it is for a release."""
        at = versions.key(release)
        old = self.first is not None and at < versions.key(self.first)
        return not old and (self.last is None or bool(at <= versions.key(self.last)))


class Repair:
    """Base of all repairs: operations of a builder that stand before the release's own."""

    row: Row
    executor: Executor

    @classmethod
    def install(cls, executor: Executor) -> None:
        """Mend what is no operation of the builder."""


def touch(builder: Any, repair: type[Repair]) -> None:
    """Note that the launch under way went through a repair."""
    builder.executor.touched.add(repair.row.name)


def around(names: Iterable[str], make: Callable[..., Any]) -> Callable[[type[Repair]], type[Repair]]:
    """A class decorator: each operation of ``names`` becomes ``make(self, below, *operands)``, below being the rest."""

    def one(repair: type[Repair], name: str) -> Callable[..., Any]:
        def operation(self: Any, *operands: Any, **named: Any) -> Any:
            def below(*given: Any) -> Any:
                return getattr(super(repair, self), name)(*given, **named)

            return make(self, below, *operands)

        return operation

    def decorate(repair: type[Repair]) -> type[Repair]:
        for name in names:
            setattr(repair, name, one(repair, name))
        return repair

    return decorate


class Executor:
    """The interpreter of the Triton that this Python has, and what its repairs share.

    Attributes:
        release: Triton's version, without what a vendor adds to it.
        tl: ``triton.language``.
        module: ``triton.runtime.interpreter``.
        builder: what computes operations.
        semantic: what calls it: the builder itself up to 3.3.1.
        memory: the storages of the launch under way.
        touched: the repairs that the launch under way went through.
        dots: what dots of the program under way have computed (:mod:`dots`); without repairs nothing counts.
    """

    def __init__(self, repairs: Sequence[type[Repair]]) -> None:
        """Imports Triton, which must not have been imported without TRITON_INTERPRET=1."""
        triton = importlib.import_module("triton")
        self.release: str = triton.__version__.partition("+")[0]
        self.tl: Any = importlib.import_module("triton.language")
        self.module: Any = importlib.import_module("triton.runtime.interpreter")
        self.builder: Any = getattr(self.module, "interpreter_builder", None) or self.module.builder
        self.semantic: Any = getattr(self.module, "interpreter_semantic", self.builder)
        self.memory = Memory()
        self.touched: set[str] = set()
        self.dots: Counter[str] = Counter()
        self.repairs = [repair for repair in repairs if repair.row.covers(self.release)]
        self.builder.executor = self
        if self.repairs:
            own = type(self.builder)
            self.builder.__class__ = type("Repaired", (dots.before(own), *self.repairs, own), {})
        for repair in self.repairs:
            repair.install(self)

    def since(self, release: str) -> bool:
        """Whether this is that release or a later one."""
        return bool(versions.key(self.release) >= versions.key(release))

    def begin(self) -> None:
        """Forget the launch before."""
        self.memory = Memory()
        self.touched = set()
        self.dots = Counter()

    def dtype(self, handle_or_type: Any) -> dtypes.Dtype:
        """The element type of a handle or of one of the language's types; not of pointers."""
        element = getattr(handle_or_type, "dtype", handle_or_type)
        while hasattr(element, "element_ty"):
            element = element.element_ty
        return dtypes.BY_OBJECT[element.name]

    def is_pointer(self, handle: Any) -> bool:
        """Whether a handle holds addresses."""
        return bool(handle.dtype.scalar.is_ptr())

    def language_type(self, dtype: dtypes.Dtype) -> Any:
        """The language's object for an element type; NotApplicable where this release has none."""
        language_dtype = getattr(self.tl, dtype.language, None)
        if language_dtype is None:
            raise NotApplicable(f"triton {self.release} has no {dtype.name}")
        return language_dtype

    def handle(self, data: Any, dtype: Any) -> Any:
        """A handle of numpy data; ``dtype`` is one of the language's types or an element type."""
        if isinstance(dtype, dtypes.Dtype):
            dtype = self.language_type(dtype)
        return self.module.TensorHandle(data, dtype.scalar)

    def tensor(self, data: Any, dtype: Any) -> Any:
        """A tensor of the language: a block, or a scalar where the data has no dimension."""
        scalar = self.language_type(dtype) if isinstance(dtype, dtypes.Dtype) else dtype.scalar
        if np.ndim(data) == 0:
            return self.tl.tensor(self.handle(np.reshape(data, (1,)), scalar), scalar)
        return self.tl.tensor(self.handle(data, scalar), self.tl.block_type(scalar, list(np.shape(data))))

    def values(self, handle: Any) -> Any:
        """A handle's numbers, with what numpy lacks as fp32."""
        return dtypes.decode(handle.data, self.dtype(handle))

    def bind(self, member: Callable[..., Any]) -> Callable[..., Any]:
        """One of the language's builtins, given what the compiler would give it."""
        name = "_semantic" if self.since("3.4.0") else "_builder"
        semantic = self.semantic

        def bound(*args: Any, **kwargs: Any) -> Any:
            kwargs[name] = semantic
            return member(*args, **kwargs)

        bound.__name__ = getattr(member, "__name__", "builtin")
        return bound

    def language_modules(self) -> list[Any]:
        """Every module of the language that is imported."""
        return [module for name, module in sorted(sys.modules.items()) if name.startswith("triton.language") and module]
