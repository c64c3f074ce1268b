"""What releases made of kernels, in columns, and what changed between them: compiled (the atlas), or computed (values).

What counts as a change, which way it goes, and what can be compared, is decided in ``codegen.compare`` and
``values.entries`` alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..base import versions
from ..base.cells import Table
from ..bench.device import document as on_device
from ..codegen import accepted, compare, reasons
from ..evidence import atlas_file
from ..values import entries as of_values
from .columns import ABSENT, STATUS, worst_rows
from .matrix import Columns, Entry, Step, Why
from .results import ReleaseResult

Changes_ = Callable[[Any, Any], list[compare.Change]]
REASON = 1000  # characters of a reason that are kept
ENDED = ("crash", "unanswered", "wrong")  # how an error came about, where it is known


@dataclass(frozen=True)
class Release:
    """What one release made of everything.

    Attributes:
        result: the file that this is from.
        counts: status -> configurations.
        wrong: of the errors, how many are launches that ran and are wrong by a reference.
        worse: configurations that compiled for the worse, or computed something else, than in the release before.
        accepted: of those, how many are accepted.
        before: the release that it was compared with; None where it was with none.
    """

    result: ReleaseResult
    counts: Mapping[str, int]
    wrong: int
    worse: int
    accepted: int
    before: Optional[str]

    @property
    def name(self) -> str:
        """Of Triton."""
        return self.result.record.release


@dataclass(frozen=True)
class OverReleases:
    """What all releases made of all launches, by one verb.

    Attributes:
        verb: ``codegen``, ``values`` or ``device``.
        columns: every configuration in every release.
        releases: the oldest first.
    """

    verb: str
    columns: Columns
    releases: Mapping[str, Release]


@dataclass(frozen=True)
class _Column:
    """What one release made of each configuration, in the order of ``ids``."""

    status: str
    reasons: dict[str, str]
    ended: dict[str, str]
    cpu_seconds: list[Optional[float]]
    values: dict[str, list[Optional[float]]]


@dataclass(frozen=True)
class _Changes:
    """What releases changed of those before: rows for the worse, how much is compared, and unused acceptances."""

    rows: list[dict[str, Any]]
    steps: list[Step]
    gone: list[str]


def build(kept: Mapping[str, ReleaseResult], table: Table, path: Optional[Path], verb: str = "codegen") -> OverReleases:
    """The files of all releases as columns.

    Args:
        kept: the file of each release, the oldest first.
        path: the file that accepts changes between releases; no file accepts nothing.
        verb: what wrote the files: ``codegen``, ``values``, or ``device`` of the bench.

    Raises:
        ValueError: the file is there and malformed.
    """
    documents = [
        item.record.content if item.standing.is_shown else {**item.record.content, "entries": []}
        for item in kept.values()
    ]
    entries, metrics = _entries(documents), _metrics(documents)
    index = {entry["id"]: position for position, entry in enumerate(entries)}
    made = {document["triton"]: _column(document, index) for document in documents}
    changes = _changes(documents, entries, path, _changes_of(verb, documents))
    columns: Columns = {
        "releases": list(made),
        "entries": entries,
        "metrics": metrics,
        "status": {release: column.status for release, column in made.items()},
        "reasons": {release: column.reasons for release, column in made.items()},
        "why": why(documents, list(table.releases)),
        "ended": {release: column.ended for release, column in made.items()},
        "values": {metric: _values(metric, made) for metric in metrics},
        "cpu_seconds": {release: column.cpu_seconds for release, column in made.items()},
        "changes": [{"entry": index[row["id"]], **row} for row in changes.rows],
        "steps": changes.steps,
        "gone": changes.gone,
    }
    return OverReleases(verb, columns, {name: _release(kept[name], made[name], changes) for name in kept})


def _entries(documents: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Every configuration once, as the oldest release that has it describes it."""
    described = {entry["id"]: entry for document in reversed(documents) for entry in reversed(document["entries"])}
    return [_describe(described[name]) for name in sorted(described)]


def _metrics(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    every = (entry.get("metrics") or () for document in documents for entry in document["entries"])
    return list(dict.fromkeys(metric for metrics in every for metric in metrics))


def _release(result: ReleaseResult, column: _Column, changes: _Changes) -> Release:
    name = result.record.release
    counts = {status: column.status.count(letter) for status, letter in STATUS.items()}
    wrong = sum(how == "wrong" for how in column.ended.values())
    rows = [row for row in changes.rows if row["to"] == name]
    accepted_ = sum(bool(row["accepted"]) for row in rows)
    before = next((step["before"] for step in changes.steps if step["after"] == name), None)
    return Release(result, counts, wrong, len(rows) - accepted_, accepted_, before)


def _column(document: Mapping[str, Any], index: Mapping[str, int]) -> _Column:
    letters = [ABSENT] * len(index)
    seconds: list[Optional[float]] = [None] * len(index)
    column = _Column("", {}, {}, seconds, {})
    for entry in document["entries"]:
        position = index[entry["id"]]
        letters[position] = STATUS[entry["status"]]
        seconds[position] = entry.get("cpu_seconds")
        if entry.get("reason"):
            column.reasons[str(position)] = str(entry["reason"])[:REASON]
        column.ended.update({str(position): how for how in ENDED if entry.get(how)})
        for metric, value in (entry.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                column.values.setdefault(metric, [None] * len(index))[position] = value
    return _Column("".join(letters), column.reasons, column.ended, seconds, column.values)


def _values(metric: str, made: Mapping[str, _Column]) -> dict[str, list[Optional[float]]]:
    return {release: column.values[metric] for release, column in made.items() if metric in column.values}


def why(documents: Sequence[Mapping[str, Any]], known: Sequence[str]) -> list[Why]:
    """Each reason of the atlas once; ``known`` as of reasons.grouped."""
    return [
        {
            "kind": "error" if each.kind == "error" else "warning",
            "text": each.text,
            "releases": each.releases,
            "of": {release: list(ids) for release, ids in each.of.items()},
        }
        for each in reasons.grouped(documents, known, ("error", "warning"))
    ]


def _describe(entry: Mapping[str, Any]) -> Entry:
    """A configuration without what a release made of it."""
    return {
        "id": entry["id"],
        "kernel": entry["kernel"],
        "settings": list(entry["settings"]),
        "target": entry["target"],
        "label": entry["label"],
        "constexprs": dict(entry.get("constexprs") or {}),
        "options": dict(entry.get("options") or {}),
    }


def _changes_of(verb: str, documents: Sequence[Mapping[str, Any]]) -> Changes_:
    if verb == "codegen":
        return compare.changes
    if verb == "device":
        return on_device.changes
    return functools.partial(of_values.changes, compared=of_values.compared_in(documents))


def _changes(
    documents: Sequence[Mapping[str, Any]], compiled: Sequence[Entry], path: Optional[Path], changes: Changes_
) -> _Changes:
    """Each release against the one before, with what the file at ``path`` accepts marked."""
    entries = accepted.of_compiled(accepted.read(path) if path and path.is_file() else [], compiled)
    noted = _Changes([], [], [])
    for before, after in _pairs(documents):
        span = before["triton"], after["triton"]
        worse = [change for change in changes(before, after) if change.kind == "worse"]
        open_, unused = accepted.judge(worse, entries, *span)
        alike: dict[str, list[compare.Change]] = {}
        for change in worse:
            alike.setdefault("" if change in open_ else _reason(change, entries, span), []).append(change)
        for reason, same in alike.items():
            noted.rows.extend({**row, "accepted": reason} for row in worst_rows(same, *span))
        noted.steps.append(_step(before, after))
        noted.gone.extend(compare.unused_lines(unused))
    return noted


def _step(before: dict[str, Any], after: dict[str, Any]) -> Step:
    """How much of two neighbours is compared."""
    span, coverage = (before["triton"], after["triton"]), compare.coverage(before, after)
    compared, lines = len(coverage.compared), coverage.lines(*span)
    return {"before": span[0], "after": span[1], "compared": compared, "lines": lines}


def _pairs(documents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What is compared of the releases that answer one question: between two sources it is not the compiler alone."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for each in documents:
        if each["entries"]:
            groups.setdefault(atlas_file.question(each), []).append(dict(each))
    for group in groups.values():
        named = {each["triton"]: each for each in group}
        yield from ((named[before], named[after]) for before, after in versions.steps(list(named)))


def _reason(change: compare.Change, entries: Sequence[accepted.Accepted], span: tuple[str, str]) -> str:
    """The reason of the first entry that accepts ``change``."""
    return next(entry.reason for entry in entries if not accepted.judge([change], [entry], *span)[0])
