"""Device timings out of the bench's files: one flat row each, and which of them got slower beyond the noise.

``evidence.benchmark_file`` alone says what a row of a file may hold; ``bench.regression``, what is beyond the noise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..bench import regression
from ..bench.runs import Run, gpus_called
from ..bench.timings import OURS, timings
from ..evidence import bench_runs, runs
from ..evidence.reading import Document
from . import machines
from .current import Current
from .matrix import BenchRun
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


def ended(
    found: Iterable[Document], declared: Iterable[Document], kept: Collection[Document], current: Current
) -> list[BenchRun]:
    """Every run of the bench that says something: by its file of timings, and by its declaration where it left none.

    Args:
        found: all benchmark files.
        declared: all declarations.
        kept: those of the files that count.
    """
    of_run = {(Path(item.file).parent, item.content["triton_matrix"].get("run")) for item in found}
    rows: list[dict[str, Any]] = []
    for item in declared:
        run = runs.from_json(item.content)
        lost = "" if (Path(item.file).parent, run.id) in of_run else "it ended, and the timings that it left are gone"
        problem = bench_runs.shortfall(run) or lost
        if problem:
            said = {"cell": item.cell, "level": run.level, "platform": "", "commit": run.commit, "problem": problem}
            alone = {"selected": False, "skipped": 0, "unanswered": False}
            rows.append({**said, **alone, **_of_file(item, current)})
    for item in kept:
        about, place = item.content["triton_matrix"], place_of(item)
        problem, unanswered = _wrong_with(about)
        whole = not selected(item) and not place.is_sweep
        rows.append(
            {
                "cell": place.cell,
                "level": place.level,
                "platform": machines.platform_of(about["gpus"]),
                "commit": about.get("commit"),
                "selected": not whole,
                "skipped": about.get("skipped", 0),
                "problem": problem,
                "unanswered": unanswered,
                **_of_file(item, current),
            }
        )
    return cast("list[BenchRun]", rows)


def _of_file(item: Document, current: Current) -> dict[str, Any]:
    about = {"date": item.date, "file": item.file}
    return {**about, "outdated": current.outdated_bench(item), "own": current.is_own(item)}


def _wrong_with(about: Mapping[str, Any]) -> tuple[str, bool]:
    """What is wrong with the rows of a file, and whether that is only that nothing can be told."""
    failed, against = about.get("failed_rows") or (), about.get("against") or {}
    if failed:
        return f"{len(failed)} failed, first {failed[0]}", False
    if against.get("regressed"):
        worse = [row["row"] for row in against["regressed"]]
        return f"{len(worse)} slower than {against['baseline']}, measured twice: {listed(worse)}", False
    if against and not against.get("compared"):
        return f"nothing was compared with {against.get('baseline')}, as was asked", True
    return "", False


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


def changes(new: Iterable[Mapping[str, Any]], old: Iterable[Mapping[str, Any]]) -> Compared:
    """How our rows in ``new`` differ from those in ``old``, per cell.

    Only timings of one cell on the same kind of GPU, by the same settings, are compared.
    """
    new = list(new)
    on = {_place(row): row["on"] for row in new}
    now, before = _by_place(new), _by_place(old)
    found = Compared([], [], [], 0)
    for place in now.keys() & before.keys():
        left, right = now[place], before[place]
        noisy = regression.too_noisy(left, right)
        found.count += len(left.keys() & right.keys()) - len(noisy)
        worse, better = regression.slower(left, right), regression.slower(right, left)
        # of a row that is faster, the slow-down is that of the earlier run against this one
        ratios = [(change, 1 + change.slowdown, found.slower) for change in worse]
        ratios += [(change, 1 / (1 + change.slowdown), found.faster) for change in better]
        ratios += [(change, 1 + change.slowdown, found.too_noisy) for change in noisy]
        for change, ratio, rows_ in ratios:
            row = {"cell": place[0], "on": on[place], "name": change.row, "ratio": round(ratio, 3)}
            row |= {"was_s": right[change.row].median, "now_s": left[change.row].median}
            rows_.append({**row, "limit": change.limit} if rows_ is found.too_noisy else row)
    for rows_ in (found.slower, found.too_noisy):
        rows_.sort(key=lambda row: -row["ratio"])
    found.faster.sort(key=lambda row: row["ratio"])
    return found


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


def told(new: Iterable[Mapping[str, Any]], old: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(cell, row id) of what ``changes`` can say something about."""
    now, before = _by_place(new), _by_place(old)
    found = set()
    for place in now.keys() & before.keys():
        noisy = {change.row for change in regression.too_noisy(now[place], before[place])}
        found |= {(place[0], name) for name in now[place].keys() & before[place].keys() - noisy}
    return found


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
    """``_place`` -> row's name -> what comparing needs; rows of ours only."""
    places: dict[tuple[str, str, str], dict[str, regression.Entry]] = {}
    for row in benches:
        if row["implementation"] == OURS:
            entry = regression.Entry(row["median_s"], row.get("spread"), row.get("share_of_copy"))
            places.setdefault(_place(row), {})[row["name"]] = entry
    return places
