"""The table of cells as Markdown, for a README that has the marks for it. ``lock`` writes it."""

from __future__ import annotations

from ..base import markdown_sections, tables
from ..base.cells import Table

PART = "cells"
_HEADINGS = ("cell", "Python", "torch", "Triton", "why", "without a GPU", "with one")


def update(table: Table) -> bool:
    """Write the cells of ``table`` into its README; False where that has no place for them."""
    readme = table.root / "README.md"
    if not markdown_sections.has(readme, PART):
        return False
    markdown_sections.replace(readme, PART, markdown(table))
    return True


def markdown(table: Table) -> str:
    """One row per cell: what it pins, why it exists, and what runs there without a GPU and with one."""
    rows = []
    for cell in table.cells.values():
        versions = [value or "yours" for value in (cell.python, cell.torch, cell.triton)]
        lacking = [gap.feature for gap in cell.gaps if gap.level == "interpreter"]
        without = "interpreter" + (f", no {', '.join(lacking)}" if lacking else "")
        if cell.index:
            without = "unavailable where its index cannot be reached"
        rows.append((f"`{cell.name}`", *versions, cell.why, without, "device"))
    return tables.render(_HEADINGS, rows, markdown=True, labels=len(_HEADINGS))
