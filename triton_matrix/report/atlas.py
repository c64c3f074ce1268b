"""The codegen level of the matrix: every release's atlas file in columns, and the codegen changes between releases.

What counts as a codegen change, and which way it goes, is decided in ``matrix.compare`` alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..codegen import accepted, compare
from ..evidence import schemas
from ..evidence.reading import Document
from .current import Current

STATUS = {"ok": ".", "n/a": "n", "error": "E"}
ABSENT = " "
KEPT = 50  # ids listed per failure; the count is always the full one
HINT_BROKEN = "this Triton does not compile the kernel, or no GPU of the target could run the launch"
HINT_WORSE = (
    "a risk, not a measured slow-down: change the plan or the kernel, or accept it in tests/atlas/accepted.toml"
)


def build(found_files: Sequence[Document], current: Current) -> dict[str, Any]:
    """The atlas of all releases, oldest first, as columns.

    Args:
        found_files: atlas files (schema ``triton-matrix/codegen/1``), one per release.
        current: the checkout that is asked about.

    Returns:
        ``entries`` (id, kernel, target, label), ``metrics``, ``status`` (release -> one letter per entry, see STATUS),
        ``values`` (metric -> release -> one number or None per entry), ``reasons`` (release -> entry index -> why it is
        n/a or an error), ``summary`` per release, ``changes`` (filled by ``add_changes``).
    """
    documents = [item.content for item in found_files]
    described: dict[str, dict[str, str]] = {}
    metrics: dict[str, None] = {}
    for document in documents:
        for entry in document["entries"]:
            if entry["id"] not in described:
                described[entry["id"]] = _describe(entry)
            metrics.update(dict.fromkeys(entry.get("metrics") or ()))
    ids = sorted(described)
    index = {name: position for position, name in enumerate(ids)}
    found: dict[str, Any] = {
        "releases": [document["triton"] for document in documents],
        "entries": [described[name] for name in ids],
        "metrics": list(metrics),
        "status": {},
        "reasons": {},
        "values": {metric: {} for metric in metrics},
        "summary": {},
        "changes": [],
        "gone": [],
    }
    for item in found_files:
        _add_release(found, item.content, index)
        found["summary"][item.content["triton"]].update(
            outdated=current.outdated_codegen(item), own=current.is_own(item)
        )
    return found


def _describe(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what a release made of it."""
    return {
        "id": entry["id"],
        "kernel": entry["kernel"],
        "target": entry["target"],
        "label": str(entry.get("label") or entry["id"]),
        "constexprs": dict(entry.get("constexprs") or {}),
        "options": dict(entry.get("options") or {}),
    }


def _add_release(found: dict[str, Any], document: Mapping[str, Any], index: Mapping[str, int]) -> None:
    release = document["triton"]
    letters = [ABSENT] * len(index)
    columns: dict[str, list[Optional[float]]] = {metric: [None] * len(index) for metric in found["metrics"]}
    reasons: dict[str, str] = {}
    for entry in document["entries"]:
        position = index[entry["id"]]
        letters[position] = STATUS[entry["status"]]
        if entry.get("reason"):
            reasons[str(position)] = str(entry["reason"])[:300]
        for metric, value in (entry.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                columns[metric][position] = value
    found["status"][release] = "".join(letters)
    found["reasons"][release] = reasons
    for metric, column in columns.items():
        if any(value is not None for value in column):
            found["values"][metric][release] = column
    counts = {status: letters.count(letter) for status, letter in STATUS.items()}
    errors = counts["error"]
    found["summary"][release] = {
        "date": document["date"],
        "commit": document.get("commit"),
        "adapter": document.get("adapter"),
        "counts": counts,
        "worse": 0,
        "accepted": 0,
        "verdict": "fail" if errors else "pass" if counts["ok"] else "n/a",
        "reason": f"{errors} kernel{'s' * (errors > 1)} did not compile" if errors else "",
    }


def add_changes(atlas: dict[str, Any], path: Path) -> None:
    """Compare each release with the one before, and mark what the file at ``path`` accepts (no file: nothing).

    Raises:
        ValueError: the file is there and malformed.
    """
    entries = accepted.read(path) if path.is_file() else []
    documents = [document(atlas, release) for release in atlas["releases"]]
    index = {(entry["label"], entry["target"]): position for position, entry in enumerate(atlas["entries"])}
    for before, after in itertools.pairwise(documents):
        span = before["triton"], after["triton"]
        worse = [change for change in compare.changes(before, after) if change.kind == "worse"]
        open_, unused = accepted.judge(worse, entries, *span)
        atlas["gone"] += compare.unused_lines(unused)
        summary = atlas["summary"][after["triton"]]
        reasons = {id(change): "" if change in open_ else _reason(change, entries, span) for change in worse}
        for reason in dict.fromkeys(reasons.values()):
            alike = [change for change in worse if reasons[id(change)] == reason]
            for row, change in _rows(alike, *span):
                summary["accepted" if reason else "worse"] += 1
                atlas["changes"].append({"entry": index[change.label, change.target], **row, "accepted": reason})
        if summary["worse"] and summary["verdict"] == "pass":
            summary.update(verdict="regressed", reason=f"{_count(summary['worse'])} since {before['triton']}")


def run_against_run(new: dict[str, Any], old: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Codegen changes for the worse within one and the same release: our code changed, not the compiler.

    A release that has any is ``regressed``.
    """
    rows = []
    for release in [release for release in new["releases"] if release in old["releases"]]:
        found = compare.changes(document(old, release), document(new, release))
        worse = [row for row, _ in _rows([change for change in found if change.kind == "worse"], release, release)]
        if worse:
            reason = f"{_count(len(worse))} since the earlier run"
            new["summary"][release].update(verdict="regressed", reason=reason)
        rows += worse
    return rows


def failures(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Releases that failed or regressed at level codegen, each as a failure of the matrix like those of the suites."""
    codegen, changes = matrix["codegen"], matrix["changes"] or {"codegen": []}
    found = []
    for release, summary in codegen["summary"].items():
        if summary["verdict"] not in ("fail", "regressed"):
            continue
        broken = [
            {"id": codegen["entries"][int(position)]["id"], "what": reason}
            for position, reason in codegen["reasons"][release].items()
            if codegen["status"][release][int(position)] == STATUS["error"]
        ]
        ours = [row for row in changes["codegen"] if row["to"] == release]
        since = [row for row in codegen["changes"] if row["to"] == release and not row["accepted"]]
        rows: list[dict[str, Any]] = broken or ours or since
        command = f"nox -s codegen -- --triton {release}"
        if rows is since:
            command = f"nox -s codegen -- --from {since[0]['from']} --to {release}"
        cells = [
            name
            for name, cell in matrix["cells"].items()
            if cell["levels"].get("codegen", {}).get("release") == release
        ]
        place = {
            "level": "codegen",
            "count": len(rows),
            "tests": [row["id"] for row in rows][:KEPT],
            "command": command,
        }
        found.append(
            {
                "cause": "compile" if broken else "codegen",
                "message": f"triton {release}: {summary['reason']}; first {rows[0]['id']}: {rows[0]['what']}",
                "hint": HINT_BROKEN if broken else HINT_WORSE,
                "example": "\n".join(f"{row['id']}: {row['what']}" for row in rows[:20]),
                "known": None,
                "count": len(rows),
                "where": [{"cell": cell, **place} for cell in cells or [f"triton {release}"]],
            }
        )
    return found


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


def document(atlas: Mapping[str, Any], release: str) -> dict[str, Any]:
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
