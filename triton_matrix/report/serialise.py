"""From verdicts to the content of ``reports/matrix.json``, schema ``triton-matrix/matrix/4``: written here alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Optional

from ..evidence import schemas
from ..evidence.causes import Group
from ..evidence.column import Column
from ..evidence.reading import OUTCOMES, Document
from . import atlas_failures, launches
from .atlas import OverReleases, Release
from .benches import Timing
from .facts import Facts
from .matrix import Pair
from .results import LaunchesResult, SuiteResult
from .rows import Level, Row
from .selection import Kept
from .status import Stale, Status
from .verdict import Judged, JudgedRow, Verdicts

SKIPS_KEPT = 20  # reasons of skipped tests kept per level, the most frequent first


def matrix(
    verdicts: Verdicts, pair: Optional[Pair], old: Sequence[Stale], status: Status, jobs: Mapping[str, str]
) -> dict[str, Any]:
    """The file's content.

    Args:
        pair: two cells against each other.
        old: what is stale.
        jobs: what CI says of its jobs.
    """
    facts, selection = verdicts.facts, verdicts.facts.selection
    shown = [result for row in facts.rows.values() for result in _results(row)]
    tests = sorted({test for result in shown for test in result.record.outcomes})
    environments = _environments(shown)
    failures = [*facts.failures, *atlas_failures.failures(verdicts)]
    return {
        "schema": schemas.MATRIX,
        "date": facts.evidence.date,
        "commits": _commits(shown),
        "cells": {str(column): _row(row, tests, environments) for column, row in verdicts.rows.items()},
        "tests": tests,
        "outcomes": dict(OUTCOMES),
        "failures": [_failure(group) for group in sorted(failures, key=_importance)],
        "environments": environments,
        "benches": [_timing(row) for row in facts.timings],
        "bench_runs": [_with_cell(vars(run), run.column) for run in facts.bench_runs],
        "codegen": _releases(facts.codegen, verdicts.codegen),
        "values": _releases(facts.values, verdicts.values),
        "launches": launches.rows(verdicts),
        "scan": facts.scan,
        "files": [{"what": what, "file": file} for what, file in _files(facts, shown)],
        "incidents": [*_incidents(shown), *_incidents_of_releases(selection.kept)],
        "stale": [f"{each.where}: stale: {each.reason}" for each in old],
        "problems": [asdict(row) for row in facts.evidence.problems],
        "superseded": [asdict(row) for row in selection.superseded],
        "sources": facts.evidence.sources,
        "changes": verdicts.changes,
        "cell_against_cell": pair,
        "jobs": dict(jobs),
        "status": status.status,
        "status_reasons": status.reasons,
    }


def _results(row: Row) -> list[SuiteResult]:
    return [result for level in row.levels.values() if isinstance(level, Level) for result in level.results]


def _environment(result: SuiteResult) -> Optional[dict[str, Any]]:
    document = result.environment
    if document is None:
        return None
    return {**document.content, "cell": str(result.record.column), "file": document.file, "source": document.source}


def _environments(shown: Sequence[SuiteResult]) -> list[dict[str, Any]]:
    """What the results ran on, each once."""
    records: list[dict[str, Any]] = []
    for result in shown:
        record = _environment(result)
        if record is not None and record not in records:
            records.append(record)
    return records


def _commits(shown: Sequence[SuiteResult]) -> list[str]:
    """The commits that the kept results were taken at, the newest result's first."""
    ordered = sorted(shown, key=lambda result: result.date, reverse=True)
    return list(dict.fromkeys(result.record.commit for result in ordered if result.record.commit))


def _with_cell(fields: Mapping[str, Any], column: Column) -> dict[str, Any]:
    return {**{name: value for name, value in fields.items() if name != "column"}, "cell": str(column)}


def _row(judged: JudgedRow, tests: Sequence[str], environments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    row = judged.row
    levels = {name: _level(level, tests, environments) for name, level in judged.levels.items()}
    return {
        **_of_table(row),
        "column": asdict(row.column),
        "levels": levels,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "unavailable": _picked(row.unavailable, ("verdict", "reason", "date")),
        "stopped": _picked(row.stopped, ("stage", "command", "status", "date", "tail")),
    }


def _picked(document: Optional[Document], keys: Sequence[str]) -> Optional[dict[str, Any]]:
    return {key: document.content[key] for key in keys} if document else None


def _of_table(row: Row) -> dict[str, Any]:
    """What the table says of a row."""
    cell, subject = row.cell, row.column.subject
    if cell is None or subject:
        instead = f"{subject} instead of ours, in cell {row.column.cell}; does not count in the exit status"
        why = instead if subject else "not in this table of cells"
        return {"why": why, "asked": {}, "platforms": [], "gaps": []}
    return {
        "why": cell.why,
        "asked": {key: value for key in ("python", "torch", "triton") if (value := getattr(cell, key))},
        "platforms": list(cell.platforms),
        "gaps": [vars(gap) for gap in cell.gaps],
    }


def _level(judged: Judged, tests: Sequence[str], environments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    of, result = judged.of, judged.result
    said: dict[str, Any] = {"date": judged.date, "commit": result.record.commit, "counts": dict(of.counts)}
    said |= {"own": result.own, "outdated": result.outdated}
    said |= {"verdict": judged.verdict, "reason": judged.reason, **({"was": judged.was} if judged.was else {})}
    if isinstance(of, Release):
        return {**said, "release": of.name}
    if isinstance(of, LaunchesResult):
        content = of.record.content
        versions = {"triton": str(content["triton"]), "python": str(content.get("python", "?"))}
        return {**said, "file": of.file, "versions": versions, "causes": dict(of.causes)}
    record = _environment(of.shown)
    at = environments.index(record) if record is not None else None
    return {**said, **_of_suites(of), "outcomes": _letters(of.shown, tests), "environment": at}


def _of_suites(level: Level) -> dict[str, Any]:
    shown, suite, run = level.shown, level.shown.record, level.shown.record.run
    return {
        "shortfall": shown.shortfall,
        "file": shown.file,
        "source": suite.source,
        "platforms": list(level.platforms),
        "causes": dict(shown.causes),
        "gone": list(level.gone),
        "seconds": round(suite.seconds, 1),
        "versions": level.versions,
        "gpu": suite.properties.get("gpu") or None,
        "skips": [list(item) for item in suite.skips.most_common(SKIPS_KEPT)],
        "launched": run.launched() if run else {},
        "unlaunched": shown.unlaunched,
        "waits": shown.waits,
        "reruns": run.reruns if run else {},
        "notes": run.notes if run else [],
        **({"machines": [_machine(result) for result in level.results]} if len(level.results) > 1 else {}),
    }


def _machine(result: SuiteResult) -> dict[str, Any]:
    return {
        "machine": result.machine or "unknown",
        "date": result.date,
        "file": result.file,
        "failing": result.failing,
        "shortfall": result.shortfall,
        "passed": result.counts["passed"],
        "unlaunched": result.ran_no_kernel,
    }


def _letters(result: SuiteResult, tests: Sequence[str]) -> str:
    return "".join(result.record.outcomes.get(test, " ") for test in tests).rstrip()


def _importance(group: Group) -> tuple[bool, bool, int]:
    """Ours before other packages', unknown before known, many before few."""
    return not any(where.is_ours for where in group.where), bool(group.known), -group.count


def _failure(group: Group) -> dict[str, Any]:
    where = [
        {"cell": each.cell, "level": each.level, "count": each.count, "tests": [*each.tests], "command": each.command}
        for each in group.where
    ]
    return {**vars(group), "known": group.known or None, "where": where}


def _timing(timing: Timing) -> dict[str, Any]:
    return {**{name: value for name, value in vars(timing).items() if name != "figures"}, **timing.figures}


def _releases(over: OverReleases, judged: Mapping[str, Judged]) -> dict[str, Any]:
    return {**over.columns, "summary": {name: _release(over.releases[name], judged[name]) for name in judged}}


def _release(release: Release, judged: Judged) -> dict[str, Any]:
    standing, content = release.result.standing, release.result.record.content
    return {
        "date": judged.date,
        "commit": release.result.record.commit,
        "sources": content.get("sources"),
        "adapter": content.get("adapter"),
        "counts": dict(release.counts),
        "worse": release.worse,
        "accepted": release.accepted,
        **({"before": release.before} if release.before else {}),
        "outdated": standing.outdated,
        "own": release.result.own,
        "left": standing.left,
        "shortfall": standing.shortfall,
        "unavailable": standing.unavailable,
        "empty": [name for name, asked in content.get("configurations", {}).items() if not asked],
        "verdict": judged.verdict,
        "reason": judged.reason,
        **({"was": judged.was} if judged.was else {}),
    }


def _files(facts: Facts, shown: Sequence[SuiteResult]) -> Iterator[tuple[str, str]]:
    """What each kept result is of, and its file."""
    kept = facts.selection.kept
    for result in shown:
        yield f"{result.record.column} {result.record.level}", result.file
    for place, on in facts.benches.items():
        what = f"{place.column} {place.level} benchmarks"
        yield f"{what}, {on}" if on else what, kept.benches[place].file
    yield from ((f"codegen of {name}", item.file) for name, item in kept.codegen.items())
    yield from ((f"values of {name}", item.file) for name, item in kept.values.items())


def _incidents(shown: Sequence[SuiteResult]) -> Iterator[dict[str, Any]]:
    """What the incident tests of every cell recorded."""
    for result in shown:
        suite = result.record
        yield from ({"cell": str(suite.column), "level": suite.level, **row} for row in suite.incidents)


def _incidents_of_releases(kept: Kept) -> Iterator[dict[str, Any]]:
    """What the run over bare Triton releases saw."""
    if kept.incidents is None:
        return
    about: dict[str, Any] = {"outdated": kept.incidents.outdated, "own": kept.incidents.own}
    about.update(date=kept.incidents.date, commit=kept.incidents.record.commit)
    for row, outcome in kept.incidents.rows:
        seen = {"shown": str(row.get("shown")), "expected": str(row["expected"]), "outcome": outcome}
        picked = {key: row[key] for key in ("incident", "name", "level", "release", "detail") if key in row}
        yield {**picked, **seen, **about, "cell": f"triton {row['release']}", "test": row["id"]}
