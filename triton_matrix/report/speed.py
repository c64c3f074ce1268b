"""Timings of one run against those of another, and of one cell against another: what is beyond the noise.

``bench.regression`` alone says what is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.display_text import counted
from ..bench import regression
from ..bench.timings import OURS
from .benches import Timing


@dataclass
class Compared:
    """What comparing timings of two runs gave: our rows, worst or best first.

    Attributes:
        slower, faster: rows beyond the noise.
        too_noisy: rows of which nothing can be told.
        count: of the rows of which something can.
    """

    slower: list[dict[str, Any]]
    faster: list[dict[str, Any]]
    too_noisy: list[dict[str, Any]]
    count: int


def changes(new: Sequence[Timing], old: Iterable[Timing]) -> Compared:
    """How our rows in ``new`` differ from those in ``old``, per cell.

    Only timings of one cell on the same kind of GPU, by the same settings, are compared.
    """
    on = {row.place: row.on for row in new}
    now, before = _by_place(new), _by_place(old)
    slower, faster, noise, count = [], [], [], 0
    for place in now.keys() & before.keys():
        left, right = now[place], before[place]
        noisy = regression.too_noisy(left, right)
        count += len(left.keys() & right.keys()) - len(noisy)
        where = {"cell": place[0], "on": on[place]}
        slower += [_change(each, 1 + each.slowdown, where, left, right) for each in regression.slower(left, right)]
        # of a row that is faster, the slow-down is that of the earlier run against this one
        faster += [
            _change(each, 1 / (1 + each.slowdown), where, left, right) for each in regression.slower(right, left)
        ]
        noise += [{**_change(each, 1 + each.slowdown, where, left, right), "limit": each.limit} for each in noisy]
    return Compared(
        sorted(slower, key=lambda row: -row["ratio"]),
        sorted(faster, key=lambda row: row["ratio"]),
        sorted(noise, key=lambda row: -row["ratio"]),
        count,
    )


def _change(
    change: regression.Change,
    ratio: float,
    where: Mapping[str, str],
    now: Mapping[str, regression.Entry],
    was: Mapping[str, regression.Entry],
) -> dict[str, Any]:
    medians = {"was_s": was[change.row].median, "now_s": now[change.row].median}
    return {**where, "name": change.row, "ratio": round(ratio, 3), **medians}


def gone(new: Iterable[Timing], old: Iterable[Timing]) -> list[dict[str, str]]:
    """What was timed in ``old`` and is not in ``new``, a row per cell, GPU and settings."""
    there = {(row.place, row.name, row.implementation) for row in new}
    lacking: dict[tuple[str, str, str], list[str]] = {}
    for row in old:
        if (row.place, row.name, row.implementation) not in there and row.implementation == OURS:
            lacking.setdefault(row.place, []).append(row.name)
    return [
        {"cell": place[0], "level": f"benchmarks on {place[1]}", "what": counted(names)}
        for place, names in lacking.items()
    ]


def told(new: Iterable[Timing], old: Iterable[Timing]) -> set[tuple[str, str]]:
    """(cell, row id) of what ``changes`` can say something about."""
    now, before = _by_place(new), _by_place(old)
    comparable = set()
    for place in now.keys() & before.keys():
        noisy = {change.row for change in regression.too_noisy(now[place], before[place])}
        comparable |= {(place[0], name) for name in now[place].keys() & before[place].keys() - noisy}
    return comparable


def ratios(timed: Sequence[Timing], left: str, right: str) -> list[dict[str, Any]]:
    """Where two cells timed the same row on the same kind of GPU: how many times the left one's time the right took.

    Timings of other sources than the checkout's are compared with those of the same commit only.
    """
    of_place = {row.place: row for row in timed}
    taken = {place: (row.commit,) if row.outdated else () for place, row in of_place.items()}
    places = _by_place(timed)
    rows = []
    for place, of_right in places.items():
        beside = (left, *place[1:])
        of_left = places.get(beside, {})
        if place[0] != right or not of_left or taken[place] != taken[beside]:
            continue
        beyond = {change.row for change in regression.slower(of_right, of_left)}
        beyond |= {change.row for change in regression.slower(of_left, of_right)}
        for name in of_right.keys() & of_left.keys():
            ratio = round(of_right[name].median / of_left[name].median, 3)
            rows.append({"name": name, "on": of_place[place].on, "ratio": ratio, "beyond_noise": name in beyond})
    return sorted(rows, key=lambda row: (-abs(row["ratio"] - 1), row["name"], row["on"]))


def _by_place(timed: Iterable[Timing]) -> dict[tuple[str, str, str], dict[str, regression.Entry]]:
    """Place -> row's name -> what comparing needs; rows of ours only."""
    places: dict[tuple[str, str, str], dict[str, regression.Entry]] = {}
    for row in timed:
        if row.implementation == OURS:
            entry = regression.Entry(row.median_s, row.figures.get("spread"), row.figures.get("share_of_copy"))
            places.setdefault(row.place, {})[row.name] = entry
    return places
