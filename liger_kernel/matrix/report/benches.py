"""Device timings out of pytest-benchmark's files: one flat row each, the same for every cell and peer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from .evidence import Document, Evidence

# our name of a figure -> where a row of benchmark.json keeps it (the first that is there), within extra_info
FIGURES = {
    "direction": ("direction",),
    "dtype": ("dtype",),
    "n_rows": ("n_rows",),
    "n_cols": ("n_cols",),
    "peer": ("peer", "implementation", "provider"),
    "kind": ("kind",),
    "share_of_copy": ("share_of_copy",),
    "gb_per_s": ("gb_per_s",),
    "speed_against_torch": ("speed_against_torch",),
    "host_us": ("host_us",),
    "spread": ("spread",),
    "level": ("level",),
}
OURS = "ours"


def cell_of(document: Document, evidence: Evidence) -> str:
    """The row of the matrix that a benchmark file belongs to; ``ambient`` ones stand under their Triton."""
    if document.cell != "ambient":
        return document.cell
    triton = _versions(document).get("triton")
    if triton is None:
        folder = Path(document.file).parent
        triton = next(
            (
                item.content["triton"].get("version")
                for item in evidence.environments
                if Path(item.file).parent == folder
            ),
            None,
        )
    return f"ambient-{triton}" if triton else "ambient"


def rows(cell: str, document: Document) -> list[dict[str, Any]]:
    """The timings of a benchmark file.

    Each row: ``cell``, ``name``, ``peer`` ("ours" for this package), ``median_s``, ``iqr_s``, ``rounds``, and those of
    FIGURES that the file has. Rows without statistics (nothing was timed) are left out.
    """
    found = []
    for benchmark in document.content["benchmarks"]:
        stats = benchmark.get("stats") or {}
        if not stats.get("median"):
            continue
        info = benchmark.get("extra_info") or {}
        row = {ours: _first(info, names) for ours, names in FIGURES.items()}
        row = {key: value for key, value in row.items() if value is not None}
        found.append(
            {
                "cell": cell,
                "name": benchmark["name"],
                **row,
                "peer": row.get("peer") or OURS,
                "median_s": stats["median"],
                "iqr_s": stats.get("iqr"),
                "rounds": stats.get("rounds"),
                "date": document.date,
                "gpu": info.get("gpu"),
                "triton": _versions(document).get("triton"),
            }
        )
    return found


def _first(info: dict[str, Any], names: tuple[str, ...]) -> Optional[Any]:
    return next((info[name] for name in names if info.get(name) is not None), None)


def _versions(document: Document) -> dict[str, Any]:
    for benchmark in document.content["benchmarks"]:
        versions = (benchmark.get("extra_info") or {}).get("versions")
        if versions:
            return dict(versions)
    return {}
