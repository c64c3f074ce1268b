"""Evidence of any number of machines becomes one matrix: per cell and level the newest result, the others listed.

``build`` gives the content of ``reports/matrix.json``, schema ``triton-matrix/matrix/3``. Missing is what only a
second run can tell (``compare_runs``) and the verdicts (``verdict``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional, cast

from ..base import versions
from ..base.cells import Table
from ..base.terms import LEVELS
from ..evidence import runs, schemas
from ..evidence.reading import OUTCOMES, Atlas, Document, Evidence, Suite, is_subject, table_cell
from ..suites import causes
from ..suites.incidents import as_expected
from . import atlas, benches, machines, subjects, words
from .current import Current
from .known import Known
from .matrix import Failure, Found, FoundCell, FoundLevel, Row, Stopped, Superseded, Timing, Unavailable

SCHEMA = schemas.MATRIX
SKIPS_KEPT = 20  # reasons of skipped tests kept per level, the most frequent first


def build(evidence: Evidence, current: Current, known: Known, accepted: Path) -> Found:
    """One matrix of everything in ``evidence``.

    Args:
        evidence: what ``evidence.read`` found.
        current: the checkout that is asked about; a cell of its table without any evidence still has its row.
        known: accepted failures.
        accepted: the file of accepted codegen changes.

    Raises:
        ValueError: that file is there and malformed.
    """
    table = current.table
    superseded: list[Superseded] = []
    outdated = {id(suite): current.outdated(suite) for suite in evidence.suites}
    machine = {id(suite): machines.of(suite, evidence.environments) for suite in evidence.suites}
    levels_of = _by_level(evidence, current, outdated, machine, superseded)
    suites = [suite for levels in levels_of.values() for kept in levels.values() for suite in kept]
    stopped = _standing(evidence.failures, evidence.suites, superseded, outweighed=False)
    missing = _standing(evidence.unavailable, evidence.suites, superseded, outweighed=True)
    old = {id(item): current.outdated_bench(item) for item in evidence.benches}
    timed = dict(
        sorted(
            machines.newest(
                evidence.benches,
                benches.place_of,
                superseded,
                lambda item: (not old[id(item)], not benches.selected(item), item.date, item.file),
            ).items()
        )
    )
    on = benches.told_apart(timed, {place: old[id(item)] for place, item in timed.items()})
    launches = machines.newest(evidence.launches, lambda item: item.cell, superseded)
    releases, computed = (_newest_of_releases(each, current, superseded) for each in (evidence.atlas, evidence.values))

    tests = sorted({test for suite in suites for test in suite.outcomes})
    groups: dict[tuple[str, str], causes.Group] = {}
    environments: list[dict[str, Any]] = []
    whole = [suite for suite in suites if not outdated[id(suite)] and not _shortfall(suite)]
    wrong = known.unknown((suite.cell, suite.level, suite.outcomes) for suite in whole)
    for suite in whole:
        wide = known.too_wide(suite.cell, suite.level, suite.outcomes)
        wrong.setdefault((suite.cell, suite.level), []).extend(wide)
    cells: dict[str, FoundCell] = {}
    for cell in [
        *table.cells,
        *sorted((set(levels_of) | set(missing) | set(stopped) | set(launches)) - set(table.cells)),
    ]:
        ran = levels_of.get(cell, {})
        if cell == "ambient" and not ran and any(name.startswith("ambient-") for name in levels_of):
            continue  # its results stand under the Tritons that they were taken on
        levels: dict[str, FoundLevel] = {}
        for name in LEVELS:
            if name in ran:
                found, platforms = [], set()
                for suite in ran[name]:
                    counts = current.allow_stale or not outdated[id(suite)]
                    platforms |= {machines.platform_of_suite(suite, evidence.environments)} if counts else set()
                    level_ = _level(suite, tests, groups if counts else {}, known, environments, evidence)
                    level_ = {**level_, **_of_run(suite, table)}
                    level_["outdated"], level_["own"] = outdated[id(suite)], current.is_own(suite)
                    found.append((machine[id(suite)], level_))
                levels[name] = {**machines.worst(found), "platforms": sorted(platforms - {""})}
                levels[name]["gone"] += wrong.get((cell, name), [])
        cells[cell] = {**_row(table, cell), "levels": levels, "unavailable": None, "stopped": None}
        if cell in stopped:
            causes.group_document(groups, stopped[cell])
            said = stopped[cell].content
            ended: Stopped = {
                "stage": said["stage"],
                "command": said["command"],
                "status": said["status"],
                "date": said["date"],
                "tail": said["tail"],
            }
            cells[cell]["stopped"] = ended
        if cell in missing:
            said = missing[cell].content
            why: Unavailable = {"verdict": said["verdict"], "reason": said["reason"], "date": said["date"]}
            cells[cell]["unavailable"] = why
    for document in launches.values():
        subjects.add_launches(cells, groups, document)
    raw = [(f"{suite.cell} {suite.level}", suite.file) for suite in _in_order(suites, cells)]
    raw += [(words.on(f"{place.cell} {place.level} benchmarks", on[place]), item.file) for place, item in timed.items()]
    raw += [(f"codegen of {name}", item.file) for name, item in releases.items()]
    raw += [(f"values of {name}", item.file) for name, item in computed.items()]
    return {
        "schema": SCHEMA,
        "date": max([item.date for item in _all(evidence)], default=None),
        "commits": _commits(suites),
        "cells": cells,
        "tests": tests,
        "outcomes": dict(OUTCOMES),
        "failures": [cast(Failure, found.as_json()) for found in groups.values()],
        "environments": environments,
        "benches": [
            cast(Timing, {**row, "outdated": old[id(item)], "own": current.is_own(item)})
            for place, item in timed.items()
            for row in benches.rows(place, on[place], item)
        ],
        "bench_runs": benches.ended(evidence.benches, evidence.bench_runs, list(timed.values()), current),
        "codegen": atlas.build([*releases.values()], current, accepted),
        "values": atlas.build([*computed.values()], current, accepted, "values"),
        "files": [{"what": what, "file": file} for what, file in raw],
        "incidents": _incidents(_in_order(suites, cells), evidence.incidents, current),
        "problems": [{"file": row.file, "problem": row.problem, "broken": row.broken} for row in evidence.problems],
        "superseded": superseded,
        "sources": sorted({item.source for item in _all(evidence)}),
    }


def cell_name(item: Any) -> str:
    """The row that a result belongs to: its cell, and for the ambient cell the Triton that was there.

    Vendor images all run the cell ``ambient``; their results stand beside each other, one row per Triton.
    """
    if item.cell != "ambient" or not isinstance(item, Suite):
        return str(item.cell)
    triton = item.properties.get("triton")
    return f"ambient-{triton}" if triton else "ambient"


def _newest_of_releases(found: Iterable[Atlas], current: Current, superseded: list[Superseded]) -> dict[str, Atlas]:
    """The file of each release that says most of the checkout as it is now, the oldest release first."""

    def rank(item: Atlas) -> tuple[bool, bool, str, str]:
        standing = current.standing(item)
        return not standing.outdated, not standing.unavailable, item.date, item.file

    kept = machines.newest(found, lambda item: item.content["triton"], superseded, rank)
    return {name: kept[name] for name in sorted(kept, key=versions.key)}


def _by_level(
    evidence: Evidence,
    current: Current,
    outdated: Mapping[int, str],
    machine: Mapping[int, str],
    superseded: list[Superseded],
) -> dict[str, dict[str, list[Suite]]]:
    """Row -> level -> the results that count, one for each kind of machine; the others are added to ``superseded``."""

    def order(item: Suite) -> tuple[bool, bool, str, str]:
        """What is of the checkout as it is now comes last, whatever the dates; of what is not, its own."""
        old = outdated[id(item)]
        return not old, not old or current.is_own(item), item.date, item.file

    of_machine = machines.newest(
        evidence.suites, lambda item: (cell_name(item), item.level, machine[id(item)]), superseded, order
    )
    together: dict[tuple[str, str], list[Suite]] = {}
    for suite in sorted(of_machine.values(), key=order):
        suite.cell = cell_name(suite)
        together.setdefault((suite.cell, suite.level), []).append(suite)
    found: dict[str, dict[str, list[Suite]]] = {}
    for (cell, level), suites in together.items():
        kept = machines.counting(suites, lambda item: machine[id(item)], lambda item: outdated[id(item)])
        found.setdefault(cell, {})[level] = kept
        left = [suite for suite in suites if suite not in kept]
        superseded += [{"file": suite.file, "date": suite.date, "kept": kept[-1].file} for suite in left]
    return found


def _standing(
    documents: list[Document], suites: list[Suite], superseded: list[Superseded], outweighed: bool
) -> dict[str, Document]:
    """What kept a cell from running, where it still stands: in one and the same folder the newer word counts.

    Args:
        outweighed: whether a result of another folder outweighs it, whenever that was taken: that this machine cannot
            provide a cell says nothing about the other one. That it failed here is answered by nothing else.
    """
    standing = []
    for document in documents:
        folder = Path(document.file).parent
        rivals = [suite for suite in suites if suite.cell == document.cell]
        others = [suite for suite in rivals if (suite.date > document.date if suite.folder == folder else outweighed)]
        if others:
            superseded.append({"file": document.file, "date": document.date, "kept": others[-1].file})
        else:
            standing.append(document)
    return machines.newest(standing, lambda item: item.cell, superseded)


def _row(table: Table, name: str) -> Row:
    if is_subject(name):
        what = (
            f"{name.partition('@')[2]} instead of ours, in cell {table_cell(name)}; does not count in the exit status"
        )
        return {"why": what, "asked": {}, "platforms": [], "gaps": []}
    cell = table.cells.get(table_cell(name))
    if cell is None:
        return {"why": "not in this table of cells", "asked": {}, "platforms": [], "gaps": []}
    return {
        "why": cell.why,
        "asked": {key: value for key in ("python", "torch", "triton") if (value := getattr(cell, key))},
        "platforms": list(cell.platforms),
        "gaps": [vars(gap) for gap in cell.gaps],
    }


def _level(
    suite: Suite,
    tests: list[str],
    groups: dict[tuple[str, str], causes.Group],
    known: Known,
    environments: list[dict[str, Any]],
    evidence: Evidence,
) -> FoundLevel:
    """One level's result; its failures go into ``groups``, its environment into ``environments``."""
    by_cause: dict[causes.Cause, int] = {}
    accepted = set()
    shortfall = _shortfall(suite)
    if suite.crash is not None:
        causes.group_document(groups, suite.crash)
    elif shortfall and not suite.failures:
        causes.group_shortfall(groups, suite, shortfall)
    elif suite.run is not None:
        for sentence in suite.run.unheard:
            causes.group_shortfall(groups, suite, sentence)
    for failure in suite.failures:
        reason = known.reason(suite.cell, suite.level, failure.test)
        cause = causes.group(groups, suite, failure, reason)
        if reason:
            accepted.add(failure.test)
        else:
            by_cause[cause] = by_cause.get(cause, 0) + 1
    letters = "".join(suite.outcomes.get(test, " ") for test in tests)
    counts = {outcome: letters.count(letter) for letter, outcome in OUTCOMES.items()}
    counts["known"] = len(accepted)
    environment = _environment(suite, environments, evidence)
    properties = suite.properties
    return {
        "date": suite.date,
        "commit": properties.get("commit") or None,
        "shortfall": shortfall,
        "file": suite.file,
        "source": suite.source,
        "counts": counts,
        "causes": by_cause,
        "gone": known.gone(suite.cell, suite.level, suite.outcomes),
        "seconds": round(suite.seconds, 1),
        "versions": {name: properties[name] for name in ("python", "torch", "triton") if properties.get(name)},
        "gpu": properties.get("gpu") or None,
        "skips": [list(item) for item in suite.skips.most_common(SKIPS_KEPT)],
        "outcomes": letters.rstrip(),
        "environment": environment,
    }


def _of_run(suite: Suite, table: Table) -> FoundLevel:
    """What the run file alone says of a level."""
    run, has_kernels = suite.run, table.package.kernels
    found: dict[str, Any] = {"launched": {}, "unlaunched": "", "reruns": {}, "notes": []}
    found["waits"] = table.package.needs_gpu and suite.level == "interpreter"
    if run is not None:
        nothing = runs.unlaunched(run) if run.kernels is not None else "which Triton kernels ran was not counted"
        found["unlaunched"] = nothing if has_kernels else ""
        found.update(launched=run.launched(), reruns=run.reruns, notes=run.notes)
    return cast(FoundLevel, found)


def _shortfall(suite: Suite) -> str:
    """Why the run is not a whole one; "" where it is, or where there is no run file to say so."""
    if suite.crash is not None:
        return f"the run ended with status {suite.crash.content['status']} and left no result"
    if suite.run is None:
        problem = suite.counted.contradiction() if suite.counted else ""
        return f"the JUnit file cannot be right: {problem}" if problem else ""
    return runs.shortfall(suite.run, suite.counted)


def _in_order(suites: Iterable[Suite], cells: Mapping[str, Any]) -> list[Suite]:
    """Suites as the table lists their cells."""
    order = list(cells)
    return sorted(suites, key=lambda suite: (order.index(suite.cell), LEVELS.index(suite.level)))


def _environment(suite: Suite, environments: list[dict[str, Any]], evidence: Evidence) -> Optional[int]:
    """Index into ``environments`` of what the suite ran on: the environment file beside it."""
    folder = Path(suite.file).parent
    beside = [item for item in evidence.environments if Path(item.file).parent == folder]
    if not beside:
        return None
    record = {**beside[-1].content, "cell": suite.cell, "file": beside[-1].file, "source": beside[-1].source}
    if record not in environments:
        environments.append(record)
    return environments.index(record)


def _commits(suites: Iterable[Suite]) -> list[str]:
    """The commits that the kept results were taken at, the newest result's first."""
    ordered = sorted(suites, key=lambda suite: suite.date, reverse=True)
    return list(dict.fromkeys(filter(None, (suite.properties.get("commit") for suite in ordered))))


def _incidents(suites: Iterable[Suite], observed: list[Document], current: Current) -> list[dict[str, Any]]:
    """What the incident tests of every cell recorded, then what the newest run over bare Triton releases saw."""
    rows = [{"cell": suite.cell, "level": suite.level, **row} for suite in suites for row in suite.incidents]
    for document in sorted(observed, key=lambda item: (not current.outdated_incidents(item), item.date))[-1:]:
        about: dict[str, Any] = {"outdated": current.outdated_incidents(document), "own": current.is_own(document)}
        about.update(date=document.date, commit=document.content.get("commit"))
        for row in document.content["rows"]:
            outcome = {True: "passed", False: "failed", None: "n/a"}[as_expected(row)]
            seen = {"shown": str(row.get("shown")), "expected": str(row["expected"]), "outcome": outcome}
            kept = {key: row[key] for key in ("incident", "name", "level", "release", "detail") if key in row}
            rows.append({**kept, **seen, **about, "cell": f"triton {row['release']}", "test": row["id"]})
    return rows


def _all(evidence: Evidence) -> list[Any]:
    kinds = (evidence.suites, evidence.environments, evidence.benches, evidence.unavailable, evidence.failures)
    return [
        item
        for kind in (*kinds, evidence.atlas, evidence.values, evidence.launches, evidence.bench_runs)
        for item in kind
    ]
