"""What the first call costs a user: one implementation, one shape, a process of its own and empty compile caches.

``python -m benchmarks.layer_norm.first_call NAME``, in tests/, prints the seconds as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triton_matrix.bench.header import versions
from triton_matrix.bench.timing import Measurement

from . import peers
from .problem import Problem
from .rows import Row

TESTS = Path(__file__).resolve().parents[2]
MODULE = "benchmarks.layer_norm.first_call"

# Every place that a compiler here keeps its results in: Triton, Inductor, quack (CuTe DSL)
CACHE_VARIABLES = ("TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "QUACK_CACHE_DIR")


PROBLEMS = {"device": ("bf16", 4096, 4096), "interpreter": ("fp32", 4, 64)}  # dtype, n_rows, n_cols


def row_at(level: str) -> str:
    """The name of the row."""
    return "first-call-{}-{}x{}".format(*PROBLEMS[level])


def measure(name: str, level: str, paths: Mapping[str, Path]) -> tuple[Measurement, dict[str, Any]]:
    """Run this module in a fresh process.

    Args:
        name: of the implementation.
        level: ``device``, or ``interpreter`` on the CPU.
        paths: peer -> folder or wheel to import it from.

    Returns:
        One round: the first forward and the first backward together, on the host's clock with the device's work
        finished, imports excluded; and what goes into ``extra_info``.

    Raises:
        RuntimeError: the process failed; names its command, exit status and last line.
    """
    dtype, n_rows, n_cols = PROBLEMS[level]
    given = [argument for peer, path in paths.items() for argument in ("--peer-path", f"{peer}={path}")]
    device = "cuda" if level == "device" else "cpu"
    shape = ["--dtype", dtype, "--rows", str(n_rows), "--cols", str(n_cols), "--device", device]
    command = [sys.executable, "-m", MODULE, name, *shape, *given]
    with tempfile.TemporaryDirectory(prefix="liger-bench-") as folder:
        env = {**os.environ, **{variable: str(Path(folder) / variable) for variable in CACHE_VARIABLES}}
        done = subprocess.run(command, cwd=TESTS, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing on standard error"])[-1]
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}: {last}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Measurement("host", (found["forward_seconds"] + found["backward_seconds"],)), {
        "level": level,
        "kind": "first-call",
        "implementation": name,
        "clock": "host",
        **found,
        "versions": versions(),
    }


def main(argv: list[str]) -> int:
    """Time the first forward and backward of one implementation in this process."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}")
    parser.add_argument("name", choices=(*peers.OWN, *peers.names()))
    parser.add_argument("--dtype", default="bf16")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--cols", type=int, default=4096)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--peer-path", action="append", default=[])
    options = parser.parse_args(argv)

    start = time.perf_counter()
    import torch

    wanted = {peers.OURS: [], peers.OURS_COMPILED: ["compile"]}.get(options.name, [options.name])
    found, absent = peers.load(wanted, peers.parse_paths(options.peer_path))
    implementation = {item.name: item for item in found}.get(options.name)
    if implementation is None:
        print(f"{options.name} is absent: {absent[options.name]}", file=sys.stderr)
        return 2
    imported = time.perf_counter() - start
    row = Row("first-call", "forward", options.dtype, options.rows, options.cols)
    problem = Problem(row, options.device, found[0])

    def seconds_of(call: Any) -> float:
        if options.device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if options.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    forward = seconds_of(problem.bind(implementation, "forward"))
    backward = seconds_of(problem.bind(implementation, "backward"))
    print(json.dumps({"import_seconds": imported, "forward_seconds": forward, "backward_seconds": backward}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
