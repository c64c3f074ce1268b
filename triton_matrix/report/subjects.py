"""Columns of other packages under our suites: ``triton231@liger_kernel-0.5.10`` is that release in the cell triton231.

Their level codegen is what they really launched, compiled (``launches.json``). What fails there is a finding about
them: it is shown with its cause, and does not count in our exit status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..codegen import metrics as codegen_metrics
from ..evidence.reading import Document, Failure, Suite
from ..suites import causes
from .matrix import FoundCell


def add_launches(cells: dict[str, FoundCell], groups: dict[tuple[str, str], causes.Group], document: Document) -> None:
    """Put a ``launches.json`` into its column as level codegen; what it found goes into ``groups``."""
    rows = document.content["rows"]
    counts = {status: sum(row["status"] == status for row in rows) for status in ("ok", "n/a", "error")}
    suite = Suite(document.cell, "codegen", document.date, document.file, document.source, {})
    by_cause: dict[causes.Cause, int] = {}
    for test, sentence in _findings(rows):
        cause = causes.group(groups, suite, Failure(test, "call", sentence, ""))
        by_cause[cause] = by_cause.get(cause, 0) + 1
    cells[document.cell]["levels"]["codegen"] = {
        "date": document.date,
        "commit": document.content.get("commit"),
        "file": document.file,
        "counts": counts,
        "versions": {"triton": str(document.content["triton"]), "python": str(document.content.get("python", "?"))},
        "causes": by_cause,
        "outdated": "",
        "own": True,
    }


def _findings(rows: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What is wrong with the launches, a test id and a sentence each."""
    for row in rows:
        kernel = row["kernel"] or "import"
        shape = f"{row.get('n_cols', '?')}-{row.get('dtype', '?')}-{row.get('target', '?')}"
        test, metrics = f"launches::{kernel}[{shape}]", row.get("metrics") or {}
        if row["status"] == "error":
            yield test, str(row.get("reason", "no reason given"))
            continue
        if row.get("num_warps_passed") is False:
            yield test, f"{kernel} is launched without num_warps, at the default of 4"
        spills = codegen_metrics.spills(metrics)
        if spills:
            yield test, f"{kernel}: {spills} spills on {row.get('target')}"
        if metrics.get("fp64_instructions"):
            yield test, f"{kernel}: {metrics['fp64_instructions']} fp64 instructions on {row.get('target')}"
