"""The one renderer of tables: aligned text for a terminal, Markdown for a page; columns of numbers to the right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

DASH = "-"  # there is no such figure
# 12, -0.5, 1,024, 3 %, and a figure that is bold or has a remark behind it: **0.743** (at 16384)
_NUMBER = re.compile(r"\**[+-]?\d[\d,]*(\.\d+)?( ?%)?\**( \(.*\))?")


def render(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, markdown: bool = False, labels: int = 0) -> str:
    """Rows under headings, as aligned text or as a Markdown table.

    A column is to the right where each of its cells is a number, empty or a dash, and one is a number.

    Args:
        headings: one for each column.
        rows: cells of any type; each is shown as ``str`` gives it.
        markdown: whether the table is for Markdown; a ``|`` or a line break in a cell then stays part of the cell.
        labels: how many of the first columns name their row; these are to the left, whatever they hold.

    Raises:
        ValueError: a row has not as many cells as there are headings.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    for row in cells:
        if len(row) != len(headings):
            raise ValueError(f"a row has {len(row)} cells under {len(headings)} headings: {row}")
    right = [column >= labels and _is_numeric([row[column] for row in cells]) for column in range(len(headings))]
    return _markdown(headings, cells, right) if markdown else _text(headings, cells, right)


def without_empty(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    """The table without the columns that are empty or a dash in every row."""
    kept = [column for column in range(len(headings)) if any(str(row[column]) not in ("", DASH) for row in rows)]
    return [headings[column] for column in kept], [[row[column] for column in kept] for row in rows]


def _is_numeric(column: Sequence[str]) -> bool:
    there = [cell for cell in column if cell not in ("", DASH)]
    return bool(there) and all(_NUMBER.fullmatch(cell) for cell in there)


def _text(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if to_right else cell.ljust(w) for cell, w, to_right in zip(line, widths, right)
        ).rstrip()
        for line in lines
    )


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    rule = ["---:" if to_right else "---" for to_right in right]
    escaped = ([cell.replace("|", "\\|").replace("\n", "<br>") for cell in row] for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in (headings, rule, *escaped))
