"""One process's measurements: the tensors, the copy that everything is a share of, and what is known of each row."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

from triton_matrix.bench import bandwidth
from triton_matrix.bench.header import versions
from triton_matrix.bench.timing import Measurement, Timer, spread_of

from . import peers, rows
from .launches import launches, settings
from .problem import Problem
from .rows import Row

# ||out - torch|| / ||torch|| above which an implementation is wrong, and a wrong one is not timed
WRONG = {"bf16": 3e-2, "fp16": 5e-3, "fp32": 1e-3}


class Suite:
    """Everything that rows of one run share.

    Args:
        level: ``device`` or ``interpreter`` (on the CPU: proves that the rows run; its times say nothing of a GPU).
        wanted: names of peers; torch and ours are always there.
        paths: peer -> folder or wheel to import it from.
        timer: times every row, on the level's device.
    """

    def __init__(self, level: str, wanted: Sequence[str], paths: Mapping[str, Path], timer: Timer) -> None:
        import torch

        self._torch = torch
        self.level = level
        self.device = "cuda" if level == "device" else "cpu"
        self.timer = timer
        found, self.absent = peers.load(wanted, paths)
        self.implementations = {item.name: item for item in found}
        self.refused: list[dict[str, str]] = []
        self.failed: list[dict[str, str]] = []
        self._medians: dict[tuple[Row, str], float] = {}
        self._problem: Optional[Problem] = None
        self._hosts: dict[Row, dict[str, tuple[float, ...]]] = {}

    def row(self, row_id: str) -> Row:
        """The row with this id."""
        return next(row for which in ("full", "sweep") for row in self.table(which) if row.id == row_id)

    def measure(self, row: Row, name: str) -> tuple[Measurement, dict[str, Any]]:
        """Time one implementation on one row.

        Returns:
            The rounds, and what goes into the row's ``extra_info``.

        Raises:
            AssertionError: its results are not LayerNorm's.
            Exception: whatever an implementation raises that refuses the shape.
        """
        implementation = self.implementations[name]
        problem = self._problem_of(row)
        difference = problem.difference_from_torch(implementation, row.direction)
        if not difference <= WRONG[row.dtype]:
            raise AssertionError(f"{name} is wrong on {row.id}: differs from torch by {difference:.1e}, not timed")
        call = problem.bind(implementation, row.direction)
        measured = self.timer(call)
        self._medians[row, name] = measured.median
        return measured, {
            **self._what(row, implementation),
            **self._how_fast(row, name, measured),
            "difference_from_torch": difference,
            **self._host(row, name),
        }

    def note(self, row: str, name: str, error: Exception) -> str:
        """Keep why a row has no time: a peer refused it, or ours failed. Returns the reason in one line."""
        reason = (f"{type(error).__name__}: {error}".splitlines() or [""])[0][:300]
        kept = self.failed if name in peers.OWN else self.refused
        kept.append({"row": row, "implementation": name, "reason": reason})
        return reason

    def usable(self) -> bool:
        """False where a failed kernel has broken the process's GPU context, so that nothing after it can be timed."""
        try:
            if self.device == "cuda":
                self._torch.cuda.synchronize()
        except RuntimeError:
            return False
        return True

    @cached_property
    def copy_bytes_per_second(self) -> Optional[float]:
        """What ``y.copy_(x)`` moves, read and written bytes together, timed like every row; None without a GPU."""
        return self.measure_copy()

    def measure_copy(self) -> Optional[float]:
        """Measure the copy now, in bytes per second."""
        if self.level != "device":
            return None  # and no memory of a GPU to ask for
        return bandwidth.copy_bytes_per_second(self.timer, min(bandwidth.COPY_ELEMENTS, 2 * self._n_elements))

    def table(self, which: str) -> tuple[Row, ...]:
        """The rows of ``full``, ``quick`` or ``sweep``, as large as this GPU's memory allows; tiny ones without it."""
        if self.level != "device":
            return rows.tiny()
        return {"full": rows.full, "quick": rows.quick, "sweep": rows.sweep}[which](self._n_elements)

    @cached_property
    def _n_elements(self) -> int:
        return rows.fitting(self._free_bytes())

    def header(self) -> dict[str, Any]:
        """What the file's header says beside what every suite's does."""
        return {
            "settings": settings(self.device),
            "implementations": {item.name: item.version for item in self.implementations.values()},
            "absent": self.absent,
            "refused": self.refused,
            "failed": self.failed,
            "copy_gb_per_s": _giga(self.copy_bytes_per_second),
            "copy_gb_per_s_at_end": _giga(self.measure_copy()),
        }

    def _what(self, row: Row, implementation: peers.Implementation) -> dict[str, Any]:
        return {
            "level": self.level,
            "row": row.id,
            "kind": row.kind,
            "implementation": implementation.name,
            "implementation_version": implementation.version,
            "direction": row.direction,
            "dtype": row.dtype,
            "n_rows": row.n_rows,
            "n_cols": row.n_cols,
            "bytes": row.bytes,
            "launches": launches(row, self.device) if implementation.name in peers.OWN else None,
            "versions": versions(),
        }

    def _how_fast(self, row: Row, name: str, measured: Measurement) -> dict[str, Any]:
        torch_median = self._medians.get((row, "torch"))
        compared = torch_median / measured.median if torch_median and self.level == "device" else None
        return {
            "clock": measured.clock,
            "spread": measured.spread,
            "late": measured.late,
            **bandwidth.rates(row.bytes, measured.median, self.copy_bytes_per_second),
            "speed_against_torch": compared,
        }

    def _host(self, row: Row, name: str) -> dict[str, Optional[float]]:
        """Host time of a small row; that of all its implementations is measured at once, when the first asks for it."""
        if row.kind != "small":
            return {"host_us_per_call": None, "host_spread": None}
        if row not in self._hosts:
            self._hosts = {row: self.timer.host_seconds(self._callable(row))}
        seconds = self._hosts[row].get(name)
        if seconds is None:
            raise RuntimeError(f"{name} could not be called beside the others on {row.id}")
        return {"host_us_per_call": statistics.median(seconds) * 1e6, "host_spread": spread_of(seconds)}

    def _callable(self, row: Row) -> dict[str, Any]:
        """The calls of every implementation that takes the row; one that does not says why when its own turn comes."""
        calls = {}
        for name, implementation in self.implementations.items():
            try:
                call = self._problem_of(row).bind(implementation, row.direction)
                call()
            except Exception:
                continue
            calls[name] = call
        return calls

    def _problem_of(self, row: Row) -> Problem:
        if self._problem is None or self._problem.shape_id != row.shape_id:
            self._problem = None  # free the last tensors before the next are made
            self._problem = Problem(row, self.device, self.implementations["torch"])
        return self._problem

    def _free_bytes(self) -> int:
        return int(self._torch.cuda.mem_get_info()[0])


def _giga(value: Optional[float]) -> Optional[float]:
    return None if value is None else value / 1e9
