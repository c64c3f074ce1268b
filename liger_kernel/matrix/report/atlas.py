"""The codegen level of the matrix: every release's atlas file in columns, and the codegen changes between releases.

What counts as a codegen change, and which way it goes, is decided in ``matrix.compare`` alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from .. import compare

STATUS = {"ok": ".", "n/a": "n", "error": "E"}
ABSENT = " "


def build(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The atlas of all releases, oldest first, as columns.

    Args:
        documents: atlas files (schema ``liger-matrix/codegen/1``), one per release.

    Returns:
        ``entries`` (id, kernel, target, label), ``metrics``, ``status`` (release -> one letter per entry, see STATUS),
        ``values`` (metric -> release -> one number or None per entry), ``reasons`` (release -> entry index -> why it is
        n/a or an error), ``summary`` per release, ``changes`` (filled by ``add_changes``).
    """
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
    for document in documents:
        _add_release(found, document, index)
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


def add_changes(atlas: dict[str, Any], accepted: Path) -> None:
    """Compare each release with the one before, and mark what the file ``accepted`` accepts (no file: nothing).

    Raises:
        ValueError: the file is there and malformed.
    """
    rows = compare.read_accepted(accepted) if accepted.is_file() else []
    documents = [document(atlas, release) for release in atlas["releases"]]
    index = {(entry["label"], entry["target"]): position for position, entry in enumerate(atlas["entries"])}
    for before, after in itertools.pairwise(documents):
        span = before["triton"], after["triton"]
        worse = [change for change in compare.changes(before, after) if change.kind == "worse"]
        open_, unused = compare.judge(worse, rows, *span)
        atlas["gone"] += compare.unused_lines(unused)
        summary = atlas["summary"][after["triton"]]
        for change in worse:
            reason = "" if change in open_ else _reason(change, rows, span)
            summary["accepted" if reason else "worse"] += 1
            atlas["changes"].append(
                {"entry": index[change.label, change.target], **_row(change, *span), "accepted": reason}
            )
        if summary["worse"] and summary["verdict"] == "pass":
            count = summary["worse"]
            summary["verdict"] = "regressed"
            summary["reason"] = f"{count} codegen change{'s' * (count > 1)} for the worse since {before['triton']}"


def run_against_run(new: dict[str, Any], old: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Codegen changes for the worse within one and the same release: our code changed, not the compiler.

    A release that has any is ``regressed``.
    """
    rows = []
    for release in [release for release in new["releases"] if release in old["releases"]]:
        found = compare.changes(document(old, release), document(new, release))
        worse = [_row(change, release, release) for change in found if change.kind == "worse"]
        if worse:
            count = len(worse)
            reason = f"{count} codegen change{'s' * (count > 1)} for the worse since the earlier run"
            new["summary"][release].update(verdict="regressed", reason=reason)
        rows += worse
    return rows


def _row(change: compare.Change, before: str, after: str) -> dict[str, Any]:
    return {
        "id": f"{change.label} {change.target}",
        "from": before,
        "to": after,
        "what": change.what,
        "metric": re.split(r"\W", change.what.removeprefix("narrower loads: "))[0],
    }


def _reason(change: compare.Change, accepted: Sequence[dict[str, str]], span: tuple[str, str]) -> str:
    """The reason of the first row that accepts ``change``."""
    return next(row["reason"] for row in accepted if not compare.judge([change], [row], *span)[0])


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
    return {"schema": "liger-matrix/codegen/1", "triton": release, "entries": entries}
