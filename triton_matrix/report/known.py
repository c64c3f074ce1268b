"""Known failures: what ``tests/known.toml`` accepts, and whether it still occurs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import files
from ..base.levels import SHOWN
from ..evidence import column

# names that no suite has and that have nothing in common: a pattern that matches all of them says nothing
NAMES_OF_NOTHING = {"test": ("q7.w3::x_9", "zj.k5.v8::Y2::b4[f-6]", "m::g[0]"), "benchmark": ("d1-c6-h", "u/s.t", "p2")}
KINDS = {"test": ("cell", "level", "test", "reason"), "slower": ("cell", "benchmark", "reason")}


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
        """Why this failure is accepted; empty where it is not. A file that fails as a whole is named to the letter."""
        rows = (row for row in self.rows if row.covers(cell, level))
        return next((row.reason for row in rows if _accepts(row, test)), "")

    def accepts_slower(self, cell: str, benchmark: str) -> str:
        """Why this benchmark may be slower than before; empty where it may not."""
        return next((row.reason for row in self.slower if _like(row.cell, cell) and _like(row.test, benchmark)), "")

    def slower_gone(self, slower: Iterable[Mapping[str, Any]], compared: Iterable[tuple[str, str]]) -> list[str]:
        """Rows of [[slower]] whose benchmarks were compared and are no longer slower, or that match all of them."""
        sentences, compared = [], list(compared)
        for row in self.slower:
            if _matches_all(row.test, [name for cell, name in compared if _like(row.cell, cell)]):
                sentences.append(
                    f"known slow-down {row.test!r} matches every benchmark, so it accepts whatever is slower "
                    f"({row.reason}): name what is known to be slower in {self.file}"
                )
                continue
            there = [item for item in compared if _like(row.cell, item[0]) and _like(row.test, item[1])]
            if there and not {(item["cell"], item["name"]) for item in slower} & set(there):
                sentences.append(
                    f"known slow-down {row.test!r} no longer occurs ({row.reason}): remove it from {self.file}"
                )
        return sentences

    def too_wide(self, cell: str, level: str, tests: Collection[str]) -> list[str]:
        """Rows that match every test of a whole run, one sentence each: whatever fails there is accepted."""
        rows = [row for row in self.rows if row.covers(cell, level)]
        return [
            f"known failure {row.test!r} matches each of the {len(tests)} tests that ran, so it accepts whatever fails "
            f"({row.reason}): name what is known to fail in {self.file}"
            for row in rows
            if _matches_all(row.test, tests)
        ]

    def unknown(self, ran: Iterable[tuple[str, str, Iterable[str]]]) -> dict[tuple[str, str], list[str]]:
        """Rows none of whose runs has a test that they name: cell and level of one of those runs -> a sentence each.

        Args:
            ran: the cell, level and test ids of every whole run.
        """
        sentences: dict[tuple[str, str], list[str]] = {}
        ran = list(ran)
        for row in self.rows:
            covered = [each for each in ran if row.covers(*each[:2])]
            if covered and not any(_like(row.test, test) for _, _, tests in covered for test in tests):
                sentence = f"known failure {row.test!r} is no test ({row.reason}): rename or remove it in {self.file}"
                sentences.setdefault(covered[0][:2], []).append(sentence)
        return sentences

    def gone(self, cell: str, level: str, outcomes: Mapping[str, str]) -> list[str]:
        """Rows whose tests ran here and no longer fail, one sentence each: such a row must go."""
        sentences = []
        for row in self.rows:
            if row.covers(cell, level):
                ran = [letter for test, letter in outcomes.items() if _like(row.test, test) and letter in "EF."]
                if ran and not set(ran) & {"E", "F"}:
                    sentences.append(
                        f"known failure {row.test!r} no longer occurs ({row.reason}): remove it from {self.file}"
                    )
        return sentences


def load(path: Optional[Path], cells: Collection[str]) -> Known:
    """Read the known failures; no file means none.

    Args:
        cells: the names in the table of cells.

    Raises:
        ValueError: not to be read as TOML, a row without its reason, or one that speaks of no cell or level, or of
            every test; names file and row.
    """
    if path is None or not path.is_file():
        return Known()
    table = files.read_toml(path, "--known")
    unknown = sorted(set(table) - set(KINDS))
    if unknown:
        raise ValueError(f"{path.name}: unknown table {unknown[0]!r}; allowed are [[test]] and [[slower]]")
    rows: dict[str, list[KnownRow]] = {"test": [], "slower": []}
    for kind, keys in KINDS.items():
        given = table.get(kind, [])
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            raise ValueError(f"{path.name}: {kind!r} is no list of tables; each row begins with [[{kind}]]")
        for number, row in enumerate(given, 1):
            wrong = _trouble(row, keys, cells)
            if wrong:
                raise ValueError(f"{path.name}: row {number} of [[{kind}]] {wrong}")
            test = row["test" if kind == "test" else "benchmark"]
            rows[kind].append(KnownRow(row["cell"], row.get("level", "device"), test, row["reason"]))
    return Known(tuple(rows["test"]), tuple(rows["slower"]), path.name)


def _trouble(row: Mapping[str, Any], keys: tuple[str, ...], cells: Collection[str]) -> str:
    """What is wrong with a row, to be said after its number; "" where nothing is."""
    for key in keys:
        if not row.get(key):
            return f"lacks {key!r}; it needs {', '.join(keys)}"
        if not isinstance(row[key], str):
            return f"has {key} = {row[key]!r}; allowed is a text"
    for key in row:
        if key not in keys:
            return f"has {key!r}; allowed are {', '.join(keys)}"
    cell, level = row["cell"], row.get("level", "device")
    if column.parse(cell).cell not in cells and not any(_like(cell, name) for name in cells):
        return f"has cell = {cell!r}, which is no row of cells.toml; allowed are {', '.join(cells)}"
    if not any(_like(level, name) for name in SHOWN):
        return f"has level = {level!r}; allowed are {', '.join(SHOWN)}, and * and ? in them"
    for key in ("test", "benchmark"):
        if key in row and all(_like(row[key], name) for name in NAMES_OF_NOTHING[key]):
            return f"has {key} = {row[key]!r}, which accepts whatever fails; name what is known to fail"
    return ""


def _matches_all(pattern: str, names: Collection[str]) -> bool:
    """Whether a pattern matches each of these names, and is not one of them to the letter."""
    return bool(names) and bool(set(pattern) & set("*?")) and all(_like(pattern, name) for name in names)


def _accepts(row: KnownRow, test: str) -> bool:
    return row.test == test or ("::" in test and _like(row.test, test))


def _like(pattern: str, value: str) -> bool:
    """Whether ``value`` matches; only ``*`` and ``?`` are special, since test ids are full of brackets."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.DOTALL) is not None
