"""What changed since an earlier run, and what differs between two cells of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Optional

from ..base.display_text import counted
from ..base.levels import SHOWN
from ..evidence import causes
from ..evidence.column import Column
from ..evidence.reading import OUTCOMES
from . import columns, speed
from .benches import FIGURES, Timing
from .facts import Facts
from .known import Known
from .matrix import Changes, Columns, Matrix, Pair, Where
from .matrix import Level as LevelJson
from .rows import Level, Row

KEPT = 50  # test ids or rows listed per change; the count is always the full one
Place = tuple[Column, str]  # a column and a level


@dataclass(frozen=True)
class Snapshot:
    """What of a run another one is held against.

    Attributes:
        date: of its newest evidence.
        levels: what has a result, with the letter of each test, sorted; None where it is of no tests.
        environments: what the levels ran on, where that is known.
        known: tests of each level that fail and are accepted.
    """

    date: Optional[str]
    levels: Mapping[Place, Optional[Mapping[str, str]]]
    environments: Mapping[Place, Mapping[str, Any]]
    timings: Sequence[Timing]
    codegen: Columns
    known: Mapping[Place, frozenset[str]] = field(default_factory=dict)


def of_facts(facts: Facts) -> Snapshot:
    """This run."""
    levels = [((row.column, name), of) for row in facts.rows.values() for name, of in row.levels.items()]
    tested = [(place, of.shown) for place, of in levels if isinstance(of, Level)]
    outcomes = {place: dict(sorted(shown.record.outcomes.items())) for place, shown in tested}
    environments = {place: shown.environment.content for place, shown in tested if shown.environment}
    known = {
        place: frozenset(finding.test for result in of.results for finding in result.findings if finding.known)
        for place, of in levels
        if isinstance(of, Level)
    }
    return Snapshot(
        facts.evidence.date,
        {place: outcomes.get(place) for place, _ in levels},
        environments,
        facts.timings,
        facts.codegen.columns,
        known,
    )


def of_matrix(matrix: Matrix) -> Snapshot:
    """A run of before, by its matrix.json."""
    columns_ = {Column(**cell["column"]): cell for cell in matrix["cells"].values()}
    levels = {(column, level): of for column, cell in columns_.items() for level, of in cell["levels"].items()}
    environments = matrix["environments"]
    return Snapshot(
        matrix["date"],
        {place: _letters(matrix["tests"], of) for place, of in levels.items()},
        {place: environments[at] for place, of in levels.items() if (at := of.get("environment")) is not None},
        [_timing(row) for row in matrix["benches"]],
        matrix["codegen"],
    )


def _timing(row: Mapping[str, Any]) -> Timing:
    plain = {name: row[name] for name in Timing.__dataclass_fields__ if name != "figures"}
    return Timing(**plain, figures={name: row[name] for name in FIGURES if name in row})


def _letters(tests: Sequence[str], of: LevelJson) -> Optional[dict[str, str]]:
    if "outcomes" not in of:
        return None
    return {test: letter for test, letter in zip(tests, of["outcomes"]) if letter != " "}


def compare(new: Snapshot, old: Snapshot, against: str, known: Known, allow_stale: bool = False) -> Changes:
    """Everything that is different in ``new``.

    Args:
        against: what ``old`` is called on the page.
        known: accepted slow-downs.
        allow_stale: whether timings of other sources than the checkout's say something about it.
    """
    timed = [row for row in new.timings if allow_stale or not row.outdated]
    times = speed.changes(timed, old.timings)
    moved = [_Moved(place, now, was) for place, now, was in _both(new, old)]
    absent: list[dict[str, str]] = [*speed.gone(new.timings, old.timings), *columns.gone(new.codegen, old.codegen)]
    absent += [row for each in moved for row in each.lost()]
    absent += [
        {"cell": str(column), "level": level}
        for column, level in old.levels
        if (column, level) not in new.levels and level != "codegen"
    ]
    return {
        "against": against,
        "against_date": old.date,
        "newly_failing": [
            row for each in moved for row in each.where(each.failing(new.known.get(each.place, frozenset())))
        ],
        "newly_passing": [row for each in moved for row in each.where(each.passing())],
        "no_longer_run": absent,
        "slower": [{**row, "accepted": known.accepts_slower(row["cell"], row["name"])} for row in times.slower],
        "faster": times.faster,
        "too_noisy": times.too_noisy,
        "compared": times.count,
        "gone": known.slower_gone(times.slower, speed.told(timed, old.timings)),
        "codegen": columns.run_against_run(new.codegen, old.codegen),
        "environment": _environments(new, old),
    }


@dataclass(frozen=True)
class _Moved:
    """The tests of one level in both runs."""

    place: Place
    now: Mapping[str, str]
    was: Mapping[str, str]

    def failing(self, known: frozenset[str]) -> list[str]:
        """Tests that fail, passed before, and are not known to."""
        bad = [test for test, letter in self.now.items() if letter in "EF" and test not in known]
        return [test for test in bad if self.was.get(test) == "." or self._is_file_lost(test)]

    def passing(self) -> list[str]:
        """Tests that pass and failed before."""
        return [test for test, letter in self.now.items() if letter == "." and self.was.get(test, "?") in "EF"]

    def lost(self) -> list[dict[str, str]]:
        """What to say of tests that passed before and did not run."""
        gone = [test for test, letter in self.was.items() if letter == "." and self.now.get(test, "s") in "sn"]
        what = f"of what passed, {counted(gone)}"
        return [{"cell": str(self.place[0]), "level": self.place[1], "what": what}] if gone else []

    def where(self, tests: list[str]) -> list[Where]:
        """The tests as one row; none where there are none."""
        if not tests:
            return []
        column, level = self.place
        again = causes.command(column, level, tests)
        return [{"cell": str(column), "level": level, "count": len(tests), "tests": tests[:KEPT], "command": again}]

    def _is_file_lost(self, file: str) -> bool:
        """Whether ``file`` is one that could not be collected, and with it went tests that passed before."""
        if file in self.was or "::" in file:
            return False
        inside = (test for test in self.was if test.startswith(f"{file}::"))
        return any(self.was[test] == "." and test not in self.now for test in inside)


def _both(new: Snapshot, old: Snapshot) -> Iterator[tuple[Place, Mapping[str, str], Mapping[str, str]]]:
    for place, now in new.levels.items():
        was = old.levels.get(place)
        if now is not None and was is not None:
            yield place, now, was


def cell_against_cell(run: Snapshot, rows: Mapping[Column, Row], left: str, right: str) -> Pair:
    """What differs between two cells of one run: outcomes per level, versions, and speed where both were timed.

    Raises:
        ValueError: a name that there is no row of.
    """
    named = {str(column): column for column in rows}
    for name in (left, right):
        if name not in named:
            raise ValueError(f"no cell {name!r}; there are {', '.join(named)}")
    levels = {}
    for level in SHOWN:
        of_left, of_right = (run.levels.get((named[name], level)) for name in (left, right))
        if of_left is not None and of_right is not None:
            levels[level] = _differences(of_left, of_right)
    return {
        "left": left,
        "right": right,
        "levels": levels,
        "environment": _differ(_distributions(run, named[left]), _distributions(run, named[right])),
        "speed": speed.ratios(run.timings, left, right),
    }


def default_pair(rows: Mapping[Column, Row]) -> Optional[tuple[str, str]]:
    """The oldest and the newest cell that ran a level in common; None where there are no two."""
    tested = {
        str(column): {name for name, of in row.levels.items() if isinstance(of, Level)}
        for column, row in rows.items()
        if not column.subject
    }
    ran = [name for name, levels in tested.items() if levels]
    return next(((a, b) for a, b in product(ran, reversed(ran)) if a != b and tested[a] & tested[b]), None)


def _environments(new: Snapshot, old: Snapshot) -> list[dict[str, Any]]:
    """Per cell what moved; levels that ran in one and the same environment are one row."""
    of_moves: dict[tuple[Column, str], dict[str, Any]] = {}
    for (column, level), here in new.environments.items():
        there = old.environments.get((column, level))
        moved = _differ(_flat(there), _flat(here)) if there is not None else []
        if not moved:
            continue
        row = of_moves.setdefault((column, str(moved)), {"cell": str(column), "level": [], "moved": moved})
        row["level"].append(level)
    return [{**row, "level": ", ".join(row["level"])} for row in of_moves.values()]


def _distributions(run: Snapshot, column: Column) -> dict[str, str]:
    return next((_flat(environment) for (of, _), environment in run.environments.items() if of == column), {})


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    """Resolved versions and the machine's own facts under one flat set of names."""
    flat = {name.lower().replace("_", "-"): str(version) for name, version in environment["distributions"].items()}
    flat["Python"] = str(environment["python"])
    for gpu in environment.get("gpus", [])[:1]:
        flat["GPU"], flat["driver"] = str(gpu["name"]), str(gpu.get("driver"))
    return flat


def _differ(was: Mapping[str, str], now: Mapping[str, str]) -> list[dict[str, Optional[str]]]:
    names = sorted({*was, *now}, key=lambda name: (name.lower() not in ("python", "torch", "triton"), name.lower()))
    return [
        {"name": name, "was": was.get(name), "now": now.get(name)} for name in names if was.get(name) != now.get(name)
    ]


def _differences(left: Mapping[str, str], right: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tests by how their outcome differs, one row per pair of outcomes: ``passed`` here, ``n/a`` there."""
    rows: dict[tuple[str, str], list[str]] = {}
    for test in sorted({*left, *right}):
        here, there = left.get(test, " "), right.get(test, " ")
        if here != there:
            rows.setdefault((here, there), []).append(test)
    names = {**OUTCOMES, " ": "not there"}
    return [
        {"left": names[here], "right": names[there], "count": len(tests), "tests": tests[:KEPT]}
        for (here, there), tests in sorted(rows.items(), key=lambda item: -len(item[1]))
    ]
