"""Times of one launch in several Tritons: they take turns, so that what drifts meanwhile drifts for all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar, Union

from ..regression import Entry
from ..timing import BLOCKS, spread_of
from .workers import Failed

TURNS = BLOCKS  # of each: the spread is that of their medians
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Times:
    """Rounds of a launch.

    Attributes:
        turns: the seconds of each turn's rounds, in the order in which they ran.
        late: rounds that may hold gaps, because the host was behind the device.
    """

    turns: tuple[tuple[float, ...], ...]
    late: int = 0

    @property
    def seconds(self) -> list[float]:
        """All rounds."""
        return [each for turn in self.turns for each in turn]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """How far the turns' medians differ, a fraction."""
        return spread_of([statistics.median(turn) for turn in self.turns])

    @property
    def entry(self) -> Entry:
        """As comparing takes it. Turns were taken: seconds are compared, and no share of a copy."""
        return Entry(self.median, self.spread, None)


Turn = Callable[[], "tuple[list[float], int]"]


def taken(turns: Mapping[Key, Turn], count: int = TURNS) -> dict[Key, Union[Times, Failed]]:
    """Let each have its turn ``count`` times, each time another one first.

    Args:
        turns: what times one turn: the seconds of its rounds, and how many were late. One that fails has no more turns.
    """
    rounds: dict[Key, list[tuple[float, ...]]] = {key: [] for key in turns}
    late, failed = dict.fromkeys(turns, 0), dict[Key, Failed]()
    order = list(turns)
    for _ in range(count):
        for key in [each for each in order if each not in failed]:
            try:
                seconds, behind = turns[key]()
            except Failed as problem:
                failed[key] = problem
                continue
            rounds[key].append(tuple(seconds))
            late[key] += behind
        order = order[1:] + order[:1]
    return {key: failed.get(key) or Times(tuple(rounds[key]), late[key]) for key in turns}
