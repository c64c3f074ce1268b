"""Device timings out of the bench's files, one flat row each, and how the runs that they are of ended.

``evidence.benchmark_file`` alone says what a row of a file may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ..base.display_text import counted, short
from ..bench.stored_runs import gpus_called
from ..bench.timings import timings
from ..evidence.column import Column
from .results import BenchResult, DeclaredBench, Place, Results

# the keys of ``evidence.benchmark_file.EXTRA_INFO`` that a row keeps under the same name
FIGURES = (
    "kind",
    "direction",
    "dtype",
    "n_rows",
    "n_cols",
    "share_of_copy",
    "gb_per_s",
    "speed_against_torch",
    "spread",
)


@dataclass(frozen=True)
class Timing:
    """A row that a device timed.

    Attributes:
        cell: the column, as it is shown; with ``gpu`` and ``settings`` the place that it is of.
        on: what tells it from other timings of the column (:func:`told_apart`).
        implementation: "ours" for this package.
        median_s: in seconds.
        figures: those of FIGURES that the file has.
    """

    cell: str
    gpu: str
    settings: str
    on: str
    date: str
    commit: Optional[str]
    outdated: str
    own: bool
    triton: Optional[str]
    name: str
    implementation: str
    median_s: float
    figures: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str, str]:
        """Cell, GPU and settings: only timings of one place are compared."""
        return self.cell, self.gpu, self.settings

    @property
    def where(self) -> str:
        """What it is of, whatever its age: ``ambient-3.6.0, H200``."""
        apart = self.on.removesuffix(_age(self.commit)).removesuffix(", ")
        return f"{self.cell}, {apart}" if apart else self.cell


@dataclass(frozen=True)
class BenchRun:
    """A run of a bench, by its file of timings or by what it left in place of one.

    Attributes:
        platform: whose GPU timed; "" without one, and where no file says it.
        selected: whether rows were left out.
        skipped: rows that the suite skipped.
        problem: why it is no whole one, or what is wrong with its rows; "" where nothing is.
        unanswered: whether the problem is that nothing can be told.
    """

    column: Column
    level: str
    platform: str
    date: str
    commit: Optional[str]
    file: str
    selected: bool
    skipped: int
    problem: str
    unanswered: bool
    outdated: str
    own: bool


def told_apart(timed: Mapping[Place, BenchResult]) -> dict[Place, str]:
    """What each place is called besides its cell: GPU and settings where there are several, a sweep, and its age."""
    called = gpus_called(place.gpu for place in timed if place.gpu)
    several = len({place.settings for place in timed if place.settings}) > 1
    names = {}
    for place, item in timed.items():
        parts = [
            called.get(place.gpu, "") if len(called) > 1 else "",
            place.settings if several else "",
            "sweep" if place.is_sweep else "",
            "some rows" if item.is_selection else "",
            _age(item.about.get("commit")) if item.outdated else "",
        ]
        names[place] = ", ".join(filter(None, parts))
    return names


def _age(commit: Optional[str]) -> str:
    """What is said of timings that are not of the checkout as it is now."""
    return f"stale, of commit {short(commit)}"


def rows(timed: Mapping[Place, BenchResult], called: Mapping[Place, str]) -> list[Timing]:
    """The timings that a device made; none of a sweep, and on a CPU nothing of a GPU was timed.

    Args:
        called: of :func:`told_apart`.
    """
    on_device = [place for place in timed if place.level == "device" and not place.is_sweep]
    return [timing for place in on_device for timing in _rows(place, called[place], timed[place])]


def _rows(place: Place, on: str, item: BenchResult) -> Iterator[Timing]:
    for each in timings(item.record.content):
        if each.on_device:
            figures = {name: each.info[name] for name in FIGURES if each.info.get(name) is not None}
            figures.update({} if each.spread is None else {"spread": each.spread})
            yield Timing(
                cell=str(place.column),
                gpu=place.gpu,
                settings=place.settings,
                on=on,
                date=item.date,
                commit=item.about.get("commit"),
                outdated=item.outdated,
                own=item.own,
                triton=item.about["versions"].get("triton"),
                name=each.row,
                implementation=each.implementation,
                median_s=each.median,
                figures=figures,
            )


def ended(results: Results, kept: Iterable[BenchResult]) -> list[BenchRun]:
    """Every run of the bench that says something: by its file of timings, and by its declaration where it left none."""
    of_run = {(item.record.folder, item.about.get("run")) for item in results.benches}
    lost = (_declared(each, (each.record.folder, each.run.id) in of_run) for each in results.declared)
    return [*(run for run in lost if run.problem), *map(_ended, kept)]


def _declared(declared: DeclaredBench, has_timings: bool) -> BenchRun:
    return BenchRun(
        column=declared.record.column,
        level=declared.run.level,
        platform="",
        date=declared.record.date,
        commit=declared.run.commit,
        file=declared.record.file,
        selected=False,
        skipped=0,
        problem=declared.shortfall or ("" if has_timings else "it ended, and the timings that it left are gone"),
        unanswered=False,
        outdated=declared.outdated,
        own=declared.own,
    )


def _ended(item: BenchResult) -> BenchRun:
    problem, unanswered = _wrong_with(item.about)
    return BenchRun(
        column=item.place.column,
        level=item.place.level,
        platform=item.platform,
        date=item.date,
        commit=item.about.get("commit"),
        file=item.file,
        selected=item.is_selection or item.place.is_sweep,
        skipped=item.about.get("skipped", 0),
        problem=problem,
        unanswered=unanswered,
        outdated=item.outdated,
        own=item.own,
    )


def _wrong_with(about: Mapping[str, Any]) -> tuple[str, bool]:
    """What is wrong with the rows of a file, and whether that is only that nothing can be told."""
    failed, against = about.get("failed_rows") or (), about.get("against") or {}
    if failed:
        return f"{len(failed)} failed, first {failed[0]}", False
    if against.get("regressed"):
        worse = [row["row"] for row in against["regressed"]]
        return f"{len(worse)} slower than {against['baseline']}, measured twice: {counted(worse)}", False
    if against and not against.get("compared"):
        return f"nothing was compared with {against.get('baseline')}, as was asked", True
    return "", False
