"""The benchmarks of a file as rows: what ``extra_info`` does not say is made up for (``evidence.benchmark_file``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ..evidence.benchmark_file import OURS
from .timing import BLOCKS, spread_of

__all__ = ["OURS", "Timing", "timing", "timings"]


@dataclass(frozen=True)
class Timing:
    """One benchmark of a file.

    Attributes:
        row: what was timed.
        implementation: whose code it was; ``OURS`` is this package's.
        median: seconds.
        spread: of repeated medians, a fraction; None where there are too few rounds to know of any noise.
        share: of the copy bandwidth that the same process measured; None where there was none.
        info: its whole ``extra_info``.
    """

    row: str
    implementation: str
    median: float
    spread: Optional[float]
    share: Optional[float]
    info: Mapping[str, Any]

    @property
    def on_device(self) -> bool:
        """False where the host's clock was read."""
        return self.info.get("clock") != "host"


def timings(report: Mapping[str, Any]) -> list[Timing]:
    """The benchmarks of a file that have a time."""
    rows = [timing(benchmark) for benchmark in report["benchmarks"]]
    return [each for each in rows if each is not None]


def timing(benchmark: Mapping[str, Any]) -> Optional[Timing]:
    """One benchmark as pytest-benchmark writes it; None where it has no median."""
    info, stats = benchmark.get("extra_info") or {}, benchmark.get("stats") or {}
    if not stats.get("median"):
        return None
    row = str(info.get("row") or benchmark["name"])
    owner = str(info.get("implementation") or OURS)
    return Timing(row, owner, stats["median"], _spread(info, stats), info.get("share_of_copy"), info)


def _spread(info: Mapping[str, Any], stats: Mapping[str, Any]) -> Optional[float]:
    if info.get("spread") is not None:
        return float(info["spread"])
    if stats.get("rounds", 0) < BLOCKS:
        return None
    if stats.get("data"):
        return spread_of(stats["data"])
    # without single rounds: the middle half of them, which is no less than how far medians of blocks differ
    return float(stats["iqr"]) / float(stats["median"]) if "iqr" in stats else None
