"""What is remembered of the newest commit, as other tools read it.

PyTorch's benchmark database, version 3: ``clickhouse_db_schema/oss_ci_benchmark_v3/schema.sql`` of pytorch/test-infra.
Bencher's metric format: ``bmf.json`` of bencher.dev.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..evidence.history_file import Point

UNITS = {"median_s": "s", "gb_per_s": "GB/s"}
_LESS_IS_WORSE = ("share_of_copy", "gb_per_s", "passed", "ok", "known")
_MODE = "kernel"  # neither training nor inference


def pytorch(points: Sequence[Point]) -> list[dict[str, Any]]:
    """A record for each figure of each row at the newest commit; ``target_value`` is the best it had before."""
    commit = points[-1].commit
    records = []
    for point in _newest(points, commit).values():
        about = point.about
        base = {
            "benchmark": {
                "name": about.get("name", point.row),
                "mode": _MODE,
                "dtype": about.get("dtype", ""),
                "extra_info": {"row": point.row, "commit": commit, "date": point.date, "verdict": point.verdict},
            },
            "model": {
                "name": about.get("implementation", point.row.partition(" ")[0]),
                "type": "kernel",
                "backend": "triton",
            },
            "inputs": {
                name: {"dtype": "int", "extra_info": {"value": about[name]}}
                for name in ("n_rows", "n_cols")
                if name in about
            },
            "dependencies": {
                name: {"version": about[name], "sha": about[name].partition("+git")[2]}
                for name in ("triton", "torch")
                if about.get(name)
            },
            "runners": [{"name": about["gpu"], "type": "gpu", "gpu_info": about["gpu"]}] if about.get("gpu") else [],
        }
        for name, value in point.values.items():
            if name != "spread":
                metric: dict[str, Any] = {"name": name, "benchmark_values": [value]}
                metric["target_value"] = _target(points, point, name)
                metric["extra_info"] = {"unit": UNITS.get(name, "")}
                records.append({**base, "metric": metric})
    return records


def bencher(points: Sequence[Point]) -> dict[str, dict[str, dict[str, float]]]:
    """``{row: {measure: {value, lower_value, upper_value}}}`` at the newest commit; a time has its spread around it."""
    by_row: dict[str, dict[str, dict[str, float]]] = {}
    for row, point in _newest(points, points[-1].commit).items():
        spread = point.values.get("spread")
        for name, value in point.values.items():
            if name == "spread":
                continue
            measure = {"value": value}
            if name == "median_s" and spread is not None:
                measure |= {"lower_value": value * (1 - spread), "upper_value": value * (1 + spread)}
            by_row.setdefault(row, {})[name] = measure
    return by_row


FORMATS: Mapping[str, Callable[[Sequence[Point]], Any]] = {"pytorch": pytorch, "bencher": bencher}


def _newest(points: Sequence[Point], commit: str) -> dict[str, Point]:
    """Row -> its last run at a commit."""
    return {point.row: point for point in points if point.commit == commit}


def _target(points: Sequence[Point], point: Point, name: str) -> float:
    """The best value that a row had at an earlier commit; of a row without one, its own."""
    before = [each for each in points if each.row == point.row and each.commit != point.commit]
    values = [each.values[name] for each in before if name in each.values] or [point.values[name]]
    return max(values) if name in _LESS_IS_WORSE else min(values)
