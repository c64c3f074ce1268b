"""Device timings out of the bench's files: one flat row each, and which of them got slower beyond the noise.

What is beyond the noise is decided in ``matrix.bench.regression`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..bench import regression
from .evidence import Document

OURS = "ours"
# what a row of benchmark.json keeps within extra_info, under the same name
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


def row_of(document: Document) -> tuple[str, str]:
    """The row and level of the matrix that a benchmark file belongs to; ``ambient`` ones stand under their Triton."""
    about = document.content["liger_matrix"]
    triton = about["versions"].get("triton")
    cell = f"ambient-{triton}" if document.cell == "ambient" and triton else document.cell
    return cell, about["level"]


def rows(place: tuple[str, str], document: Document) -> list[dict[str, Any]]:
    """The timings of a benchmark file that a device made; on a CPU nothing of a GPU was timed.

    Each row: ``cell``, ``name`` (the bench's id of the row), ``implementation`` ("ours" for this package), ``median_s``
    in seconds, ``gpu``, ``triton``, and those of FIGURES that the file has.
    """
    cell, level = place
    if level != "device":
        return []
    about = document.content["liger_matrix"]
    found = []
    for benchmark in document.content["benchmarks"]:
        info, stats = benchmark.get("extra_info") or {}, benchmark.get("stats") or {}
        if stats.get("median") and info.get("direction"):
            figures = {name: info[name] for name in FIGURES if info.get(name) is not None}
            what = {"cell": cell, "name": info["row"], "implementation": info["implementation"], **figures}
            gpu = ", ".join(sorted({gpu["name"] for gpu in about["gpus"]}))
            found.append({**what, "median_s": stats["median"], "gpu": gpu, "triton": about["versions"].get("triton")})
    return found


def changes(new: Iterable[Mapping[str, Any]], old: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Our rows that are ``slower`` or ``faster`` in ``new`` than in ``old``, per cell, worst or best first.

    Only timings of one cell on the same kind of GPU are compared.
    """
    now, before = _by_place(new), _by_place(old)
    found: dict[str, list[dict[str, Any]]] = {"slower": [], "faster": []}
    for place in now.keys() & before.keys():
        for kind, left, right in (("slower", now, before), ("faster", before, now)):
            for change in regression.slower(left[place], right[place]):
                was, is_ = before[place][change.row].median, now[place][change.row].median
                ratio = 1 + change.slowdown if kind == "slower" else 1 / (1 + change.slowdown)
                row = {"cell": place[0], "name": change.row, "ratio": round(ratio, 3), "was_s": was, "now_s": is_}
                found[kind].append(row)
    found["slower"].sort(key=lambda row: -row["ratio"])
    found["faster"].sort(key=lambda row: row["ratio"])
    return found


def ratios(benches: Iterable[Mapping[str, Any]], left: str, right: str) -> list[dict[str, Any]]:
    """Where two cells timed the same row on the same kind of GPU: how many times the left one's time the right took."""
    places = _by_place(benches)
    found = []
    for (cell, gpu), of_right in places.items():
        of_left = places.get((left, gpu), {})
        if cell != right or not of_left:
            continue
        beyond = {change.row for change in regression.slower(of_right, of_left)}
        beyond |= {change.row for change in regression.slower(of_left, of_right)}
        for name in of_right.keys() & of_left.keys():
            ratio = round(of_right[name].median / of_left[name].median, 3)
            found.append({"name": name, "ratio": ratio, "beyond_noise": name in beyond})
    return sorted(found, key=lambda row: (-abs(row["ratio"] - 1), row["name"]))


def _by_place(benches: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, regression.Entry]]:
    """(cell, GPU) -> row id -> what comparing needs; rows of ours only."""
    places: dict[tuple[str, str], dict[str, regression.Entry]] = {}
    for row in benches:
        if row["implementation"] == OURS:
            entry = regression.Entry(row["median_s"], row.get("spread") or 0.0, row.get("share_of_copy"))
            places.setdefault((row["cell"], row["gpu"]), {})[row["name"]] = entry
    return places
