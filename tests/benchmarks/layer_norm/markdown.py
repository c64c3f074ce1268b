"""Markdown that code hosts render: tables, and blocks that open when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from triton_matrix.base import tables
from triton_matrix.base.tables import DASH

__all__ = ["DASH", "folded", "section", "table"]


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, without columns that say nothing; "" where there is no row but the head."""
    head, *body = rows
    return tables.render(*tables.without_empty(head, body), markdown=True, labels=1) if body else ""


def section(title: str, *parts: str) -> str:
    """A heading and what stands below it; "" where nothing does."""
    there = [part for part in parts if part]
    return "\n\n".join([f"### {title}", *there]) if there else ""


def folded(summary: str, *parts: str) -> str:
    """A block of which only ``summary`` shows until it is opened; "" where nothing is in it."""
    there = [part for part in parts if part]
    return "\n\n".join([f"<details><summary>{summary}</summary>", *there, "</details>"]) if there else ""
