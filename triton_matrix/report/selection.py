"""Which results count: for each column, level and kind of machine one, by age and date; the others are listed.

A pass on one GPU says nothing about another one, and must not hide that a test fails there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional, TypeVar, Union

from ..base import versions
from ..evidence.column import Column
from ..evidence.reading import Atlas, Document, Suite
from .results import BenchResult, IncidentsResult, LaunchesResult, Place, ReleaseResult, Result, Results, SuiteResult

Dated = Union[Result[Suite], Result[Document], Result[Atlas], Document]  # what has a date and a file
Item = TypeVar("Item", bound=Dated)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Superseded:
    """A result that another one replaced."""

    file: str
    date: str
    kept: str


@dataclass(frozen=True)
class Kept:
    """The results that count.

    Attributes:
        suites: column -> level -> one for each kind of machine, the least telling first.
        stopped, unavailable: where nothing answers them.
        codegen, values, device: by release, the oldest first.
        incidents: the run over bare releases that says most.
    """

    suites: Mapping[Column, Mapping[str, tuple[SuiteResult, ...]]]
    stopped: Mapping[Column, Document]
    unavailable: Mapping[Column, Document]
    benches: Mapping[Place, BenchResult]
    launches: Mapping[Column, LaunchesResult]
    codegen: Mapping[str, ReleaseResult]
    values: Mapping[str, ReleaseResult]
    device: Mapping[str, ReleaseResult]
    incidents: Optional[IncidentsResult]


@dataclass(frozen=True)
class Selection:
    """What counts, and what does not because something else does."""

    kept: Kept
    superseded: tuple[Superseded, ...]


def select(results: Results) -> Selection:
    """One result of each column, level and kind of machine, of each release, and of each place of timings."""
    suites, replaced = _suites(results.suites)
    stopped, unanswered = _standing(results.stopped, results.suites, outweighed=False)
    unavailable, outweighed = _standing(results.unavailable, results.suites, outweighed=True)
    benches, older_benches = newest(
        results.benches,
        lambda item: item.place,
        lambda item: (not item.outdated, not item.is_selection, item.date, item.file),
    )
    launches, older_launches = newest(results.launches, lambda item: item.record.column, _age)
    codegen, older_codegen = newest(results.codegen, lambda item: item.record.release, _release_order)
    values, older_values = newest(results.values, lambda item: item.record.release, _release_order)
    device, older_device = newest(results.device, lambda item: item.record.release, _release_order)
    seen = sorted(results.incidents, key=lambda item: (not item.outdated, item.date))
    kept = Kept(
        suites,
        stopped,
        unavailable,
        dict(sorted(benches.items())),
        launches,
        {name: codegen[name] for name in sorted(codegen, key=versions.order)},
        {name: values[name] for name in sorted(values, key=versions.order)},
        {name: device[name] for name in sorted(device, key=versions.order)},
        seen[-1] if seen else None,
    )
    older = [*replaced, *unanswered, *outweighed, *older_benches, *older_launches]
    return Selection(kept, (*older, *older_codegen, *older_values, *older_device))


def newest(
    items: Iterable[Item], key: Callable[[Item], Key], order: Callable[[Item], Any]
) -> tuple[dict[Key, Item], list[Superseded]]:
    """The last item of each key in the order, and the others."""
    kept: dict[Key, Item] = {}
    superseded = []
    for item in sorted(items, key=order):
        name = key(item)
        if name in kept:
            superseded.append(Superseded(kept[name].file, kept[name].date, item.file))
        kept[name] = item
    return kept, superseded


def _age(item: Dated) -> tuple[str, str]:
    return item.date, item.file


def _release_order(item: ReleaseResult) -> tuple[bool, bool, str, str]:
    """What says most of the checkout as it is now comes last."""
    return not item.standing.outdated, not item.standing.unavailable, item.date, item.file


def _suite_order(item: SuiteResult) -> tuple[bool, bool, str, str]:
    """What is of the checkout as it is now comes last, whatever the dates; of what is not, its own."""
    return not item.outdated, not item.outdated or item.own, item.date, item.file


def _suites(
    results: Iterable[SuiteResult],
) -> tuple[dict[Column, dict[str, tuple[SuiteResult, ...]]], list[Superseded]]:
    of_machine, superseded = newest(
        results, lambda item: (item.record.column, item.record.level, item.machine), _suite_order
    )
    together: dict[tuple[Column, str], list[SuiteResult]] = {}
    for item in sorted(of_machine.values(), key=_suite_order):
        together.setdefault((item.record.column, item.record.level), []).append(item)
    kept: dict[Column, dict[str, tuple[SuiteResult, ...]]] = {}
    for (column, level), items in together.items():
        counting = _counting(items)
        kept.setdefault(column, {})[level] = counting
        left = [item for item in items if item not in counting]
        superseded += [Superseded(item.file, item.date, counting[-1].file) for item in left]
    return kept, superseded


def _counting(items: list[SuiteResult]) -> tuple[SuiteResult, ...]:
    """Which of the newest results of each machine count.

    Those of the checkout as it is now do, or else the last. Where nothing says which machine a result is of, a newer
    one of any machine takes its place.

    Args:
        items: of one column and level, the least telling first.
    """
    current = [item for item in items if not item.outdated] or items[-1:]
    last = max(item.date for item in current)
    return tuple(item for item in current if item.machine or item.date == last)


def _standing(
    documents: Iterable[Document], suites: Iterable[SuiteResult], outweighed: bool
) -> tuple[dict[Column, Document], list[Superseded]]:
    """What kept a cell from running, where it still stands: in one and the same folder the newer word counts.

    Args:
        outweighed: whether a result of another folder outweighs it, whenever that was taken: that this machine cannot
            provide a cell says nothing about the other one. That it failed here is answered by nothing else.
    """
    standing, superseded = [], []
    for document in documents:
        rivals = [item for item in suites if item.record.column == document.column]
        others = [
            item
            for item in rivals
            if (item.date > document.date if item.record.folder == document.folder else outweighed)
        ]
        if others:
            superseded.append(Superseded(document.file, document.date, others[-1].file))
        else:
            standing.append(document)
    kept, older = newest(standing, lambda item: item.column, _age)
    return kept, [*superseded, *older]
