"""What the tools found, as a level of the cell: a run with a test for each tool, and its JUnit file.

So it is declared, closed, whole or not, of these sources or not, and shown, like every other level.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...base import display_text
from ...base.levels import SANITIZER
from ...evidence import runs, writing
from ...evidence.toolchain import called
from .running import Row

FILE = f"{SANITIZER}.py"  # that no test has: what stands before a tool's name in its id
TAIL = 4000  # characters of a log that are kept with its failure


def identity(tool: str) -> str:
    """The id of a tool's test."""
    return f"{FILE}::{tool}"


def write(
    folder: Path,
    run: runs.Run,
    rows: Sequence[Row],
    skipped: Mapping[str, str],
    gpus: Sequence[dict[str, str]],
    root: Path,
) -> str:
    """Close a run that was opened in ``folder``; returns why it is no whole one, "" where it is.

    Args:
        rows: of the tools that ran.
        skipped: tool -> why it did not.
    """
    run.collected = run.finished = [*map(identity, [*(row.tool for row in rows), *skipped])]
    run.kernels = sorted({*(run.kernels or ()), *(kernel for row in rows for kernel in row.wanted)})
    run.launches = {identity(row.tool): row.launches for row in rows if row.launches}
    for row in rows:
        run.versions.update(row.versions)
        run.helpers.update(row.helpers)
        for question, answers in row.read.items():
            run.read.setdefault(question, {}).update(answers)
        if row.said.warnings:
            run.notes.append(f"{row.tool}: {row.said.warnings} warnings")
        (folder / f"{SANITIZER}-{row.tool}.log").write_text(_without_places(row.log, root), encoding="utf-8")
    wrong = any(row.sentence for row in rows)
    partial = writing.partial_junit(folder, SANITIZER)
    ET.ElementTree(_junit(run, rows, skipped, gpus)).write(partial, encoding="utf-8", xml_declaration=True)
    return writing.close_run(folder, run, int(wrong), root, sys.prefix)[1]


def _without_places(text: str, root: Path) -> str:
    """Without folders of this machine, and nothing that a terminal obeys."""
    for place in (root, Path(sys.prefix)):
        text = text.replace(f"{place}/", "")
    return "".join(f"{display_text.clean(display_text.masked(line))}\n" for line in text.splitlines())


def _junit(
    run: runs.Run, rows: Sequence[Row], skipped: Mapping[str, str], gpus: Sequence[dict[str, str]]
) -> ET.Element:
    failed = [row for row in rows if row.sentence]
    counts = {"tests": len(rows) + len(skipped), "failures": len(failed), "errors": 0, "skipped": len(skipped)}
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", {"name": SANITIZER, **{name: str(n) for name, n in counts.items()}})
    said = {"cell": run.cell, "run": run.id, "level": SANITIZER, "gpu": ", ".join(map(called, gpus))}
    said |= {"date": run.opened, "commit": run.commit or "", **run.versions}
    properties = ET.SubElement(suite, "properties")
    for name, value in said.items():
        ET.SubElement(properties, "property", {"name": name, "value": value})
    for row in rows:
        case = _case(suite, row.tool, row.seconds)
        if row.sentence:
            text = display_text.clean(row.log[-TAIL:])
            ET.SubElement(case, "failure", {"message": display_text.clean(row.sentence)}).text = text
    for tool, why in skipped.items():
        ET.SubElement(_case(suite, tool, 0.0), "skipped", {"message": display_text.clean(why)})
    return suites


def _case(suite: ET.Element, tool: str, seconds: float) -> ET.Element:
    named = {"classname": SANITIZER, "name": tool, "time": f"{seconds:.3f}"}
    return ET.SubElement(suite, "testcase", named)
