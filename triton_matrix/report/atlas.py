"""What releases made of kernels, in columns, and what changed between them: compiled (the atlas), or computed (values).

What counts as a change, which way it goes, and what can be compared, is decided in ``codegen.compare`` and
``values.entries`` alone.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Optional, cast

from ..base.terms import BAD, Verdict
from ..codegen import accepted, compare, reasons
from ..evidence import atlas_file, schemas
from ..evidence.reading import Atlas
from ..values import entries as of_values
from .benches import listed
from .current import Current, Standing
from .matrix import (
    Changes,
    Codegen,
    Columns,
    Entry,
    FoundCodegen,
    JudgedRelease,
    Release,
    Step,
    Why,
)

Changes_ = Callable[[Any, Any], list[compare.Change]]
STATUS = {"ok": ".", "n/a": "n", "error": "E"}
ABSENT = " "
REASON = 1000  # characters of a reason that are kept
ENDED = ("crash", "unanswered", "wrong")  # how an error came about, where it is known
LEVELS_OF = {"codegen": "codegen", "values": "interpreter"}


def build(found_files: Sequence[Atlas], current: Current, path: Path, verb: str = "codegen") -> FoundCodegen:
    """The files of all releases, oldest first, as columns.

    Args:
        found_files: one per release.
        current: the checkout that is asked about.
        path: the file that accepts changes between releases; no file accepts nothing.
        verb: what wrote the files: ``codegen`` or ``values``.

    Raises:
        ValueError: the file is there and malformed.
    """
    standings = {item.release: current.standing(item) for item in found_files}
    documents = [
        item.content if standings[item.release].is_shown else {**item.content, "entries": []} for item in found_files
    ]
    described: dict[str, Entry] = {}
    metrics: dict[str, None] = {}
    for document in documents:
        for entry in document["entries"]:
            if entry["id"] not in described:
                described[entry["id"]] = _describe(entry)
            metrics.update(dict.fromkeys(entry.get("metrics") or ()))
    ids = sorted(described)
    index = {name: position for position, name in enumerate(ids)}
    found: FoundCodegen = {
        "releases": [document["triton"] for document in documents],
        "entries": [described[name] for name in ids],
        "metrics": list(metrics),
        "status": {},
        "reasons": {},
        "why": why(documents, list(current.table.releases)),
        "ended": {},
        "values": {metric: {} for metric in metrics},
        "cpu_seconds": {},
        "summary": {},
        "changes": [],
        "steps": [],
        "gone": [],
    }
    for item, document in zip(found_files, documents):
        _add_release(found, document, index, standings[item.release], current.is_own(item))
    _add_changes(found, documents, path, _changes_of(verb, documents))
    return found


def why(documents: Sequence[Mapping[str, Any]], known: Sequence[str]) -> list[Why]:
    """Each reason of the atlas once; ``known`` as of reasons.grouped."""
    return [
        {
            "kind": cast(Literal["error", "warning"], each.kind),
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


def _add_release(
    found: FoundCodegen, document: Mapping[str, Any], index: Mapping[str, int], standing: Standing, own: bool
) -> None:
    release = document["triton"]
    letters = [ABSENT] * len(index)
    columns: dict[str, list[Optional[float]]] = {metric: [None] * len(index) for metric in found["metrics"]}
    said: dict[str, str] = {}
    ended: dict[str, str] = {}
    seconds: list[Optional[float]] = [None] * len(index)
    for entry in document["entries"]:
        position = index[entry["id"]]
        letters[position] = STATUS[entry["status"]]
        seconds[position] = entry.get("cpu_seconds")
        if entry.get("reason"):
            said[str(position)] = str(entry["reason"])[:REASON]
        ended.update({str(position): how for how in ENDED if entry.get(how)})
        for metric, value in (entry.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                columns[metric][position] = value
    found["status"][release] = "".join(letters)
    found["reasons"][release] = said
    found["ended"][release] = ended
    found["cpu_seconds"][release] = seconds
    for metric, column in columns.items():
        if any(value is not None for value in column):
            found["values"][metric][release] = column
    counts = {status: letters.count(letter) for status, letter in STATUS.items()}
    found["summary"][release] = {
        "date": document["date"],
        "commit": document.get("commit"),
        "sources": document.get("sources"),
        "adapter": document.get("adapter"),
        "counts": counts,
        "worse": 0,
        "accepted": 0,
        "outdated": standing.outdated,
        "own": own,
        "left": standing.left,
        "shortfall": standing.shortfall,
        "unavailable": standing.unavailable,
        "empty": [name for name, asked in document.get("configurations", {}).items() if not asked],
    }


def _changes_of(verb: str, documents: Sequence[Mapping[str, Any]]) -> Changes_:
    if verb == "codegen":
        return compare.changes
    return functools.partial(of_values.changes, compared=of_values.compared_in(documents))


def _add_changes(atlas: FoundCodegen, documents: Sequence[Mapping[str, Any]], path: Path, changes: Changes_) -> None:
    """Compare each release with the one before, and mark what the file at ``path`` accepts."""
    entries = accepted.of_compiled(accepted.read(path) if path.is_file() else [], atlas["entries"])
    index = {entry["id"]: position for position, entry in enumerate(atlas["entries"])}
    for before, after in _pairs(documents):
        span = before["triton"], after["triton"]
        worse = [change for change in changes(before, after) if change.kind == "worse"]
        open_, unused = accepted.judge(worse, entries, *span)
        atlas["gone"] += compare.unused_lines(unused)
        coverage = compare.coverage(before, after)
        counted: Step = {
            "before": span[0],
            "after": span[1],
            "compared": len(coverage.compared),
            "lines": coverage.lines(*span),
        }
        atlas["steps"].append(counted)
        summary = atlas["summary"][after["triton"]]
        summary["before"] = before["triton"]
        reasons = {id(change): "" if change in open_ else _reason(change, entries, span) for change in worse}
        for reason in dict.fromkeys(reasons.values()):
            alike = [change for change in worse if reasons[id(change)] == reason]
            for row, change in _rows(alike, *span):
                kind: Literal["accepted", "worse"] = "accepted" if reason else "worse"
                summary[kind] += 1
                atlas["changes"].append({"entry": index[change.id], **row, "accepted": reason})


def _pairs(documents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Neighbours among the releases that answer one question: between two sources it is not the compiler alone."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for each in documents:
        if each["entries"]:
            groups.setdefault(atlas_file.question(each), []).append(dict(each))
    for group in groups.values():
        yield from itertools.pairwise(group)


def nothing_compared(codegen: Codegen, allow_stale: bool, verb: str = "codegen") -> str:
    """That no configuration of several releases is compared with another; "" where one is, or one release is there."""
    there = [
        name
        for name, row in codegen["summary"].items()
        if sum(row["counts"].values()) and (allow_stale or row["verdict"] != "stale")
    ]
    if len(there) < 2 or any(step["compared"] for step in codegen["steps"] if step["after"] in there):
        return ""
    what = "configuration" if verb == "codegen" else "launch"
    return f"{verb}: of triton {', '.join(there)} no {what} is compared with that of another release"


def judge(codegen: FoundCodegen, changes: Optional[Changes], verb: str = "codegen") -> Codegen:
    """The atlas, or the values, with the verdict of every release, and its reason.

    A release in which a kernel does not compile has failed; one that compiles for the worse than in an earlier run, or
    than the release before it without being accepted, has regressed. A launch that never ran is no failure; one that is
    not as its reference says is.
    """
    summary: dict[str, Release] = {}
    for release, row in codegen["summary"].items():
        computed = verb == "values"
        ended = codegen["ended"][release].values()
        errors = sum(how == "wrong" for how in ended) if computed else row["counts"]["error"]
        ours = [each for each in changes["codegen"] if each["to"] == release] if changes else []
        verdict: Verdict = "pass" if row["counts"]["ok"] else "n/a"
        reason = ""
        if row.get("shortfall"):
            verdict, reason = "fail", row["shortfall"]
        elif errors:
            what = (
                f"launch{'es' * (errors > 1)} wrong by a reference"
                if computed
                else f"kernel{'s' * (errors > 1)} did not compile"
            )
            verdict, reason = "fail", f"{errors} {what}"
        elif ours:
            verdict, reason = "regressed", f"{_count(len(ours))} since the earlier run"
        elif row["worse"]:
            said = _count(row["worse"], verb)
            verdict, reason = "regressed", f"{said} since {row['before']}"
        elif row.get("unavailable"):
            verdict, reason = "unavailable", row["unavailable"]
        judged: JudgedRelease = {**row, "verdict": verdict, "reason": reason}
        summary[release] = cast(Release, judged)
        if row.get("left") and not row["outdated"] and verdict not in BAD:
            summary[release] = {**judged, "verdict": "stale", "was": verdict, "reason": row["left"]}
    return {**codegen, "summary": summary}


def run_against_run(new: Columns, old: Columns) -> list[dict[str, Any]]:
    """Codegen changes for the worse within one and the same release: our code changed, not the compiler."""
    rows = []
    for release in [release for release in new["releases"] if release in old["releases"]]:
        found = compare.changes(document(old, release), document(new, release))
        rows += [row for row, _ in _rows([change for change in found if change.kind == "worse"], release, release)]
    return rows


def gone(new: Columns, old: Columns) -> list[dict[str, str]]:
    """What compiled in a release of ``old`` and is not in that release of ``new``; releases that ``new`` lacks too."""
    found = []
    for release in old["releases"]:
        was = [item["id"] for item in document(old, release)["entries"] if item["status"] == "ok"]
        now = {item["id"] for item in document(new, release)["entries"]} if release in new["releases"] else set()
        lost = [name for name in was if name not in now]
        if lost:
            found.append({"cell": f"triton {release}", "level": "codegen", "what": listed(lost)})
    return found


def _rows(worse: Sequence[compare.Change], before: str, after: str) -> list[tuple[dict[str, Any], compare.Change]]:
    """One row per configuration with all that got worse in it, and the worst change of each; the worst first."""
    rows: dict[str, tuple[dict[str, Any], compare.Change]] = {}
    for change in worse:
        name = change.id
        if name in rows:
            rows[name][0]["what"] += f"; {change.what}"
            continue
        metric = re.split(r"\W", change.what.removeprefix("narrower loads: "))[0]
        rows[name] = {"id": name, "from": before, "to": after, "what": change.what, "metric": metric}, change
    return list(rows.values())


def _count(number: int, verb: str = "codegen") -> str:
    if verb == "values":
        return f"{number} launch{'es' * (number > 1)} changed"
    return f"{number} configuration{'s' * (number > 1)} compiled for the worse"


def _reason(change: compare.Change, entries: Sequence[accepted.Accepted], span: tuple[str, str]) -> str:
    """The reason of the first entry that accepts ``change``."""
    return next(entry.reason for entry in entries if not accepted.judge([change], [entry], *span)[0])


def document(atlas: Columns, release: str) -> dict[str, Any]:
    """One release's atlas file again, as far as comparing needs it."""
    names = {letter: status for status, letter in STATUS.items()}
    columns = {metric: of_release[release] for metric, of_release in atlas["values"].items() if release in of_release}
    entries = []
    for position, entry in enumerate(atlas["entries"]):
        letter = atlas["status"][release][position]
        if letter != ABSENT:
            metrics = {metric: column[position] for metric, column in columns.items() if column[position] is not None}
            reason = atlas["reasons"][release].get(str(position), "")
            made = {"status": names[letter], "metrics": metrics, "reason": reason}
            how = atlas["ended"][release].get(str(position))
            seconds = atlas["cpu_seconds"][release][position]
            entries.append({**entry, **made, **({how: True} if how else {}), "cpu_seconds": seconds or 0})
    return {"schema": schemas.CODEGEN, "triton": release, "entries": entries}
