"""The released Tritons that this harness knows, each with the torch that pins it: ``pairs.toml`` beside this file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from . import files, versions

# Every distribution that owns ``import triton``: PyTorch's indexes call it otherwise by platform and age.
DISTRIBUTIONS = ("triton-rocm", "pytorch-triton-rocm", "triton-xpu", "pytorch-triton-xpu", "pytorch-triton", "triton")
PYTHON = "3.11"  # the one interpreter that spans every known Triton


@dataclass(frozen=True)
class Pair:
    """A released Triton and what it goes with.

    Attributes:
        triton: its version.
        torch: the torch releases that pin it, newest first.
        pythons: the oldest and the newest interpreter, ``major.minor``, that both have wheels for.
        requires: what the pair needs and does not declare.
        only_on: which interpreters it needs, such as ``python<3.14``, where it has wheels for others too.
        gaps: what it cannot run at a level: ``level``, ``feature`` and ``reason`` of each.
    """

    triton: str
    torch: tuple[str, ...]
    pythons: tuple[str, str]
    requires: tuple[str, ...] = ()
    only_on: str = ""
    gaps: tuple[Mapping[str, str], ...] = ()

    def needs(self, level: str) -> Mapping[str, str]:
        """What it needs at a level -> what goes wrong there without it."""
        wanted = (*filter(None, [self.only_on]), *self.requires)
        known = _table()["requirement"]
        return {each: known[each]["why"] for each in wanted if level in known[each]["levels"]}

    def python(self, allowed: Callable[[str], bool] = lambda python: True) -> Optional[str]:
        """The interpreter to take of those that are ``allowed``; None where there is none.

        :data:`PYTHON`, or what is nearest to it; of two that are equally near, the newer one.
        """
        oldest, newest = (int(each.partition(".")[2]) for each in self.pythons)
        usual = int(PYTHON.partition(".")[2])
        fit = [minor for minor in range(oldest, newest + 1) if allowed(f"3.{minor}")]
        best = min(fit, key=lambda minor: (abs(minor - usual), -minor), default=None)
        return None if best is None else f"3.{best}"


@functools.cache
def known() -> tuple[Pair, ...]:
    """Every pair, oldest Triton first."""
    rows = _table()["triton"]
    pairs = [Pair(triton, **{key: _frozen(value) for key, value in row.items()}) for triton, row in rows.items()]
    return tuple(sorted(pairs, key=lambda pair: versions.key(pair.triton)))


def of(triton: str) -> Optional[Pair]:
    """The pair of a Triton, or of the known release of the same minor: 3.5.0 needs what 3.5.1 does. None: unknown."""
    minor = triton.split(".")[:2]
    return next((pair for pair in known() if pair.triton.split(".")[:2] == minor), None)


def nearest(triton: str) -> Optional[Pair]:
    """:func:`of` a Triton; of one that is newer than all of them, the newest. None: an older one that is unknown."""
    newest = known()[-1]
    return of(triton) or (newest if versions.key(triton) > versions.key(newest.triton) else None)


def row_of(triton: str) -> dict[str, Any]:
    """What the row of a Triton says by default: ``python``, ``requires`` and ``gaps``, and ``torch`` where it is known.

    A release that is newer than all of them needs what the newest one needs.
    """
    pair = nearest(triton)
    row: dict[str, Any] = {"python": PYTHON}
    if pair:
        row = {"python": str(pair.python()), "requires": pair.requires, "gaps": pair.gaps}
        row.update({"torch": pair.torch[0]} if pair.triton == triton else {})
    return row


@functools.cache
def _table() -> dict[str, Any]:
    return files.read_toml(Path(__file__).with_name("pairs.toml"), "the list of known Tritons")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
