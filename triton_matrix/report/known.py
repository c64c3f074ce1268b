"""Known failures: what ``tests/known.toml`` accepts, and whether it still occurs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import files


@dataclass(frozen=True)
class KnownRow:
    """A failure that is known and accepted, with the reason. ``*`` and ``?`` match as in a shell."""

    cell: str
    level: str
    test: str
    reason: str

    def covers(self, cell: str, level: str) -> bool:
        """Whether the row speaks of this level of this cell."""
        return _like(self.cell, cell) and _like(self.level, level)


@dataclass(frozen=True)
class Known:
    """The rows of ``tests/known.toml``, and what they accept."""

    rows: tuple[KnownRow, ...] = ()
    slower: tuple[KnownRow, ...] = ()
    file: str = field(default="known.toml", compare=False)

    def reason(self, cell: str, level: str, test: str) -> str:
        """Why this failure is accepted; empty where it is not."""
        return next((row.reason for row in self.rows if row.covers(cell, level) and _like(row.test, test)), "")

    def accepts_slower(self, cell: str, benchmark: str) -> str:
        """Why this benchmark may be slower than before; empty where it may not."""
        return next((row.reason for row in self.slower if _like(row.cell, cell) and _like(row.test, benchmark)), "")

    def slower_gone(self, slower: Iterable[Mapping[str, Any]], compared: Iterable[tuple[str, str]]) -> list[str]:
        """Rows of [[slower]] whose benchmarks were compared and are no longer slower, one sentence each."""
        found, compared = [], list(compared)
        for row in self.slower:
            there = [item for item in compared if _like(row.cell, item[0]) and _like(row.test, item[1])]
            if there and not {(item["cell"], item["name"]) for item in slower} & set(there):
                found.append(
                    f"known slow-down {row.test!r} no longer occurs ({row.reason}): remove it from {self.file}"
                )
        return found

    def gone(self, cell: str, level: str, outcomes: Mapping[str, str]) -> list[str]:
        """Rows whose tests ran here and no longer fail, one sentence each: such a row must go."""
        found = []
        for row in self.rows:
            if row.covers(cell, level):
                ran = [letter for test, letter in outcomes.items() if _like(row.test, test) and letter in "EF."]
                if ran and not set(ran) & {"E", "F"}:
                    found.append(
                        f"known failure {row.test!r} no longer occurs ({row.reason}): remove it from {self.file}"
                    )
        return found


def load(path: Optional[Path]) -> Known:
    """Read the known failures; no file means none.

    Raises:
        ValueError: not to be read as TOML, or a row without its reason; names file and row.
    """
    if path is None or not path.is_file():
        return Known()
    table = files.read_toml(path, "--known")
    unknown = sorted(set(table) - {"test", "slower"})
    if unknown:
        raise ValueError(f"{path.name}: unknown table {unknown[0]!r}; allowed are [[test]] and [[slower]]")
    kinds = {"test": ("cell", "level", "test", "reason"), "slower": ("cell", "benchmark", "reason")}
    rows: dict[str, list[KnownRow]] = {"test": [], "slower": []}
    for kind, keys in kinds.items():
        for number, row in enumerate(table.get(kind, []), 1):
            for key in keys:
                if not row.get(key):
                    raise ValueError(
                        f"{path.name}: row {number} of [[{kind}]] lacks {key!r}; it needs {', '.join(keys)}"
                    )
            for key in row:
                if key not in keys:
                    raise ValueError(
                        f"{path.name}: row {number} of [[{kind}]] has {key!r}; allowed are {', '.join(keys)}"
                    )
            test = row["test" if kind == "test" else "benchmark"]
            rows[kind].append(KnownRow(row["cell"], row.get("level", "device"), test, row["reason"]))
    return Known(tuple(rows["test"]), tuple(rows["slower"]), path.name)


def _like(pattern: str, value: str) -> bool:
    """Whether ``value`` matches; only ``*`` and ``?`` are special, since test ids are full of brackets."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.DOTALL) is not None
