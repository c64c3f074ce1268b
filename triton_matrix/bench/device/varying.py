"""A launch under other options than its own: the best configuration in each Triton, and whether it moved."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from ...base import versions
from .rounds import Times, taken
from .workers import Failed, Worker, all_at_once

DEFAULTS = {"num_warps": 4, "num_stages": 3}  # Triton's own, of a launch that does not say
VARY_TURNS = 2  # of each configuration; what is said of the best ones is measured again, in as many turns as all else
OFF = 1.05  # times the best, from which on a configuration is no longer among the best
Options = tuple[tuple[str, int], ...]
Values = Mapping[str, tuple[int, ...]]
Points = dict[str, dict[Options, Union[Times, Failed]]]
VALUES: Values = {"num_warps": (2, 4, 8, 16), "num_stages": (1, 2, 3, 4)}
_WITH_VALUES = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<values>\d+(:\d+)*)")


@dataclass(frozen=True)
class Moved:
    """That the best configuration of an older Triton is not among the best of a newer one.

    Attributes:
        was, now: the best of each.
        ratio: how many times the best the old one takes on the newer Triton; None where it does not run there.
    """

    before: str
    after: str
    was: Options
    now: Options
    ratio: Optional[float]

    def sentence(self) -> str:
        """``at num_warps 4: 3.1 times slower than triton 3.9.0's best, num_warps 16``."""
        differs = [name for name, value in self.was if dict(self.now)[name] != value]
        was, now = (", ".join(f"{name} {dict(each)[name]}" for name in differs) for each in (self.was, self.now))
        how = "does not run" if self.ratio is None else f"{self.ratio:.2g} times slower"
        return f"at {was}, the best on triton {self.before}: {how} on {self.after}; best is now {now}"


@dataclass
class Varied:
    """The configurations of a launch.

    Attributes:
        own: the launch's own.
        seconds: release -> configuration -> median, of those that ran.
        best: release -> the fastest.
        moved: between neighbouring releases.
    """

    own: Options
    seconds: dict[str, dict[Options, float]] = field(default_factory=dict)
    best: dict[str, Options] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)


def parse(text: str) -> dict[str, tuple[int, ...]]:
    """What ``--vary`` says: ``num_warps,num_stages``, and compile options or constexprs with values, ``BLOCK=64:128``.

    Raises:
        ValueError: something else is said.
    """
    by_name: dict[str, tuple[int, ...]] = {}
    for word in filter(None, (each.strip() for each in text.split(","))):
        given = _WITH_VALUES.fullmatch(word)
        name, values = (
            (given["name"], tuple(map(int, given["values"].split(":")))) if given else (word, VALUES.get(word))
        )
        if values is None or name in by_name:
            allowed = f"{', '.join(VALUES)}, and others with whole numbers, each once: BLOCK=64:128"
            raise ValueError(f"vary has {word!r}; allowed are {allowed}")
        by_name[name] = values
    return by_name


def own_values(launch: Mapping[str, Any], values: Values) -> dict[str, int]:
    """What a launch itself says of the names that are varied; one that it does not have is left out."""
    said = {**DEFAULTS, **launch.get("constexprs", {}), **launch.get("options", {})}
    return {name: int(said[name]) for name in values if isinstance(said.get(name), int)}


def configurations(own: Mapping[str, int], values: Values) -> list[Options]:
    """Every combination, the launch's own first and the others by how many steps they are from it."""
    names = list(own)
    first = tuple(own.items())
    lists = {name: sorted({*values[name], own[name]}) for name in names}
    points = [tuple(zip(names, point)) for point in itertools.product(*lists.values())]
    return [first, *sorted((each for each in points if each != first and _in(each, values)), key=_steps(first, lists))]


def _in(options: Options, values: Values) -> bool:
    return all(value in values[name] for name, value in options)


def _steps(first: Options, lists: Mapping[str, list[int]]) -> Callable[[Options], int]:
    def steps(options: Options) -> int:
        return sum(abs(lists[name].index(a) - lists[name].index(b)) for (name, a), (_, b) in zip(first, options))

    return steps


@dataclass(frozen=True)
class Limits:
    """How long things may take.

    Attributes:
        compile_s, seconds: compiling one configuration, and one turn.
        budget: seconds of rounds in a turn.
        until: of :func:`time.monotonic`; a configuration that has not begun then is not asked.
    """

    compile_s: float
    seconds: float
    budget: float
    until: float = float("inf")


def measured(
    workers: Mapping[str, Worker], asked: Sequence[Options], launch: Mapping[str, Any], limits: Limits
) -> Points:
    """Time the open launch, which was computed, in configurations that take turns: release -> configuration -> times.

    Args:
        launch: as it was opened; with other constexprs it must write what it wrote with its own.

    Returns:
        why there are none where one does not run; one that there was no time for is not there.
    """
    points: Points = {release: {} for release in workers}
    codes: dict[tuple[str, Options], str] = {}
    gone: set[str] = set()
    for options in asked:
        if time.monotonic() > limits.until:
            break
        there = {release: worker for release, worker in workers.items() if release not in gone}
        answers = all_at_once(there, limits.compile_s, do="compile", options=dict(options), metrics=False)
        for release, answer in answers.items():
            if not isinstance(answer, Failed):
                answer = _agreeing(workers[release], options, launch, answer, limits)
            if isinstance(answer, Failed):
                points[release][options] = answer
                gone |= {release} if answer.ended else set()
            else:
                codes[release, options] = answer["code"]
    first: dict[tuple[str, str, int], tuple[str, Options]] = {}  # options that make the same binary are one
    for (release, options), code in codes.items():
        if release not in gone:
            first.setdefault((release, code, dict(options).get("num_warps", 0)), (release, options))
    times = taken({key: turn(workers[key[0]], key[1], limits) for key in first.values()}, VARY_TURNS)
    for (release, options), code in codes.items():
        same = first.get((release, code, dict(options).get("num_warps", 0)))
        points[release][options] = times[same] if same else Failed("its process ended", "launch", ended=True)
    return points


def _agreeing(
    worker: Worker, options: Options, launch: Mapping[str, Any], answer: dict[str, Any], limits: Limits
) -> Union[dict[str, Any], Failed]:
    """What compiling gave; a failure where the constexprs are others than the launch's, and so is what it writes."""
    own = launch.get("constexprs", {})
    if all(own[name] == value for name, value in options if name in own):
        return answer
    try:
        if worker.ask(limits.seconds, do="agrees", options=dict(options), dots=answer["dots"])["agrees"]:
            return answer
    except Failed as problem:
        return problem
    return Failed("writes other values than the launch as it is", "launch")


def turn(worker: Worker, options: Options, limits: Limits) -> Callable[[], tuple[list[float], int]]:
    """What takes one turn of a configuration."""

    def one() -> tuple[list[float], int]:
        answer = worker.ask(limits.seconds, do="time", options=dict(options), budget=limits.budget)
        return answer["seconds"], answer["late"]

    return one


def vary(workers: Mapping[str, Worker], launch: Mapping[str, Any], values: Values, limits: Limits) -> Varied:
    """Time the open launch in every configuration, and say where the best one moved."""
    asked = configurations(own_values(launch, values), values)
    points = measured(workers, asked, launch, limits)
    varied = Varied(asked[0])
    for release, of in points.items():
        seconds = {options: times.median for options, times in of.items() if isinstance(times, Times)}
        if seconds:
            varied.seconds[release] = seconds
    varied.best = {release: min(of, key=of.__getitem__) for release, of in varied.seconds.items()}
    for before, after in versions.steps(list(varied.best)):
        was, now = varied.best[before], varied.best[after]
        on_newer = varied.seconds[after]
        if was in on_newer and on_newer[was] <= OFF * on_newer[now]:
            continue
        if was not in on_newer:
            varied.moved.append(Moved(before, after, was, now, None))
            continue
        both = taken({each: turn(workers[after], each, limits) for each in (was, now)})
        slow, fast = both[was], both[now]
        if isinstance(slow, Times) and isinstance(fast, Times) and slow.median > OFF * fast.median:
            varied.moved.append(Moved(before, after, was, now, slow.median / fast.median))
    return varied
