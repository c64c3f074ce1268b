"""The codegen level of the matrix: every release's atlas file in columns, and the codegen changes between releases.

What counts as a codegen change, and which way it goes, is decided in ``matrix.compare`` alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Optional, cast

from ..base.terms import Verdict
from ..codegen import accepted, compare, reasons
from ..evidence import schemas
from ..evidence.reading import Document
from .benches import listed
from .current import Current
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
    Where,
    Why,
)

STATUS = {"ok": ".", "n/a": "n", "error": "E"}
ABSENT = " "
REASON = 1000  # characters of a reason that are kept
KEPT = 50  # ids listed per failure; the count is always the full one
HINT_BROKEN = "this Triton does not compile the kernel, or no GPU of the target could run the launch"
HINT_WORSE = (
    "a risk, not a measured slow-down: change the plan or the kernel, or accept it in tests/atlas/accepted.toml"
)


def build(found_files: Sequence[Document], current: Current, path: Path) -> FoundCodegen:
    """The atlas of all releases, oldest first, as columns.

    Args:
        found_files: atlas files (schema ``triton-matrix/codegen/1``), one per release.
        current: the checkout that is asked about.
        path: the file that accepts codegen changes between releases; no file accepts nothing.

    Raises:
        ValueError: the file is there and malformed.
    """
    documents = [item.content for item in found_files]
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
        "values": {metric: {} for metric in metrics},
        "summary": {},
        "changes": [],
        "gone": [],
    }
    for item in found_files:
        _add_release(found, item.content, index)
        summary = found["summary"][item.content["triton"]]
        summary["outdated"], summary["own"] = current.outdated_codegen(item), current.is_own(item)
    _add_changes(found, path)
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
        "target": entry["target"],
        "label": str(entry.get("label") or entry["id"]),
        "constexprs": dict(entry.get("constexprs") or {}),
        "options": dict(entry.get("options") or {}),
    }


def _add_release(found: FoundCodegen, document: Mapping[str, Any], index: Mapping[str, int]) -> None:
    release = document["triton"]
    letters = [ABSENT] * len(index)
    columns: dict[str, list[Optional[float]]] = {metric: [None] * len(index) for metric in found["metrics"]}
    said: dict[str, str] = {}
    for entry in document["entries"]:
        position = index[entry["id"]]
        letters[position] = STATUS[entry["status"]]
        if entry.get("reason"):
            said[str(position)] = str(entry["reason"])[:REASON]
        for metric, value in (entry.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                columns[metric][position] = value
    found["status"][release] = "".join(letters)
    found["reasons"][release] = said
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
    }


def _add_changes(atlas: FoundCodegen, path: Path) -> None:
    """Compare each release with the one before, and mark what the file at ``path`` accepts."""
    entries = accepted.of_compiled(accepted.read(path) if path.is_file() else [], atlas["entries"])
    documents = [document(atlas, release) for release in atlas["releases"]]
    index = {(entry["label"], entry["target"]): position for position, entry in enumerate(atlas["entries"])}
    for before, after in _pairs(documents, atlas["summary"]):
        span = before["triton"], after["triton"]
        worse = [change for change in compare.changes(before, after) if change.kind == "worse"]
        open_, unused = accepted.judge(worse, entries, *span)
        atlas["gone"] += compare.unused_lines(unused)
        summary = atlas["summary"][after["triton"]]
        summary["before"] = before["triton"]
        reasons = {id(change): "" if change in open_ else _reason(change, entries, span) for change in worse}
        for reason in dict.fromkeys(reasons.values()):
            alike = [change for change in worse if reasons[id(change)] == reason]
            for row, change in _rows(alike, *span):
                kind: Literal["accepted", "worse"] = "accepted" if reason else "worse"
                summary[kind] += 1
                atlas["changes"].append({"entry": index[change.label, change.target], **row, "accepted": reason})


def _pairs(
    documents: Sequence[dict[str, Any]], summary: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Neighbours among the releases that are of the same sources: between two sources it is not the compiler alone."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for each in documents:
        groups.setdefault(summary[each["triton"]]["sources"], []).append(each)
    for group in groups.values():
        yield from itertools.pairwise(group)


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
        if errors:
            verdict, reason = "fail", f"{errors} kernel{'s' * (errors > 1)} did not compile"
        elif ours:
            verdict, reason = "regressed", f"{_count(len(ours))} since the earlier run"
        elif row["worse"]:
            verdict, reason = "regressed", f"{_count(row['worse'])} since {row['before']}"
        judged: JudgedRelease = {**row, "verdict": verdict, "reason": reason}
        summary[release] = cast(Release, judged)
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
    """What does not compile, reason by reason, and releases that regressed, as failures like those of the suites."""
    found = _broken(codegen, judged)
    for release, summary in codegen["summary"].items():
        if summary["verdict"] != "regressed":
            continue
        ours = [row for row in changes["codegen"] if row["to"] == release] if changes else []
        since = [row for row in codegen["changes"] if row["to"] == release and not row["accepted"]]
        rows: list[dict[str, Any]] = ours or since
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
                "cause": "codegen",
                "message": f"triton {release}: {summary['reason']}; first {rows[0]['id']}: {rows[0]['what']}",
                "hint": HINT_WORSE,
                "example": "\n".join(f"{row['id']}: {row['what']}" for row in rows[:20]),
                "known": None,
                "count": len(rows),
                "where": where,
            }
        )
    return found


def _broken(codegen: Codegen, judged: Mapping[str, Cell]) -> list[Failure]:
    """Each reason why something does not compile, with the releases that failed by it."""
    found: list[Failure] = []
    for each in codegen["why"]:
        failed = {name: ids for name, ids in each["of"].items() if codegen["summary"][name]["verdict"] == "fail"}
        if each["kind"] != "error" or not failed:
            continue
        where: list[Where] = [
            {
                "cell": cell,
                "level": "codegen",
                "count": len(ids),
                "tests": ids[:KEPT],
                "command": f"nox -s codegen -- --triton {release}",
            }
            for release, ids in failed.items()
            for cell in _cells_of(release, judged)
        ]
        found.append(
            {
                "cause": "compile",
                "message": f"triton {each['releases']}: {each['text']}",
                "hint": HINT_BROKEN,
                "example": each["text"],
                "known": None,
                "count": sum(map(len, failed.values())),
                "where": where,
            }
        )
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
            entries.append({**entry, "status": names[letter], "metrics": metrics, "reason": reason})
    return {"schema": schemas.CODEGEN, "triton": release, "entries": entries}
