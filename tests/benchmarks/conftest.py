"""The bench's options and fixtures, and a report to derive from. ``bench_*.py`` are collected only when named."""

import pytest

from triton_matrix.bench.peers import OURS
from triton_matrix.bench.plugin import (  # noqa: F401
    pytest_addoption,
    pytest_benchmark_update_json,
    record,
    suite,
)
from triton_matrix.bench.rows import Row

COPY = 3e12


@pytest.fixture
def row():
    """Make a benchmark of a report: ``row(kind, direction, dtype, n_rows, n_cols, implementation, share, host_us)``."""
    return timed_row


def timed_row(kind, direction, dtype, n_rows, n_cols, name, share, host_us=None):
    found = Row(kind, direction, dtype, n_rows, n_cols)
    seconds = found.bytes / (COPY * share)
    info = {
        "level": "device",
        "row": found.id,
        "kind": kind,
        "implementation": name,
        "direction": direction,
        "dtype": dtype,
        "n_rows": n_rows,
        "n_cols": n_cols,
        "spread": 0.01,
        "gb_per_s": COPY * share / 1e9,
        "share_of_copy": share,
        "speed_against_torch": 1.5,
        "host_us_per_call": host_us,
    }
    return {"name": found.id, "stats": {"median": seconds, "data": [seconds]}, "extra_info": info}


@pytest.fixture
def report():
    """A file of the bench: ours, torch and quack on two large shapes, where quack refuses one, and on a small one."""
    shares = {1024: (0.97, 0.6), 16384: (0.90, 0.95)}
    rows = [
        timed_row("large", "forward", "bf16", 2**27 // n_cols, n_cols, name, share)
        for n_cols, pair in shares.items()
        for name, share in zip((OURS, "torch"), pair)
    ]
    host = {OURS: 25.0, "torch": 20.0, "quack": 40.0}
    rows += [timed_row("small", "forward+backward", "bf16", 128, 768, name, 0.1, us) for name, us in host.items()]
    rows.append(timed_row("large", "forward", "bf16", 2**17, 1024, "quack", 0.96))
    about = {
        "schema": "triton-matrix/benchmark/1",
        "cell": "ambient",
        "level": "device",
        "selection": "full",
        "settings": "tuned table",
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789abcdef",
        "dirty": False,
        "gpus": [{"name": "NVIDIA H100 80GB HBM3", "driver": "580.1"}],
        "versions": {"python": "3.12.3", "torch": "2.11.0", "triton": "3.6.0", "pytest-benchmark": "5.3.1"},
        "implementations": {OURS: "0.1.0", "torch": "2.11.0", "quack": "0.6.5"},
        "absent": {"liger": "ImportError: not there"},
        "refused": [{"row": "large-bf16-8192x16384-forward", "implementation": "quack", "reason": "too wide"}],
        "failed": [],
        "copy_gb_per_s": COPY / 1e9,
        "copy_gb_per_s_at_end": COPY / 1e9,
    }
    return {"datetime": "x", "triton_matrix": about, "benchmarks": rows}
