"""The matrix in a terminal: one row per cell, at most 100 columns, readable without colour."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Optional, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import sentences
from .matrix import Matrix


class Terminal(Console):
    """A console that says that its reader went away, in place of ending the program as if a cell had failed."""

    def on_broken_pipe(self) -> None:
        """As rich calls it."""
        raise BrokenPipeError


WIDTH = 100
GROUPS_SHOWN = 12
CHANGES_SHOWN = 20
PLACES_SHOWN = 4


def show(matrix: Matrix, file: Optional[TextIO] = None) -> None:
    """Print the table, what changed, the failures by cause, and why the exit status is what it is."""
    console = Terminal(file=file or sys.stdout, highlight=False, emoji=False, markup=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    console.print(_cells(matrix))
    # a sentence is never cut into two: in a log it is searched for, from a terminal it is copied
    console.soft_wrap = True
    for name, cell in matrix["cells"].items():
        if cell["reason"]:
            console.print(_line(cell["verdict"], f"{name}: {cell['reason']}"))
    _section(console, "Not of this checkout as it is now", matrix["stale"], CHANGES_SHOWN)
    _section(console, "Kernels", sentences.kernel_lines(matrix), CHANGES_SHOWN)
    _section(console, "Launches", sentences.launch_lines(matrix), CHANGES_SHOWN)
    _section(console, "Kernels for GPUs that are not here", sentences.scan_lines(matrix), CHANGES_SHOWN)
    _section(console, "To know of the runs", sentences.note_lines(matrix), CHANGES_SHOWN)
    _section(console, "Passed with much skipped", sentences.skipped_lines(matrix), CHANGES_SHOWN)
    _section(console, "On several machines", sentences.machine_lines(matrix), CHANGES_SHOWN)
    _section(console, "What changed", sentences.change_lines(matrix["changes"]), CHANGES_SHOWN)
    if matrix["failures"]:
        console.print("\nFailures by cause", style="bold")
        for group in matrix["failures"][:GROUPS_SHOWN]:
            _group(console, group)
        if len(matrix["failures"]) > GROUPS_SHOWN:
            console.print(f"  and {len(matrix['failures']) - GROUPS_SHOWN} more causes: see the page")
    _section(console, "Accepted codegen changes", sentences.accepted_lines(matrix), GROUPS_SHOWN)
    _section(console, "Not compared in the atlas", sentences.not_compared_lines(matrix), CHANGES_SHOWN)
    _section(console, "Left out", [f"{row['file']} {row['problem']}" for row in matrix["problems"]], CHANGES_SHOWN)
    _section(
        console, "Replaced by newer results", [f"{row['file']} ({row['date']})" for row in matrix["superseded"]], 8
    )
    console.print(f"\n{sentences.headline(matrix)}; exit status {matrix['status']}", style="bold")
    # a cell's own reason stands above already
    said = {f"{name}: {cell['verdict']}: {cell['reason']}" for name, cell in matrix["cells"].items()}
    for reason in [reason for reason in matrix["status_reasons"] if reason not in said]:
        console.print(f"  {reason}")


def _cells(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("cell", overflow="fold", max_width=18)
    for name in ("python", "torch", "triton"):
        table.add_column(name, overflow="fold", max_width=14 if name == "torch" else 10)
    levels = sentences.levels(matrix)
    for level in levels:
        table.add_column(level, overflow="fold", max_width=20)
    for name, cell in matrix["cells"].items():
        lines = [_level(cell["levels"].get(level)) for level in levels]
        table.add_row(
            Text(name, style=sentences.STYLES.get(cell["verdict"], "")), *sentences.toolchain(cell).values(), *lines
        )
    return table


def _level(level: Optional[Mapping[str, Any]]) -> Text:
    style = sentences.STYLES.get(level["verdict"], "") if level else "dim"
    return Text(sentences.level_line(level), style=style)


def _line(mark: str, text: str) -> Text:
    return Text(f"{sentences.MARKS[mark]} {mark:11} {text}", style=sentences.STYLES.get(mark, ""))


def _group(console: Console, group: Mapping[str, Any]) -> None:
    known = f"  (known: {group['known']})" if group["known"] else ""
    console.print(Text(f"  {group['cause']:11} x{group['count']:<5} {group['message']}{known}"))
    console.print(Text(f"     {group['hint']}", style="dim"))
    commands = {where["command"]: where["count"] for where in group["where"]}
    for command in list(commands)[:PLACES_SHOWN]:
        # never wrapped, so that it can be copied; it names cell and level itself
        console.print(Text(f"     {command}  # {commands[command]}", style="dim"), soft_wrap=True)
    if len(commands) > PLACES_SHOWN:
        console.print(f"     and in {len(commands) - PLACES_SHOWN} more places", style="dim")


def _section(console: Console, title: str, lines: list[str], shown: int) -> None:
    if not lines:
        return
    console.print(f"\n{title}", style="bold")
    for line in lines[:shown]:
        console.print(Text(f"  {line}"))
    if len(lines) > shown:
        console.print(f"  and {len(lines) - shown} more: see the page")
