"""Is a row slower than before? Called only beyond the noise, and believed only when measured again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .timings import OURS, timings

THRESHOLD = 0.05
SPREADS = 3.0


@dataclass(frozen=True)
class Entry:
    """What comparing needs of one row of ours.

    Attributes:
        median: seconds.
        spread: of repeated medians, a fraction (``timing.spread_of``).
        share: of the copy bandwidth that the same process measured; None where there was none.
    """

    median: float
    spread: float
    share: Optional[float]


@dataclass(frozen=True)
class Change:
    """A row that is slower by more than its limit.

    Attributes:
        row: its id.
        slowdown: how much longer it takes, a fraction of the baseline.
        limit: what it would have to stay within: the threshold, or the noise where that is larger.
    """

    row: str
    slowdown: float
    limit: float


def entries(report: Mapping[str, Any]) -> dict[str, Entry]:
    """The package's own rows of a file, by name; those of too few rounds to know of any noise are no part."""
    return {
        each.row: Entry(each.median, each.spread, each.share)
        for each in timings(report)
        if each.implementation == OURS and each.spread is not None
    }


def check_comparable(now: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """ValueError where two reports were not obtained alike: another level, GPU, settings or variables of the shell."""
    ours, theirs = now["triton_matrix"], base["triton_matrix"]
    if ours["level"] != theirs["level"]:
        raise ValueError(f"the baseline is of level {theirs['level']}, this run of level {ours['level']}")
    gpus = [sorted({gpu["name"] for gpu in side["gpus"]}) for side in (ours, theirs)]
    if gpus[0] != gpus[1]:
        raise ValueError(f"the baseline was measured on {gpus[1] or 'no GPU'}, this run on {gpus[0] or 'no GPU'}")
    for key in ("settings", "variables"):
        was, is_ = theirs.get(key) or None, ours.get(key) or None
        if was != is_ and key in theirs:  # a file of before did not say
            raise ValueError(f"the baseline has {key} {was or 'none'}, this run {is_ or 'none'}")


def slower(
    now: Mapping[str, Entry],
    base: Mapping[str, Entry],
    threshold: float = THRESHOLD,
    rows: Optional[Sequence[str]] = None,
) -> list[Change]:
    """The rows, worst first, that are slower than the baseline by more than ``threshold`` and ``SPREADS`` spreads.

    Shares of the copy bandwidth are compared where both sides have them, because a day's clocks move both alike;
    seconds otherwise.

    Args:
        now, base: row id -> entry; a row that one side lacks is not compared.
        threshold: a fraction; what is within it is never called.
        rows: compare only these.
    """
    changes = []
    for row in now.keys() & base.keys() if rows is None else rows:
        new, old = now[row], base[row]
        ratio = old.share / new.share if old.share and new.share else new.median / old.median
        limit = max(threshold, SPREADS * max(new.spread, old.spread))
        if ratio - 1 > limit:
            changes.append(Change(row, ratio - 1, limit))
    return sorted(changes, key=lambda change: (-change.slowdown, change.row))
