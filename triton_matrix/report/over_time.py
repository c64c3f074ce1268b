"""What is remembered of every row: written after a run of a clean checkout, and shown on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..evidence import history_file, toolchain
from ..evidence.history_file import Point
from .matrix import Matrix, OverTime

SHOWN = 12  # commits of a row that the page shows
_DESCRIBING = ("triton", "gpu", "settings", "implementation", "direction", "dtype", "kind", "n_rows", "n_cols")
_FIGURES = ("median_s", "share_of_copy", "gb_per_s", "spread")


def remember(matrix: Matrix, out: Path, others: Sequence[Path], root: Path) -> list[Point]:
    """Add this run, and what other folders remember, to the history in ``out``; gives all of it, oldest first.

    A checkout whose tracked files differ from its commit, or of which no commit is known, adds nothing of its own.

    Raises:
        history_file.HistoryError: a history cannot be read. OSError: it cannot be written.
    """
    commit, dirty = toolchain.git_state(root)
    history = [point for folder in others for point in history_file.read(folder)]
    if commit and dirty is False:
        history += points(matrix, commit)
        history_file.keep_matrix(out, commit, matrix)
    return history_file.add(out, history) if history else history_file.read(out)


def points(matrix: Matrix, commit: str) -> list[Point]:
    """What a run says of each row, of results that are of this checkout as it is now."""
    return [*_of_levels(matrix, commit), *_of_releases(matrix, commit), *_of_timings(matrix, commit)]


def _counts(item: Mapping[str, Any]) -> bool:
    return bool(item["own"] and not item["outdated"])


def _of_levels(matrix: Matrix, commit: str) -> Iterator[Point]:
    for name, cell in matrix["cells"].items():
        for level, result in cell["levels"].items():
            if _counts(result) and "release" not in result:
                about = {**result.get("versions", {}), "gpu": result.get("gpu") or ""}
                values = {key: float(value) for key, value in result["counts"].items()}
                yield Point(f"{name} {level}", commit, result["date"], result["verdict"], values, about)


def _of_releases(matrix: Matrix, commit: str) -> Iterator[Point]:
    for what, over in (("codegen", matrix["codegen"]), ("values", matrix["values"])):
        for release, result in over["summary"].items():
            if _counts(result) and not result["unavailable"]:
                values = {**{key: float(value) for key, value in result["counts"].items()}, "worse": result["worse"]}
                yield Point(f"{what} {release}", commit, result["date"], result["verdict"], values, {"triton": release})


def _of_timings(matrix: Matrix, commit: str) -> Iterator[Point]:
    rows: Sequence[Mapping[str, Any]] = matrix["benches"]
    for row in rows:
        if _counts(row):
            values = {name: float(row[name]) for name in _FIGURES if row.get(name) is not None}
            about = {name: str(row[name]) for name in _DESCRIBING if row.get(name) is not None}
            called = " ".join(filter(None, (row["cell"], row["name"], row["gpu"], row["settings"])))
            yield Point(called, commit, row["date"], "", values, {**about, "name": row["name"]})


def shown(remembered: Sequence[Point]) -> list[OverTime]:
    """The rows that the page draws, each with its newest commits; a commit's last run stands for it."""
    rows: dict[str, dict[str, Point]] = {}
    for point in remembered:
        of = rows.setdefault(point.row, {})
        of.pop(point.commit, None)
        of[point.commit] = point
    return [
        {"row": row, "line": _line(of), "points": [_told(point) for point in list(of.values())[-SHOWN:]]}
        for row, of in rows.items()
    ]


def _told(point: Point) -> Any:
    value = point.values.get("median_s")
    told = {"commit": point.commit, "date": point.date, "verdict": point.verdict}
    return {**told, **({"median_s": value} if value is not None else {})}


def _line(of: Mapping[str, Point]) -> Optional[str]:
    """The points of an SVG polyline in 100 x 20 of a row's times, the longest at the top; None of a row without."""
    times = [value for point in list(of.values())[-SHOWN:] if (value := point.values.get("median_s")) is not None]
    if len(times) < 2:
        return None
    low, high = min(times), max(times)
    spread = (high - low) or 1.0
    step = 100 / (len(times) - 1)
    return " ".join(f"{at * step:.1f},{18 - 16 * (value - low) / spread:.1f}" for at, value in enumerate(times))
