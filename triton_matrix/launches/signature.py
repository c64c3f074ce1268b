"""The signature of a launch, as every Triton can be told it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Signature:
    """A kernel's parameters as one configuration fixes them.

    Attributes:
        names: all parameters in order, constants included.
        types: Triton type of each parameter that is not a constant ("*fp32", "i32", a tuple of such).
        constants: value of each ``tl.constexpr`` parameter, of those that are None, and of integers that are 1.
        divisible: names whose value (of a pointer: address) is a multiple of 16.
        ones: names of the integers that are 1, which a launch makes constants.
        inner: constants inside tuples, by their path: index of the parameter, then index in the tuple.
        divisible_inner: paths inside tuples whose value is a multiple of 16.
    """

    names: tuple[str, ...]
    types: dict[str, Any]
    constants: dict[str, Any]
    divisible: frozenset[str]
    ones: frozenset[str] = frozenset()
    inner: dict[tuple[int, ...], Any] = field(default_factory=dict)
    divisible_inner: frozenset[tuple[int, ...]] = frozenset()

    def specialization(self, name: str) -> str:
        """Triton's own letters: D divisible by 16, S a tensor smaller than 2 GB, which backends may ignore."""
        return ("D" if name in self.divisible else "") + ("S" if _is_pointer(self.types.get(name)) else "")

    def leaves(self) -> Iterator[tuple[tuple[int, ...], str]]:
        """The letters of every parameter and of everything inside tuples, by path."""
        for index, name in enumerate(self.names):
            kind = self.types.get(name)
            if isinstance(kind, tuple):
                yield from self._inside((index,), kind)
            else:
                yield (index,), self.specialization(name)

    def _inside(self, path: tuple[int, ...], kinds: tuple[Any, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
        for index, kind in enumerate(kinds):
            where = (*path, index)
            if isinstance(kind, tuple):
                yield from self._inside(where, kind)
            else:
                yield where, ("D" if where in self.divisible_inner else "") + ("S" if _is_pointer(kind) else "")

    def by_index(self) -> tuple[dict[int, str], dict[int, Any], set[int], set[int]]:
        """Types, constants, divisible parameters and ones, keyed by position instead of name."""
        index = {name: i for i, name in enumerate(self.names)}
        types = {index[name]: kind for name, kind in self.types.items()}
        constants = {index[name]: value for name, value in self.constants.items()}
        return types, constants, {index[name] for name in self.divisible}, {index[name] for name in self.ones}


def _is_pointer(kind: Any) -> bool:
    return isinstance(kind, str) and kind.startswith("*")
