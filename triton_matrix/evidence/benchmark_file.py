"""What a benchmark file holds: pytest-benchmark's own format, our header, and keys of ``extra_info`` that are read.

Of each benchmark the file needs what pytest-benchmark always writes: ``name``, and ``stats`` with times in seconds.
Every key of ``EXTRA_INFO`` may be left out; other keys are kept and read by nobody here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from ..base import files, sources
from ..base.cells import Cell, Table
from . import file_names, runs
from .schemas import BENCHMARK

NAME, SWEEP = file_names.BENCHMARK, "sweep.json"
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
    "run": "the id of the run in run-bench.json that it is of",
    "wheel": "digests of the package's sources: the `checkout`'s and of what is `installed`, or its `problem`",
    "inputs": "digests of the suite of benchmarks (`suites`) and of the cell's row and `pins`",
    "helpers": "further files of the checkout that the suite imported, and their SHA-256",
    "read": "what else of the checkout was read while the suite ran and nothing was timed: question -> file -> answer",
    "variables": "set in the shell, that change what Triton compiles",
    "deselected": "how many rows were left out, by --rows, -k, -m or --deselect",
    "failed_rows": "the tests of rows that failed: the file has nothing of them",
    "skipped": "how many rows, or files of them, were skipped: the file has nothing of them",
    "selection": "which rows were asked for; `sweep` first: a fine sweep of sizes, in sweep.json, not on the page",
    "settings": "how the kernels were set up, where a suite can set them up in several ways: such runs stay apart",
    "against": "the baseline it was compared with, and what was slower; its name alone where comparing never ended",
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
    "share": "of a launch with dots: the larger of its shares of a copy and of a matrix product of torch",
    "nearer_to": "`copy` or `matmul`: which of the two that is",
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
        content = json.loads(path.read_text(encoding="utf-8"))
        about = content["triton_matrix"]
        listed = (content["benchmarks"], about["gpus"])
        texts = (about["level"], about["cell"], about["date"], *(gpu["name"] for gpu in about["gpus"]))
        texts += tuple(each["name"] for each in content["benchmarks"])
        if not all(isinstance(each, list) for each in listed) or not all(isinstance(each, str) for each in texts):
            raise ValueError
    except OSError as error:
        raise ValueError(f"{argument} is {path}; it cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{argument} is {path}; allowed is a benchmark.json written by this bench") from None
    return dict(content)


def inputs(table: Table, cell: Optional[Cell]) -> runs.Inputs:
    """What timings of the cell depend on besides the wheel, as it is now; no pins where there is no such cell."""
    suite = sources.suites_digest(table, table.root, [table.package.bench])
    return runs.Inputs(suite, sources.pins_digest(table, cell) if cell else None)


def outdated(header: Mapping[str, Any], now: str, inputs: Optional[runs.Inputs]) -> str:
    """Why a file says nothing about the checkout as it is now: one sentence; "" where it does.

    Args:
        now: :func:`triton_matrix.base.sources.package_digest` of the checkout.
        inputs: :func:`inputs` of the checkout; None where they are not to be compared.
    """
    wheel, was = header.get("wheel") or {}, header.get("inputs")
    if wheel.get("problem"):
        return str(wheel["problem"])
    if not wheel.get("installed") or not was:
        return "it does not say which sources it is of"
    if wheel["installed"] != now:
        return "it is of other sources than the checkout has now"
    if inputs is not None and was["suites"] != inputs.suites:
        return "its suite was changed since"
    if inputs is not None and was["pins"] != inputs.pins:
        return "its row or its pins were changed since"
    return ""


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
