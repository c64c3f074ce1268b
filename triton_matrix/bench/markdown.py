"""Markdown that code hosts render: tables, and blocks that open when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

DASH = "-"  # there is no such figure


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, the first column to the left and the others to the right.

    Columns that are empty or a dash in every row are left out; "" where there is no row but the head.
    """
    head, *body = rows
    if not body:
        return ""
    kept = [column for column in range(len(head)) if any(row[column] not in ("", DASH) for row in body)]
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row[column] for column in kept) + " |" for row in (head, rule, *body))


def section(title: str, *parts: str) -> str:
    """A heading and what stands below it; "" where nothing does."""
    there = [part for part in parts if part]
    return "\n\n".join([f"### {title}", *there]) if there else ""


def folded(summary: str, *parts: str) -> str:
    """A block of which only ``summary`` shows until it is opened; "" where nothing is in it."""
    there = [part for part in parts if part]
    return "\n\n".join([f"<details><summary>{summary}</summary>", *there, "</details>"]) if there else ""
