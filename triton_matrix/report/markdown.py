"""The matrix as Markdown, for a CI step summary and a pull-request comment: under 60 kB however many cells."""

from __future__ import annotations

import re
from typing import Any

from ..base import tables
from . import sentences
from .matrix import Matrix

LIMIT = 60_000  # bytes; GitHub refuses a comment beyond 65,536 characters
LINE = 400  # characters of one line of a list
CELL_REASON = 140


def render(matrix: Matrix) -> str:
    """The whole summary. What does not fit is counted, and the page is named."""
    head = f"## {sentences.headline(matrix)}\n\n{_when(matrix)}\n"
    sections = [
        ("Why it is not green", _list(matrix["status_reasons"])),
        ("What changed", _list(sentences.change_lines(matrix["changes"]))),
        ("Not of this checkout as it is now", _list(matrix["stale"])),
        ("Cells and levels", _cells(matrix)),
        ("Kernels", _list(sentences.kernel_lines(matrix))),
        ("Launches", _list(sentences.launch_lines(matrix))),
        ("Kernels for GPUs that are not here", _list(sentences.scan_lines(matrix))),
        ("To know of the runs", _list(sentences.note_lines(matrix))),
        ("Passed with much skipped", _list(sentences.skipped_lines(matrix))),
        ("On several machines", _list(sentences.machine_lines(matrix))),
        ("Failures by cause", _failures(matrix)),
        ("Accepted codegen changes", _list(sentences.accepted_lines(matrix))),
        ("Not compared in the atlas", _list(sentences.not_compared_lines(matrix))),
        ("Not provided here", _list(sentences.not_here_lines(matrix))),
        ("Left out", _list(f"{row['file']} {row['problem']}" for row in matrix["problems"])),
        ("Replaced by newer results", _list(f"{row['file']} ({row['date']})" for row in matrix["superseded"])),
    ]
    sections = [(title, lines) for title, lines in sections if lines]
    # a long section may take what the ones after it leave unused, so that none crowds out another
    left = LIMIT - _size(head) - 1000
    shown = [head]
    for position, (title, lines) in enumerate(sections):
        share = left // (len(sections) - position)
        rest = sum(_size(line) for _, others in sections[position + 1 :] for line in others)
        block = _fit(title, lines, max(share, left - rest - 500 * len(sections)))
        shown.append(block)
        left -= _size(block)
    return "\n".join(shown)


def _when(matrix: Matrix) -> str:
    commits = ", ".join(f"`{sentences.short(commit)}`" for commit in matrix["commits"][:3]) or "unknown"
    against = f" Against `{matrix['changes']['against']}`." if matrix["changes"] else ""
    return f"Newest result {matrix['date'] or 'none'}, commit {commits}, exit status {matrix['status']}.{against}"


def _cells(matrix: Matrix) -> list[str]:
    headings = ["cell", "verdict", "python", "torch", "triton", *sentences.levels(matrix)]
    rows = []
    for name, cell in matrix["cells"].items():
        reason = f": {cell['reason']}" if cell["reason"] else ""
        verdict = f"{sentences.MARKS[cell['verdict']]} **{cell['verdict']}**{_plain(reason)[:CELL_REASON]}"
        levels = [sentences.level_line(cell["levels"].get(level)) for level in sentences.levels(matrix)]
        rows.append([name, verdict, *sentences.toolchain(cell).values(), *levels])
    return tables.render(headings, rows, markdown=True, labels=len(headings)).splitlines()


def _failures(matrix: Matrix) -> list[str]:
    lines = []
    for group in matrix["failures"]:
        known = f" (known: {group['known']})" if group["known"] else ""
        lines.append(f"- **{group['cause']}** × {group['count']}{_escape(known)}: {code(group['message'][:LINE])}")
        lines.append(f"  - {_escape(group['hint'])}")
        lines += [
            f"  - {row['cell']} {row['level']} × {row['count']}: {code(row['command'])}" for row in group["where"][:6]
        ]
        if len(group["where"]) > 6:
            lines.append(f"  - and in {len(group['where']) - 6} more places")
    return lines


def _list(lines: Any) -> list[str]:
    return [f"- {_escape(line)[:LINE]}" for line in lines]


def _fit(title: str, lines: list[str], room: int) -> str:
    """The section's heading and as many of its lines as fit into ``room`` bytes."""
    block = [f"### {title}", ""]
    size = _size("\n".join(block)) + 80
    for number, line in enumerate(lines):
        size += _size(line)
        if size > room:
            block += ["", f"… and {len(lines) - number} more lines: see the page."]
            break
        block.append(line)
    return "\n".join([*block, ""])


def _size(text: str) -> int:
    return len(text.encode()) + 1


def code(text: str) -> str:
    """``text`` as a code span: its fence is longer than any run of backticks in it, so nothing in it ends the span."""
    text = " ".join(text.split())
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _escape(text: str) -> str:
    """Text that a list item shows as it is."""
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text on one line that is no HTML, no link and no picture; what stands between two backticks is code."""
    parts = text.replace("\n", " ").replace("<", "&lt;").split("`")
    if len(parts) % 2 == 0:  # one backtick has no other
        parts[-2:] = ["\\`".join(parts[-2:])]
    return "`".join(part if number % 2 else part.replace("[", "\\[") for number, part in enumerate(parts))
