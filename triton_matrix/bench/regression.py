"""Is a row slower than before? Called only beyond the noise, and believed only when measured again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
        spread: of repeated medians, a fraction (``timing.spread_of``); None where too few rounds say nothing of noise.
        share: of the copy bandwidth that the same process measured; None where there was none.
    """

    median: float
    spread: Optional[float]
    share: Optional[float]


@dataclass(frozen=True)
class Change:
    """How a row differs from its baseline.

    Attributes:
        row: its id.
        slowdown: how much longer it takes, a fraction of the baseline; negative where it takes less.
        limit: what it would have to stay within: the threshold, or the noise where that is larger; None where nothing
            is known of the noise.
    """

    row: str
    slowdown: float
    limit: Optional[float]


def entries(report: Mapping[str, Any]) -> dict[str, Entry]:
    """The package's own rows of a file, by name."""
    return {
        each.row: Entry(each.median, each.spread, each.share) for each in timings(report) if each.implementation == OURS
    }


def called_alike(report: Mapping[str, Any]) -> list[str]:
    """Names that several rows of one implementation have: of such rows only one would be shown and compared."""
    counted = Counter((each.row, each.implementation) for each in timings(report))
    return [row for (row, _), count in counted.items() if count > 1]


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
    changes = [
        _change(row, now[row], base[row], threshold) for row in (now.keys() & base.keys() if rows is None else rows)
    ]
    return _worst_first(each for each in changes if each.limit is not None and each.slowdown > each.limit)


def too_noisy(now: Mapping[str, Entry], base: Mapping[str, Entry], threshold: float = THRESHOLD) -> list[Change]:
    """The rows, worst first, of which nothing can be told: a change by more than ``threshold`` may hide in their noise.

    A row that differs by more than its noise, either way, is no such row.
    """
    changes = []
    for row in now.keys() & base.keys():
        change, back = (_change(row, *pair, threshold) for pair in ((now[row], base[row]), (base[row], now[row])))
        if change.limit is None or max(change.slowdown, back.slowdown) <= change.limit > threshold:
            changes.append(change)
    return _worst_first(changes)


def _change(row: str, new: Entry, old: Entry, threshold: float) -> Change:
    ratio = old.share / new.share if old.share and new.share else new.median / old.median
    if new.spread is None or old.spread is None:
        return Change(row, ratio - 1, None)
    return Change(row, ratio - 1, max(threshold, SPREADS * max(new.spread, old.spread)))


def _worst_first(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (-change.slowdown, change.row))
