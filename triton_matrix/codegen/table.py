"""Tables for a terminal and for Markdown: the atlas as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import tables
from . import metrics, reasons


def of_one(atlas: Mapping[str, Any], markdown: bool = False) -> str:
    """What one release made of its configurations: figures of those that compiled, reasons of those that did not."""
    return _with_reasons(atlas["entries"], [atlas], [atlas["triton"]], markdown)


def by_release(atlases: Sequence[Mapping[str, Any]], known: Sequence[str], markdown: bool = False) -> str:
    """As :func:`of_one`, with the releases of each configuration under one another; ``known`` as of reasons.grouped."""
    items = [{**item, "triton": atlas["triton"]} for atlas in atlases for item in atlas["entries"]]
    order = {item["id"]: index for index, item in enumerate(reversed(items))}
    items.sort(key=lambda item: (item["target"], -order[item["id"]]))  # stable: releases stay in their order
    shown = [{**item, "label": f"{item['label']}  {item['triton']}"} for item in items]
    return _with_reasons(shown, atlases, known, markdown)


def _with_reasons(
    items: Sequence[Mapping[str, Any]], atlases: Sequence[Mapping[str, Any]], known: Sequence[str], markdown: bool
) -> str:
    """One table per backend of what compiled, then one line for each reason why others did not."""
    parts = []
    for backend in metrics.BOTH:
        compiled = [item for item in items if item["target"].startswith(backend) and item["metrics"]]
        columns = metrics.columns(backend, (item["metrics"] for item in compiled))
        if compiled:
            headings = ["configuration", "target", *(metric.heading for metric in columns)]
            rows = [
                [item["label"], item["target"], *(item["metrics"].get(metric.name, "-") for metric in columns)]
                for item in compiled
            ]
            parts.append(tables.render(headings, rows, markdown=markdown))
    why = reasons.render(reasons.grouped(atlases, known), len(atlases) > 1, markdown)
    return "\n\n".join([*parts, *([why] if why else [])])


def overview(atlases: Sequence[dict[str, Any]], markdown: bool = False) -> str:
    """One row per release, one column per target: how many configurations compiled, and how many of those spill."""
    names = list(dict.fromkeys(item["target"] for atlas in atlases for item in atlas["entries"]))
    rows = []
    for atlas in atlases:
        row = [atlas["triton"]]
        for name in names:
            here = [item for item in atlas["entries"] if item["target"] == name]
            row.append(_summary(here))
        rows.append(row)
    return tables.render(["triton", *names], rows, markdown=markdown)


def _summary(items: Sequence[dict[str, Any]]) -> str:
    compiled = [item for item in items if item["status"] == "ok"]
    errors = sum(item["status"] == "error" for item in items)
    if not compiled and not errors:
        return "n/a"
    spilling = sum(metrics.spills(item["metrics"]) > 0 for item in compiled)
    parts = [f"{len(compiled)} ok"]
    if spilling:
        parts.append(f"{spilling} spill")
    if errors:
        parts.append(f"{errors} error")
    return ", ".join(parts)
