"""The released Tritons that this harness knows, each with the torch that pins it: read from ``pairs.toml`` beside it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import files, versions


@dataclass(frozen=True)
class Pair:
    """A released Triton and what it goes with.

    Attributes:
        triton: its version.
        torch: the torch releases that pin it, newest first.
        pythons: the oldest and the newest interpreter, ``major.minor``, that both have wheels for.
        requires: what the pair needs and does not declare.
        gaps: what it cannot run at a level: ``level``, ``feature`` and ``reason`` of each.
    """

    triton: str
    torch: tuple[str, ...]
    pythons: tuple[str, str]
    requires: tuple[str, ...] = ()
    gaps: tuple[Mapping[str, str], ...] = ()

    def runs_on(self, python: str) -> bool:
        """Whether the pair has wheels for the interpreter ``major.minor``."""
        oldest, newest = self.pythons
        return versions.key(oldest) <= versions.key(python) <= versions.key(newest)


@functools.cache
def known() -> tuple[Pair, ...]:
    """Every pair, oldest Triton first."""
    rows = files.read_toml(Path(__file__).with_name("pairs.toml"), "the list of known Tritons")["triton"]
    found = [Pair(triton, **{key: tuple(value) for key, value in row.items()}) for triton, row in rows.items()]
    return tuple(sorted(found, key=lambda pair: versions.key(pair.triton)))
