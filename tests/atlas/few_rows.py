"""Check and time the backward of few rows on a GPU: what many rows have, and candidates of one launch.

`python tests/atlas/few_rows.py [--jobs 14] [--out FILE]` from the repo root. Times are microseconds of the device, out
of CUDA graphs of 20 calls each, whose tensors stay in the L2: medians of 9. Results are held against float64. First
`--jobs` processes compile what one process then times.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402
import triton  # noqa: E402

from atlas.graphs import microseconds  # noqa: E402
from liger_kernel.kernels import plan as launch_plan  # noqa: E402
from liger_kernel.kernels import settings as launch_settings  # noqa: E402
from liger_kernel.kernels.geometry import next_power_of_2  # noqa: E402
from liger_kernel.kernels.plan import Settings  # noqa: E402
from liger_kernel.ops import problem as problems  # noqa: E402

BF16 = ((128, 768), (128, 767), (512, 1024), (1024, 1024), (1024, 1023), (2048, 1024), (256, 2047), (2048, 2048))
BF16 += ((512, 4096), (1024, 4096), (2048, 4096), (512, 8192), (1024, 8192), (128, 16384), (512, 16384), (128, 32768))
FP32 = ((128, 768), (512, 1023), (1024, 1024), (1024, 2048), (512, 4096), (1024, 4096), (512, 8192), (128, 16384))
ALL = (True, True, True)
WRONG = 0.01  # of the largest element

Backward = Callable[[], tuple[Any, ...]]


def candidates(n_cols: int) -> Iterator[tuple[str, Optional[Settings]]]:
    """Names and settings; None is what the plan takes for many rows."""
    yield "many", None
    block = min(next_power_of_2(n_cols), 8192)
    for rows, stages, programs in itertools.product((32, 64, 128, 256), (1, 3), (4, 16)):
        if stages == 1 or not triton.__version__.startswith("2."):
            settings = Settings("wide", rows, block, 4, programs=programs, stages=stages)
            yield f"r{rows} s{stages} p{programs}", settings


def backward(tensors: list[torch.Tensor], settings: Optional[Settings]) -> Backward:
    x, w, dy = tensors
    tuned, chosen = launch_settings.tuned_settings, launch_plan.backward_settings
    launch_settings.tuned_settings = lambda way, n_rows, *rest: tuned(way, 2**20, *rest)
    if settings is not None:
        launch_plan.backward_settings = lambda *_: settings
    problems._problem.cache_clear()
    problem, flat, _, statistics_ = problems.run_forward(x, w, w, 1e-6)
    problem.backward(ALL)
    launch_settings.tuned_settings, launch_plan.backward_settings = tuned, chosen
    return lambda: problems.run_backward(problem, ALL, dy, flat, w, statistics_)


def exact(tensors: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """dx, dw and db in float64."""
    x, w, dy = (each.double() for each in tensors)
    leaves = [each.clone().requires_grad_() for each in (x, w, w)]
    y = torch.nn.functional.layer_norm(leaves[0], w.shape, *leaves[1:], 1e-6)
    return torch.autograd.grad(y, leaves, dy)


def measure(n_rows: int, n_cols: int, dtype: torch.dtype, shard: Optional[list[int]]) -> dict[str, float]:
    """Microseconds by candidate; with a shard, nothing: its candidates are compiled."""
    torch.manual_seed(0)
    tensors = [
        torch.randn(*shape, device="cuda").to(dtype) for shape in ((n_rows, n_cols), (n_cols,), (n_rows, n_cols))
    ]
    expected, times = exact(tensors), {}
    for number, (name, settings) in enumerate(candidates(n_cols)):
        if shard is not None and number % shard[1] != shard[0]:
            continue
        call = backward(tensors, settings)
        for _ in range(2):
            results = call()
        for one, right in zip(results, expected):
            if float((one.double() - right).abs().max() / right.abs().max()) > WRONG:
                raise AssertionError(f"{n_rows} x {n_cols} {dtype} {name} is wrong")
        if shard is None:
            times[name] = round(microseconds(call), 2)
    return times


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--shard", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.shard is None:
        command = [sys.executable, __file__, "--shard"]
        jobs = [subprocess.Popen([*command, str(job), str(options.jobs)]) for job in range(options.jobs)]
        if any(job.wait() for job in jobs):
            return 1
    result = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "times": {},
    }
    for dtype, sizes in ((torch.bfloat16, BF16), (torch.float32, FP32)):
        for n_rows, n_cols in sizes:
            times = measure(n_rows, n_cols, dtype, options.shard)
            result["times"][f"{str(dtype)[6:]} {n_rows} x {n_cols}"] = times
            if options.shard is None:
                best = sorted(times, key=times.__getitem__)[:4]
                shown = ", ".join(f"{name} {times[name]:.2f}" for name in best)
                print(f"{dtype} {n_rows} x {n_cols}: many {times['many']:.2f} | {shown}", flush=True)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
