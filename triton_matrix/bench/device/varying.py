"""A launch under other options than its own: the best configuration in each Triton, and whether it moved."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from .rounds import Times, taken
from .workers import Failed, Worker, all_at_once

VALUES: Mapping[str, tuple[int, ...]] = {"num_warps": (2, 4, 8, 16), "num_stages": (1, 2, 3, 4)}
DEFAULTS = {"num_warps": 4, "num_stages": 3}  # Triton's own, of a launch that does not say
VARY_TURNS = 2  # of each configuration; what is said of the best ones is measured again, in as many turns as all else
OFF = 1.05  # times the best, from which on a configuration is no longer among the best
Options = tuple[tuple[str, int], ...]


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


def check(names: Sequence[str]) -> None:
    """ValueError where an option cannot be varied."""
    for name in names:
        if name not in VALUES:
            raise ValueError(f"vary has {name!r}; allowed are {', '.join(VALUES)}")


def configurations(own: Mapping[str, Any], names: Sequence[str]) -> list[Options]:
    """Every combination of the values of VALUES, and the launch's own."""
    points = [tuple(zip(names, values)) for values in itertools.product(*(VALUES[name] for name in names))]
    return list(dict.fromkeys([tuple((name, int(own.get(name, DEFAULTS[name]))) for name in names), *points]))


def vary(
    workers: Mapping[str, Worker],
    own: Mapping[str, Any],
    names: Sequence[str],
    compile_s: float,
    seconds: float,
    budget: float,
) -> Varied:
    """Time the open launch in every configuration.

    Args:
        own: the launch's own options.
        compile_s, seconds: the limit on compiling one, and on one turn.
        budget: seconds of rounds in a turn.
    """

    def turn(release: str, options: Options) -> Callable[[], tuple[list[float], int]]:
        def one() -> tuple[list[float], int]:
            answer = workers[release].ask(seconds, do="time", options=dict(options), budget=budget)
            return answer["seconds"], answer["late"]

        return one

    codes: dict[tuple[str, Options], str] = {}
    gone: set[str] = set()
    asked = configurations(own, names)
    for options in asked:
        there = {release: worker for release, worker in workers.items() if release not in gone}
        answers = all_at_once(there, compile_s, do="compile", options=dict(options), metrics=False)
        for release, answer in answers.items():
            if not isinstance(answer, Failed):
                codes[release, options] = answer["code"]
            elif answer.ended:
                gone.add(release)
    first: dict[tuple[str, str, int], tuple[str, Options]] = {}  # options that make the same binary are one
    for (release, options), code in codes.items():
        if release not in gone:
            first.setdefault((release, code, dict(options).get("num_warps", 0)), (release, options))
    times = taken({key: turn(*key) for key in first.values()}, VARY_TURNS)
    found = Varied(asked[0])
    for (release, options), code in codes.items():
        same = first.get((release, code, dict(options).get("num_warps", 0)))
        measured = times[same] if same else None
        if isinstance(measured, Times):
            found.seconds.setdefault(release, {})[options] = measured.median
    found.best = {release: min(of, key=of.__getitem__) for release, of in found.seconds.items()}
    releases = list(found.best)
    for before, after in zip(releases, releases[1:]):
        was, now = found.best[before], found.best[after]
        on_newer = found.seconds[after]
        if was in on_newer and on_newer[was] <= OFF * on_newer[now]:
            continue
        if was not in on_newer:
            found.moved.append(Moved(before, after, was, now, None))
            continue
        both = taken({each: turn(after, each) for each in (was, now)})
        slow, fast = both[was], both[now]
        if isinstance(slow, Times) and isinstance(fast, Times) and slow.median > OFF * fast.median:
            found.moved.append(Moved(before, after, was, now, slow.median / fast.median))
    return found
