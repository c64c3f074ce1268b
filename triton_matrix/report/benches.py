"""Device timings out of the bench's files: one flat row each, and which of them got slower beyond the noise.

``evidence.benchmark_file`` alone says what a row of a file may hold; ``bench.regression``, what is beyond the noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..bench import regression
from ..bench.runs import Run, gpus_called
from ..bench.timings import OURS, timings
from ..evidence.reading import Document
from .words import short

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

LISTED = 8  # names in a sentence; the count is always the full one


@dataclass(frozen=True, order=True)
class Place:
    """What a benchmark file is of; of two files of the same place the newer one stands.

    Attributes:
        cell: the row of the matrix; ``ambient`` files stand under their Triton.
        level: of the matrix.
        gpu: the GPU's name; "" where none timed it.
        settings: how the kernels were set up; "" where the suite did not say.
        is_sweep: whether it is a fine sweep of sizes.
    """

    cell: str
    level: str
    gpu: str
    settings: str
    is_sweep: bool = False


def place_of(document: Document) -> Place:
    """Where a benchmark file belongs."""
    run = Run(document.content)
    triton = run.about["versions"].get("triton")
    cell = f"ambient-{triton}" if document.cell == "ambient" and triton else document.cell
    return Place(cell, run.about["level"], run.gpu if run.is_timed else "", run.settings, run.is_sweep)


def selected(document: Document) -> bool:
    """Whether rows were left out, so that the file is not of the whole suite."""
    return bool(document.content["triton_matrix"].get("deselected"))


def told_apart(timed: Mapping[Place, Document], outdated: Mapping[Place, str]) -> dict[Place, str]:
    """What each place is called besides its cell: GPU and settings where there are several, a sweep, and its age.

    Args:
        timed: the file of each place.
        outdated: why it is not of the checkout as it is now; "" where it is.
    """
    places = list(timed)
    called = gpus_called(place.gpu for place in places if place.gpu)
    on = called if len(called) > 1 else {}
    several = len({place.settings for place in places if place.settings}) > 1
    names = {
        place: (
            on.get(place.gpu),
            place.settings if several else "",
            "sweep" if place.is_sweep else "",
            "some rows" if selected(timed[place]) else "",
            f"stale, of commit {short(timed[place].content['triton_matrix'].get('commit'))}" if outdated[place] else "",
        )
        for place in places
    }
    return {place: ", ".join(filter(None, parts)) for place, parts in names.items()}


def rows(place: Place, on: str, document: Document) -> list[dict[str, Any]]:
    """The timings of a benchmark file that a device made; none of a sweep, and on a CPU nothing of a GPU was timed.

    Each row: ``cell``, ``gpu`` and ``settings`` of the place, ``on`` (what ``told_apart`` calls it), ``name`` (of the
    row), ``implementation`` ("ours" for this package), ``median_s`` in seconds, ``triton``, and those of FIGURES that
    the file has.
    """
    if place.level != "device" or place.is_sweep:
        return []
    about = document.content["triton_matrix"]
    where = {"cell": place.cell, "gpu": place.gpu, "settings": place.settings, "on": on}
    where.update(date=document.date, commit=about.get("commit"))
    found = []
    for each in timings(document.content):
        if each.on_device:
            figures = {name: each.info[name] for name in FIGURES if each.info.get(name) is not None}
            figures.update({} if each.spread is None else {"spread": each.spread})
            what = {"name": each.row, "implementation": each.implementation, **figures, "median_s": each.median}
            found.append({**where, **what, "triton": about["versions"].get("triton")})
    return found


def changes(
    new: Iterable[Mapping[str, Any]], old: Iterable[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Our rows that are ``slower`` or ``faster`` in ``new`` than in ``old``, per cell, worst or best first.

    Only timings of one cell on the same kind of GPU, by the same settings, are compared.
    """
    new = list(new)
    on = {_place(row): row["on"] for row in new}
    now, before = _by_place(new), _by_place(old)
    found: dict[str, list[dict[str, Any]]] = {"slower": [], "faster": []}
    for place in now.keys() & before.keys():
        for kind, left, right in (("slower", now, before), ("faster", before, now)):
            for change in regression.slower(left[place], right[place]):
                was, is_ = before[place][change.row].median, now[place][change.row].median
                ratio = 1 + change.slowdown if kind == "slower" else 1 / (1 + change.slowdown)
                row = {"cell": place[0], "on": on[place], "name": change.row, "ratio": round(ratio, 3)}
                found[kind].append({**row, "was_s": was, "now_s": is_})
    found["slower"].sort(key=lambda row: -row["ratio"])
    found["faster"].sort(key=lambda row: row["ratio"])
    return found["slower"], found["faster"]


def gone(new: Iterable[Mapping[str, Any]], old: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What was timed in ``old`` and is not in ``new``, a row per cell, GPU and settings."""
    there = {(*_place(row), row["name"], row["implementation"]) for row in new}
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in old:
        if (*_place(row), row["name"], row["implementation"]) not in there and row["implementation"] == OURS:
            found.setdefault(_place(row), []).append(row["name"])
    return [
        {"cell": place[0], "level": f"benchmarks on {place[1]}", "what": listed(names)}
        for place, names in found.items()
    ]


def listed(names: Sequence[str]) -> str:
    """``12: the first, the second, ... and 4 more``."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)}: {', '.join(names[:LISTED])}{more}"


def compared(new: Iterable[Mapping[str, Any]], old: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(cell, row id) of what ``changes`` can say something about."""
    now, before = _by_place(new), _by_place(old)
    both = now.keys() & before.keys()
    return {(place[0], name) for place in both for name in now[place].keys() & before[place].keys()}


def ratios(benches: Iterable[Mapping[str, Any]], left: str, right: str) -> list[dict[str, Any]]:
    """Where two cells timed the same row on the same kind of GPU: how many times the left one's time the right took.

    Timings of other sources than the checkout's are compared with those of the same commit only.
    """
    benches = list(benches)
    on = {_place(row): row["on"] for row in benches}
    places = _by_place(benches)
    taken = {
        _place(row): (bool(row.get("outdated")), row.get("commit") if row.get("outdated") else None) for row in benches
    }
    found = []
    for place, of_right in places.items():
        beside = (left, *place[1:])
        of_left = places.get(beside, {})
        if place[0] != right or not of_left or taken[place] != taken[beside]:
            continue
        beyond = {change.row for change in regression.slower(of_right, of_left)}
        beyond |= {change.row for change in regression.slower(of_left, of_right)}
        for name in of_right.keys() & of_left.keys():
            ratio = round(of_right[name].median / of_left[name].median, 3)
            found.append({"name": name, "on": on[place], "ratio": ratio, "beyond_noise": name in beyond})
    return sorted(found, key=lambda row: (-abs(row["ratio"] - 1), row["name"], row["on"]))


def _place(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """(cell, GPU, settings); a matrix of before the settings were kept apart has none."""
    return row["cell"], row["gpu"], row.get("settings", "")


def _by_place(benches: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], dict[str, regression.Entry]]:
    """``_place`` -> row's name -> what comparing needs; rows of ours only, and of those with enough rounds."""
    places: dict[tuple[str, str, str], dict[str, regression.Entry]] = {}
    for row in benches:
        if row["implementation"] == OURS and row.get("spread") is not None:
            entry = regression.Entry(row["median_s"], row["spread"], row.get("share_of_copy"))
            places.setdefault(_place(row), {})[row["name"]] = entry
    return places
