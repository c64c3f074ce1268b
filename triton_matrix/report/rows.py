"""The rows of the report: a cell of the table or another column, with the results that count at each level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional, Union

from ..base.cells import Cell, Table
from ..base.levels import LEVELS, SHOWN
from ..evidence import causes
from ..evidence.column import AMBIENT, Column
from ..evidence.reading import Document
from .known import Known
from .results import LaunchesResult, SuiteResult
from .selection import Kept


@dataclass(frozen=True)
class Level:
    """A level of a column. The worst of its results stands for all of them.

    Attributes:
        results: one for each kind of machine.
        shown: the worst of them.
        gone: known failures that no longer occur on any of them, are no test, or accept whatever fails.
        platforms: whose GPUs gave the results that count.
    """

    results: tuple[SuiteResult, ...]
    shown: SuiteResult
    gone: tuple[str, ...]
    platforms: tuple[str, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Outcome -> tests."""
        return self.shown.counts

    @property
    def versions(self) -> dict[str, str]:
        """As resolved."""
        said = self.shown.record.properties
        return {name: said[name] for name in ("python", "torch", "triton") if said.get(name)}


@dataclass(frozen=True)
class Row:
    """A column: what the table says of its cell (None where it has none of that name), and what was found."""

    column: Column
    cell: Optional[Cell]
    levels: Mapping[str, Union[Level, LaunchesResult]] = field(default_factory=dict)
    stopped: Optional[Document] = None
    unavailable: Optional[Document] = None


def build(kept: Kept, table: Table, known: Known) -> dict[Column, Row]:
    """A row for each cell of the table, whatever was found, then for every other column that has a result."""
    listed = [Column(name) for name in table.cells]
    others = {*kept.suites, *kept.unavailable, *kept.stopped, *kept.launches} - set(listed)
    if any(column.cell == AMBIENT and column.triton for column in kept.suites):
        # its results stand under the Tritons that they were taken on
        listed = [column for column in listed if column != Column(AMBIENT) or column in kept.suites]
    wrong = _wrong_rows(kept, known)
    rows = {}
    for column in [*listed, *sorted(others)]:
        ran = kept.suites.get(column, {})
        levels: dict[str, Union[Level, LaunchesResult]] = {
            level: _level(ran[level], wrong.get((str(column), level), [])) for level in SHOWN if level in ran
        }
        if column in kept.launches:
            levels["codegen"] = kept.launches[column]
        cell = table.cells.get(column.cell)
        rows[column] = Row(column, cell, levels, kept.stopped.get(column), kept.unavailable.get(column))
    return rows


def failures(rows: Mapping[Column, Row]) -> list[causes.Group]:
    """What is wrong in all rows, by its root."""
    return causes.grouped([*_findings(rows), *_of_launches(rows)])


def _findings(rows: Mapping[Column, Row]) -> Iterator[tuple[Column, str, causes.Finding]]:
    for column, row in rows.items():
        for level, of in row.levels.items():
            if isinstance(of, Level):
                counted = (result for result in of.results if result.is_counted)
                yield from ((column, level, finding) for result in counted for finding in result.findings)
        if row.stopped:
            yield column, LEVELS[0], causes.of_stop(row.stopped)


def _of_launches(rows: Mapping[Column, Row]) -> Iterator[tuple[Column, str, causes.Finding]]:
    for column, row in rows.items():
        for level, of in row.levels.items():
            if isinstance(of, LaunchesResult):
                yield from ((column, level, finding) for finding in of.findings)


def _wrong_rows(kept: Kept, known: Known) -> dict[tuple[str, str], list[str]]:
    """Rows of known failures that are no test, or accept whatever fails, by the column and level that show it."""
    whole = [
        result
        for levels in kept.suites.values()
        for results in levels.values()
        for result in results
        if not result.outdated and not result.shortfall
    ]
    ran = [(str(result.record.column), result.record.level, result.record.outcomes) for result in whole]
    wrong = known.unknown(ran)
    for column, level, outcomes in ran:
        wrong.setdefault((column, level), []).extend(known.too_wide(column, level, outcomes))
    return wrong


def _level(results: tuple[SuiteResult, ...], wrong: list[str]) -> Level:
    shown = max(results, key=_rank)
    # a row of known failures does not say on which machine: it is gone where it occurs on none
    gone = [row for row in shown.gone if all(row in result.gone for result in results)]
    platforms = {result.platform for result in results if result.is_counted} - {""}
    return Level(results, shown, (*gone, *wrong), tuple(sorted(platforms)))


def _rank(result: SuiteResult) -> tuple[bool, bool, str]:
    bad = result.failing or result.shortfall or result.ran_no_kernel
    return bool(bad), bool(result.counts["passed"]), result.date
