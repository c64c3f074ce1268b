"""Launches on a GPU, one after the other: compiled and computed in every Triton at hand, then timed in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ...base import reads, versions
from ...launches.import_names import import_name
from ...launches.launch_list import Launched
from ...launches.loading import file_of
from .. import regression
from .dots import Share
from .rounds import TURNS, Times, taken
from .varying import Limits, Values, Varied, vary
from .workers import Failed, Worker, all_at_once

LOAD_S, COMPILE_S = 120, 300

__all__ = ["TURNS", "Found", "Row", "Settings", "run", "slower"]


@dataclass(frozen=True)
class Settings:
    """How launches are run.

    Attributes:
        seconds: after which a launch is taken to hang, computed or timed.
        budget: seconds of rounds in a turn.
        source_root: where the kernels' absolute imports start; None finds it.
        options: those to vary, with their values.
        also: launch -> arguments that an interpreter wrote, whose memory is kept whether it changed or not.
        arrays: the folder of what is written.
    """

    seconds: float
    budget: float
    source_root: Optional[str]
    options: Values
    also: Callable[[str], Sequence[str]]
    arrays: Path


@dataclass
class Row:
    """A launch in one Triton.

    Attributes:
        failed: why it has no answer; None where it has.
        metrics, code, dots: of its binary: exact metrics, a digest, whether its kernel has dots.
        values: what it wrote, as comparing takes it.
        repeats: whether a second run wrote the same, bit by bit.
        bytes: of its tensors, storage by storage, each place once.
        times: None where it was not timed.
        again: the second round, where one was taken.
        share: of a launch that has dots and was timed, how near it is to what bounds it.
    """

    failed: Optional[Failed] = None
    metrics: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    dots: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    repeats: bool = True
    bytes: list[int] = field(default_factory=list)
    times: Optional[Times] = None
    again: Optional[Times] = None
    share: Optional[Share] = None


@dataclass
class Found:
    """What a run found.

    Attributes:
        rows: launch -> release -> row.
        varied: launch -> how its best configuration moved, of those that were varied.
        read: release -> what the kernels' modules read.
    """

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    varied: dict[str, Varied] = field(default_factory=dict)
    read: dict[str, list[reads.Reads]] = field(default_factory=dict)


def run(
    launches: Sequence[Launched],
    workers: Mapping[str, Worker],
    settings: Settings,
    results: Found,
    done: Callable[[str], None],
) -> None:
    """Run launches; those whose imports start at one folder in one process a Triton.

    Args:
        workers: release -> its worker, the oldest first.
        results: is filled as each launch ends.
        done: told each launch as it ends.
    """
    by_root: dict[str, list[Launched]] = {}
    for launch in launches:
        if not launch.refused:
            by_root.setdefault(root_of(launch.asked["kernel"]), []).append(launch)
    for number, group in enumerate(by_root.values()):
        for worker in workers.values() if number else ():
            worker.close()
        for launch in group:
            rows = _one(launch, workers, settings, results)
            results.rows[launch.label] = rows
            done(launch.label)


def root_of(kernel: str) -> str:
    """Where the imports of a kernel's file start; two such folders may hold packages of one name."""
    path = file_of(kernel)
    return str(import_name(path)[0]) if path else ""


def _one(launch: Launched, workers: Mapping[str, Worker], settings: Settings, results: Found) -> dict[str, Row]:
    rows = {release: Row() for release in workers}

    def left() -> dict[str, Worker]:
        return {release: worker for release, worker in workers.items() if rows[release].failed is None}

    asked = {key: value for key, value in launch.asked.items() if key != "reference"}
    opened = all_at_once(left(), LOAD_S, do="open", launch=asked, source_root=settings.source_root)
    for release, answer in _kept(rows, opened).items():
        results.read[release].append(answer["read"])
    compiled = all_at_once(left(), COMPILE_S, do="compile", options={}, metrics=True)
    for release, answer in _kept(rows, compiled).items():
        rows[release].metrics, rows[release].code = answer["metrics"], answer["code"]
        rows[release].dots = answer["dots"]
    for release, worker in left().items():  # one after the other: they are on the GPU now
        try:
            answer = worker.ask(settings.seconds, do="compute")
        except Failed as problem:
            rows[release].failed = problem
            continue
        rows[release].repeats, rows[release].bytes = answer["repeats"], answer["bytes"]
    also = list(settings.also(launch.label))
    kept = all_at_once(left(), LOAD_S, do="keep", folder=str(settings.arrays), also=also)
    for release, answer in _kept(rows, kept).items():
        rows[release].values = answer["row"]
    _time(rows, left(), settings)
    if settings.options and left():
        limits = Limits(COMPILE_S, settings.seconds, settings.budget)
        results.varied[launch.label] = vary(left(), launch.asked, settings.options, limits)
    return rows


def _time(rows: Mapping[str, Row], workers: Mapping[str, Worker], settings: Settings) -> None:
    """Time a launch in turns, and all of it once more where a release looks slower than the one before."""
    turns = {release: _turn(worker, settings) for release, worker in workers.items()}
    for release, times in taken(turns).items():
        if isinstance(times, Failed):
            rows[release].failed = times
        else:
            rows[release].times = times
    timed = {release: row for release, row in rows.items() if row.times is not None}
    steps = versions.steps(list(timed))
    if not any(slower(timed[before].times, timed[after].times) for before, after in steps):
        return
    for release, times in taken({release: turns[release] for release in timed}).items():
        if isinstance(times, Times):
            rows[release].again = times


def _turn(worker: Worker, settings: Settings) -> Callable[[], tuple[list[float], int]]:
    def turn() -> tuple[list[float], int]:
        answer = worker.ask(settings.seconds, do="time", options={}, budget=settings.budget)
        return answer["seconds"], answer["late"]

    return turn


def slower(before: Optional[Times], after: Optional[Times]) -> Optional[regression.Change]:
    """That a launch takes longer than before, beyond the noise; None where it does not, or where one has no times."""
    if before is None or after is None:
        return None
    return next(iter(regression.slower({"": after.entry}, {"": before.entry})), None)


def _kept(rows: Mapping[str, Row], answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers that are none of failures, which are noted in the rows."""
    for release, answer in answers.items():
        if isinstance(answer, Failed):
            rows[release].failed = answer
    return {release: answer for release, answer in answers.items() if not isinstance(answer, Failed)}
