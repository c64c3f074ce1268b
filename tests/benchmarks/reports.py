"""Reports of the bench to derive from: rows with any share, and another Triton, GPU or settings."""

import copy

from .layer_norm.peers import OURS
from .layer_norm.rows import Row

COPY = 3e12  # bytes per second


def timed_row(kind, direction, dtype, n_rows, n_cols, name, share, host_us=None):
    """One benchmark of a file, as pytest-benchmark writes it."""
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


def variant(report, triton="3.6.0", gpu=None, settings="tuned table", rows=None):
    """The report of another Triton, GPU or settings; ours and torch only, with these rows."""
    found = copy.deepcopy(report)
    about = found["triton_matrix"]
    about["versions"]["triton"] = triton
    about["settings"] = settings
    about["gpus"][0]["name"] = gpu or about["gpus"][0]["name"]
    if rows is not None:
        about["implementations"] = {OURS: "0.1.0", "torch": "2.11.0"}
        found["benchmarks"] = rows
    return found
