"""The codegen level of the matrix: every release's atlas file in columns, and the codegen changes between releases.

What counts as a codegen change, which way it goes, and what can be compared, is decided in ``codegen.compare`` alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Optional, cast

from ..base.terms import BAD, Verdict
from ..codegen import accepted, compare
from ..evidence import atlas_file, schemas
from ..evidence.reading import Atlas
from .benches import listed
from .current import Current, Standing
from .matrix import (
    Cell,
    Changes,
    Codegen,
    Columns,
    Entry,
    Failure,
    FoundCodegen,
    JudgedRelease,
    Release,
    Step,
    Where,
)

STATUS = {"ok": ".", "n/a": "n", "error": "E"}
ABSENT = " "
ENDED = ("crash", "unanswered")  # how an error came about, where it is known
KEPT = 50  # ids listed per failure; the count is always the full one
HINT_BROKEN = "this Triton does not compile the kernel, or no GPU of the target could run the launch"
HINT_NOT_WHOLE = "what was asked for and has no whole answer says nothing: run it again"
HINT_WORSE = (
    "a risk, not a measured slow-down: change the plan or the kernel, or accept it in tests/atlas/accepted.toml"
)


def build(found_files: Sequence[Atlas], current: Current, path: Path) -> FoundCodegen:
    """The atlas of all releases, oldest first, as columns.

    Args:
        found_files: one per release.
        current: the checkout that is asked about.
        path: the file that accepts codegen changes between releases; no file accepts nothing.

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
    _add_changes(found, documents, path)
    return found


def _describe(entry: Mapping[str, Any]) -> Entry:
    """A configuration without what a release made of it."""
    return {
        "id": entry["id"],
        "kernel": entry["kernel"],
        "target": entry["target"],
        "label": str(entry.get("label") or entry["id"]),
        "constexprs": dict(entry.get("constexprs") or {}),
        "options": dict(entry.get("options") or {}),
    }


def _add_release(
    found: FoundCodegen, document: Mapping[str, Any], index: Mapping[str, int], standing: Standing, own: bool
) -> None:
    release = document["triton"]
    letters = [ABSENT] * len(index)
    columns: dict[str, list[Optional[float]]] = {metric: [None] * len(index) for metric in found["metrics"]}
    reasons: dict[str, str] = {}
    ended: dict[str, str] = {}
    seconds: list[Optional[float]] = [None] * len(index)
    for entry in document["entries"]:
        position = index[entry["id"]]
        letters[position] = STATUS[entry["status"]]
        seconds[position] = entry.get("cpu_seconds")
        if entry.get("reason"):
            reasons[str(position)] = str(entry["reason"])[:300]
        ended.update({str(position): how for how in ENDED if entry.get(how)})
        for metric, value in (entry.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                columns[metric][position] = value
    found["status"][release] = "".join(letters)
    found["reasons"][release] = reasons
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


def _add_changes(atlas: FoundCodegen, documents: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Compare each release with the one before, and mark what the file at ``path`` accepts."""
    entries = accepted.of_compiled(accepted.read(path) if path.is_file() else [], atlas["entries"])
    index = {(entry["label"], entry["target"]): position for position, entry in enumerate(atlas["entries"])}
    for before, after in _pairs(documents):
        span = before["triton"], after["triton"]
        worse = [change for change in compare.changes(before, after) if change.kind == "worse"]
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
                atlas["changes"].append({"entry": index[change.label, change.target], **row, "accepted": reason})


def _pairs(documents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Neighbours among the releases that answer one question: between two sources it is not the compiler alone."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for each in documents:
        if each["entries"]:
            groups.setdefault(atlas_file.question(each), []).append(dict(each))
    for group in groups.values():
        yield from itertools.pairwise(group)


def nothing_compared(codegen: Codegen, allow_stale: bool) -> str:
    """That no configuration of several releases is compared with another; "" where one is, or one release is there."""
    there = [
        name
        for name, row in codegen["summary"].items()
        if sum(row["counts"].values()) and (allow_stale or row["verdict"] != "stale")
    ]
    if len(there) < 2 or any(step["compared"] for step in codegen["steps"] if step["after"] in there):
        return ""
    return f"codegen: of triton {', '.join(there)} no configuration is compared with that of another release"


def judge(codegen: FoundCodegen, changes: Optional[Changes]) -> Codegen:
    """The atlas with the verdict of every release, and its reason.

    A release in which a kernel does not compile has failed; one that compiles for the worse than in an earlier run, or
    than the release before it without being accepted, has regressed.
    """
    summary: dict[str, Release] = {}
    for release, row in codegen["summary"].items():
        errors = row["counts"]["error"]
        ours = [each for each in changes["codegen"] if each["to"] == release] if changes else []
        verdict: Verdict = "pass" if row["counts"]["ok"] else "n/a"
        reason = ""
        if row.get("shortfall"):
            verdict, reason = "fail", row["shortfall"]
        elif errors:
            verdict, reason = "fail", f"{errors} kernel{'s' * (errors > 1)} did not compile"
        elif ours:
            verdict, reason = "regressed", f"{_count(len(ours))} since the earlier run"
        elif row["worse"]:
            verdict, reason = "regressed", f"{_count(row['worse'])} since {row['before']}"
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


def failures(codegen: Codegen, changes: Optional[Changes], judged: Mapping[str, Cell]) -> list[Failure]:
    """Releases that failed or regressed at level codegen, each as a failure of the matrix like those of the suites."""
    found = _not_whole(codegen, judged)
    for release, summary in codegen["summary"].items():
        if summary["verdict"] not in BAD or summary.get("shortfall"):
            continue
        broken = [
            {"id": codegen["entries"][int(position)]["id"], "what": reason}
            for position, reason in codegen["reasons"][release].items()
            if codegen["status"][release][int(position)] == STATUS["error"]
        ]
        ours = [row for row in changes["codegen"] if row["to"] == release] if changes else []
        since = [row for row in codegen["changes"] if row["to"] == release and not row["accepted"]]
        rows: list[dict[str, Any]] = broken or ours or since
        command = f"nox -s codegen -- --triton {release}"
        if rows is since:
            command = f"nox -s codegen -- --from {since[0]['from']} --to {release}"
        tests = [str(row["id"]) for row in rows][:KEPT]
        where: list[Where] = [
            {"cell": cell, "level": "codegen", "count": len(rows), "tests": tests, "command": command}
            for cell in _cells_of(release, judged)
        ]
        found.append(
            {
                "cause": "compile" if broken else "codegen",
                "message": f"triton {release}: {summary['reason']}; first {rows[0]['id']}: {rows[0]['what']}",
                "hint": HINT_BROKEN if broken else HINT_WORSE,
                "example": "\n".join(f"{row['id']}: {row['what']}" for row in rows[:20]),
                "known": None,
                "count": len(rows),
                "where": where,
            }
        )
    return found


def _not_whole(codegen: Codegen, judged: Mapping[str, Cell]) -> list[Failure]:
    """Releases that a run asked for and that left no whole answer, those with one reason as one failure."""
    alike: dict[str, list[str]] = {}
    for release, row in codegen["summary"].items():
        if row["verdict"] == "fail" and row.get("shortfall"):
            alike.setdefault(row["shortfall"], []).append(release)
    found: list[Failure] = []
    for reason, releases in alike.items():
        command = f"nox -s codegen -- --triton {','.join(releases)}"
        where: list[Where] = [
            {"cell": cell, "level": "codegen", "count": 1, "tests": [f"triton {release}"], "command": command}
            for release in releases
            for cell in _cells_of(release, judged)
        ]
        failure: Failure = {
            "cause": "harness",
            "message": f"triton {', '.join(releases)}: {reason}",
            "hint": HINT_NOT_WHOLE,
            "example": reason,
            "known": None,
            "count": len(releases),
            "where": where,
        }
        found.append(failure)
    return found


def _cells_of(release: str, judged: Mapping[str, Cell]) -> list[str]:
    """The cells whose level codegen is of a release; where there is none, the release itself."""
    levels = {name: cell["levels"]["codegen"] for name, cell in judged.items() if "codegen" in cell["levels"]}
    return [name for name, level in levels.items() if level.get("release") == release] or [f"triton {release}"]


def _rows(worse: Sequence[compare.Change], before: str, after: str) -> list[tuple[dict[str, Any], compare.Change]]:
    """One row per configuration with all that got worse in it, and the worst change of each; the worst first."""
    rows: dict[str, tuple[dict[str, Any], compare.Change]] = {}
    for change in worse:
        name = f"{change.label} {change.target}"
        if name in rows:
            rows[name][0]["what"] += f"; {change.what}"
            continue
        metric = re.split(r"\W", change.what.removeprefix("narrower loads: "))[0]
        rows[name] = {"id": name, "from": before, "to": after, "what": change.what, "metric": metric}, change
    return list(rows.values())


def _count(number: int) -> str:
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
