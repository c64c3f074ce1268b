"""What a benchmark file holds: pytest-benchmark's own format, our header, and keys of ``extra_info`` that are read.

Of each benchmark the file needs what pytest-benchmark always writes: ``name``, and ``stats`` with times in seconds.
Every key of ``EXTRA_INFO`` may be left out; other keys are kept and read by nobody here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base import files
from .schemas import BENCHMARK

NAME, SWEEP = "benchmark.json", "sweep.json"
OURS = "ours"

# The block ``triton_matrix`` of a file; those up to ``gpus`` are always there.
HEADER = {
    "schema": BENCHMARK,
    "cell": "the row of cells.toml",
    "level": "device, interpreter or codegen",
    "date": "when it was written, ISO 8601 in UTC",
    "versions": "what was resolved: python, torch, triton, pytest-benchmark",
    "gpus": "what torch sees: name, architecture, driver, size; empty without a GPU",
    "commit": "of the checkout; null where it is not known",
    "dirty": "whether tracked files differ from the commit",
    "wheel": "digests of the package's sources: the `checkout`'s and of what is `installed`, or its `problem`",
    "variables": "set in the shell, that change what Triton compiles",
    "deselected": "how many rows were left out, by --rows, -k, -m or --deselect",
    "failed_rows": "the tests of rows that failed: the file has nothing of them",
    "not_run": "how many rows did not end, because the run was cut short; such a file is not kept",
    "selection": "which rows were asked for; `sweep` first: a fine sweep of sizes, in sweep.json, not on the page",
    "settings": "how the kernels were set up, where a suite can set them up in several ways: such runs stay apart",
    "against": "the baseline it was compared with, and what was slower",
}
# ``extra_info`` of a benchmark
EXTRA_INFO = {
    "row": "what was timed, the same in every run (default: the benchmark's name)",
    "implementation": "whose code was timed: `ours` is this package's (the default), any other a peer, never compared",
    "clock": "`device` (events on a GPU) or `host`; the report shows no row of the host's clock",
    "spread": "how far repeated medians differ, a fraction (default: found from the rounds)",
    "late": "rounds that may hold gaps, because the host was behind the device",
    "bytes": "that must go through device memory",
    "gb_per_s": "those over the median",
    "share_of_copy": "that over what a device copy moves in the same process; compared in place of seconds",
    "kind": "of row, such as `large` or `small`",
    "direction": "such as `forward` or `backward`; the page draws shares by it",
    "dtype": "of the tensors; the page draws shares by it",
    "n_rows": "of the problem",
    "n_cols": "of the problem; the page draws shares over it",
    "speed_against_torch": "torch's median over this one, on the same tensors",
}


def read(path: Path, argument: str = "against") -> dict[str, Any]:
    """A file that the bench wrote; ValueError, which names the argument, where it is something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found["benchmarks"], list) or not found["triton_matrix"]["level"]:
            raise ValueError
    except OSError as error:
        raise ValueError(f"{argument} is {path}; it cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{argument} is {path}; allowed is a benchmark.json written by this bench") from None
    return dict(found)


def outdated(header: Mapping[str, Any], now: str) -> str:
    """Why a file says nothing about the checkout as it is now: one sentence; "" where it does.

    Args:
        now: :func:`triton_matrix.base.sources.package_digest` of the checkout.
    """
    wheel = header.get("wheel") or {}
    if wheel.get("problem"):
        return str(wheel["problem"])
    if not wheel.get("installed"):
        return "it does not say which sources it is of"
    return "" if wheel["installed"] == now else "it is of other sources than the checkout has now"


def write(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write a file into a cell's folder, whole or not at all; returns its path, which is another one for a sweep."""
    path = folder / (SWEEP if is_sweep(report["triton_matrix"]) else NAME)
    files.write_text(path, as_text(report))
    return path


def as_text(report: Mapping[str, Any]) -> str:
    """The file as JSON with one line per benchmark, so that two stored results have a diff that can be read."""
    head = {key: value for key, value in report.items() if key != "benchmarks"}
    lines = ",\n".join(json.dumps(benchmark) for benchmark in report["benchmarks"])
    return json.dumps(head, indent=1)[:-2] + ',\n "benchmarks": [\n' + lines + "\n]}\n"


def is_sweep(header: Mapping[str, Any]) -> bool:
    """Whether a file is a fine sweep of sizes and not the suite's own rows."""
    return str(header.get("selection", "")).startswith("sweep")
