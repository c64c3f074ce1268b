"""Results of one cell and level from several kinds of machine: the newest of each counts, and the worst stands for all.

A pass on one GPU says nothing about another one, and must not hide that a test fails there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..evidence.reading import Document, Suite
from ..evidence.toolchain import called
from . import words
from .matrix import FoundLevel, OnMachine, Superseded


def of(suite: Suite, environments: Iterable[Document]) -> str:
    """The GPU of a result, without one the processor's architecture; "" where its files do not say it."""
    beside = [item.content for item in environments if Path(item.file).parent == suite.folder]
    recorded = beside[-1] if beside else {}
    if suite.level == "device":
        return suite.properties.get("gpu") or ", ".join(map(called, recorded.get("gpus", ())))
    return str(recorded.get("platform", {}).get("machine") or "")


def platform_of(gpus: Iterable[Mapping[str, Any]]) -> str:
    """The platform of the GPUs that a file names; "" where it names none, or not what they are."""
    kinds = {"cuda": "cuda", "hip": "rocm"}
    return next((kinds[kind] for gpu in gpus if (kind := str(gpu.get("arch")).partition(":")[0]) in kinds), "")


def platform_of_suite(suite: Suite, environments: Iterable[Document]) -> str:
    """The platform of a suite's result at level device, as the environment beside it says."""
    beside = [item.content for item in environments if Path(item.file).parent == suite.folder]
    return platform_of(beside[-1].get("gpus", ())) if beside and suite.level == "device" else ""


def newest(
    items: Iterable[Any],
    key: Callable[[Any], Any],
    superseded: list[Superseded],
    order: Callable[[Any], Any] = lambda item: (item.date, item.file),
) -> dict[Any, Any]:
    """The last item of each key in the order, by default the newest; the others are added to ``superseded``."""
    kept: dict[Any, Any] = {}
    for item in sorted(items, key=order):
        name = key(item)
        if name in kept:
            superseded.append({"file": kept[name].file, "date": kept[name].date, "kept": item.file})
        kept[name] = item
    return kept


def counting(found: list[Suite], machine: Callable[[Suite], str], outdated: Callable[[Suite], str]) -> list[Suite]:
    """Which of the newest results of each machine count.

    Those of the checkout as it is now do, or else the last. Where nothing says which machine a result is of, a newer
    one of any machine takes its place.

    Args:
        found: of one cell and level, the least telling first.
    """
    current = [suite for suite in found if not outdated(suite)] or found[-1:]
    last = max(suite.date for suite in current)
    return [suite for suite in current if machine(suite) or suite.date == last]


def worst(levels: list[tuple[str, FoundLevel]]) -> FoundLevel:
    """The level that stands for all of them, with what each machine found.

    Args:
        levels: machine and level.
    """
    _, shown = max(levels, key=_rank)
    if len(levels) == 1:
        return shown
    on: list[OnMachine] = [
        {
            "machine": machine or "unknown",
            "date": level["date"],
            "file": level["file"],
            "failing": words.failing(level["counts"]),
            "shortfall": level["shortfall"],
            "passed": level["counts"]["passed"],
            "unlaunched": _unlaunched(level),
        }
        for machine, level in levels
    ]
    # a row of known failures does not say on which machine: it is gone where it occurs on none
    gone = [row for row in shown["gone"] if all(row in level["gone"] for _, level in levels)]
    return {**shown, "gone": gone, "machines": on}


def _rank(item: tuple[str, FoundLevel]) -> tuple[bool, bool, str]:
    level = item[1]
    bad = words.failing(level["counts"]) or level["shortfall"] or _unlaunched(level)
    return bool(bad), bool(level["counts"]["passed"]), level["date"]


def _unlaunched(level: FoundLevel) -> str:
    """That its tests passed without a kernel; "" where they did not, or failed."""
    return level["unlaunched"] if level["counts"]["passed"] and not words.failing(level["counts"]) else ""
