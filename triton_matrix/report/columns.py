"""The columns in which matrix.json holds what all releases made, and those of one run against another's.

What counts as a change, which way it goes, and what can be compared, is decided in ``codegen.compare`` and
``values.entries`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..base.display_text import counted
from ..codegen import compare
from ..evidence import schemas
from .matrix import Columns

STATUS = {"ok": ".", "n/a": "n", "error": "E"}
ABSENT = " "
# verb -> the level at which its results were obtained
LEVELS_OF = {"codegen": "codegen", "values": "interpreter", "device": "device"}


def worst_rows(worse: Sequence[compare.Change], before: str, after: str) -> list[dict[str, Any]]:
    """One row per configuration with all that got worse in it; the worst first."""
    rows: dict[str, dict[str, Any]] = {}
    for change in worse:
        if change.id in rows:
            rows[change.id]["what"] += f"; {change.what}"
            continue
        metric = re.split(r"\W", change.what.removeprefix("narrower loads: "))[0]
        rows[change.id] = {"id": change.id, "from": before, "to": after, "what": change.what, "metric": metric}
    return list(rows.values())


def run_against_run(new: Columns, old: Columns) -> list[dict[str, Any]]:
    """Codegen changes for the worse within one and the same release: our code changed, not the compiler."""
    rows = []
    for release in [release for release in new["releases"] if release in old["releases"]]:
        moved = compare.changes(document(old, release), document(new, release))
        rows += worst_rows([change for change in moved if change.kind == "worse"], release, release)
    return rows


def gone(new: Columns, old: Columns) -> list[dict[str, str]]:
    """What compiled in a release of ``old`` and is not in that release of ``new``; releases that ``new`` lacks too."""
    rows = []
    for release in old["releases"]:
        was = [item["id"] for item in document(old, release)["entries"] if item["status"] == "ok"]
        now = {item["id"] for item in document(new, release)["entries"]} if release in new["releases"] else set()
        lost = [name for name in was if name not in now]
        if lost:
            rows.append({"cell": f"triton {release}", "level": "codegen", "what": counted(lost)})
    return rows


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
