"""What each piece of a small LayerNorm costs the host, in us: `python tests/atlas/host_pieces.py [ROWS COLS ...]`.

On a GPU, from the repo root. Each figure is the median of 25 batches of 40 calls without a sync, over 40; all take
turns. What is "inside" is the median of 1000 calls of that function in forward and backward as a user calls them, where
autograd runs the backward in a thread of its own.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import triton

from liger_kernel.ops import eager
from liger_kernel.ops.direct import hooked
from liger_kernel.ops.launch import Launches
from liger_kernel.ops.layer_norm import LigerLayerNormFunction
from liger_kernel.ops.problem import BACKWARD, problem_of, run_backward, run_forward

ALL = (True, True, True)


class Floor(torch.autograd.Function):
    """Only allocates what LayerNorm does."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, eps: float) -> torch.Tensor:
        ctx.save_for_backward(x, w, torch.empty(2 * x.shape[0], device=x.device))
        return torch.empty_like(x)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        x, w, _ = ctx.saved_tensors
        return torch.empty_like(x), torch.empty_like(w), torch.empty_like(w), None


class FloorThatLaunches(Floor):
    """Fills as many tensors as LayerNorm launches kernels: one forward, two backward."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, eps: float) -> torch.Tensor:
        return Floor.forward(ctx, x, w, b, eps).zero_()

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        dx, dw, db, _ = Floor.backward(ctx, dy)
        return dx.zero_(), dw.zero_(), db, None


def microseconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Of each call; all take turns, so that a machine that slows down slows all of them."""
    for call in calls.values():
        for _ in range(40):
            call()
    batches: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(25):
        for name, call in calls.items():
            torch.cuda.synchronize()
            started = time.perf_counter()
            for _ in range(40):
                call()
            batches[name].append((time.perf_counter() - started) / 40)
    return {name: statistics.median(each) * 1e6 for name, each in batches.items()}


def inside(call: Callable[[], Any]) -> dict[str, float]:
    """Microseconds of what a forward and backward calls, while it does."""
    seconds: dict[str, list[float]] = {"run_forward": [], "run_backward": [], "again": []}

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            started = time.perf_counter()
            result = function(*arguments)
            seconds[function.__name__].append(time.perf_counter() - started)
            return result

        return run

    with (
        mock.patch.object(eager, "run_forward", timed(run_forward)),
        mock.patch.object(eager, "run_backward", timed(run_backward)),
        mock.patch.object(Launches, "again", timed(Launches.again)),
    ):
        for number in range(1000):
            call()
            if number % 40 == 39:
                torch.cuda.synchronize()
    both = seconds.pop("again")
    seconds |= {"launches of forward": both[::2], "launches of backward": both[1::2]}
    return {f"inside: {name}": statistics.median(each) * 1e6 for name, each in seconds.items()}


def pieces(n_rows: int, n_cols: int) -> dict[str, Callable[[], Any]]:
    x, w, b, dy = (
        torch.randn(*shape, device="cuda").bfloat16()
        for shape in ((n_rows, n_cols), (n_cols,), (n_cols,), (n_rows, n_cols))
    )
    leaves = [each.clone().requires_grad_() for each in (x, w, b)]

    def both(function: Callable[..., torch.Tensor]) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(function(*leaves, 1e-6), leaves, dy)

    def torch_layer_norm(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, eps: float) -> torch.Tensor:
        return torch.nn.functional.layer_norm(x, (n_cols,), w, b, eps)

    ours = LigerLayerNormFunction.apply

    def launching_nothing(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> None:
            launch, Launches.again = Launches.again, lambda *_: True  # type: ignore[method-assign]
            call()
            Launches.again = launch  # type: ignore[method-assign]

        return run

    both(ours)()
    problem, flat, y, statistics_ = run_forward(x, w, b, 1e-6)
    forward, backward = problem.forward(), problem.backward(ALL)
    dx, dw, db = run_backward(problem, ALL, dy, flat, w, statistics_)
    partials = torch.empty(backward.n_partials, device="cuda")
    at = [each.data_ptr() for each in (x, w, b, y, statistics_, dy, dx, dw, db, partials)]
    rstd, db_at = at[4] + 4 * problem.rstd_at, at[9] + 4 * backward.db_partial_at
    values = (*at[:5], rstd, 0, n_rows, 1e-6)
    values_back = (at[5], at[0], at[1], at[4], rstd, *at[6:9], at[9], db_at, 0, *backward.numbers)
    assert len(values_back) == len(BACKWARD)
    return {
        "empty_like x": lambda: torch.empty_like(x),
        "empty n_cols": lambda: torch.empty(n_cols, dtype=torch.bfloat16, device=problem.device),
        "problem_of": lambda: problem_of(x, w, b),
        "hooked": hooked,
        "raw stream": lambda: torch._C._cuda_getCurrentRawStream(0),
        "launches of forward": lambda: forward.launches.again(values, 16),
        "launches of backward": lambda: backward.launches.again(values_back, 16),
        "run_forward": lambda: run_forward(x, w, b, 1e-6),
        "run_backward": lambda: run_backward(problem, ALL, dy, flat, w, statistics_),
        "forward: floor": lambda: Floor.apply(*leaves, 1e-6),
        "forward: torch": lambda: torch_layer_norm(*leaves, 1e-6),
        "forward: ours": lambda: ours(*leaves, 1e-6),
        "inference: floor": lambda: Floor.apply(x, w, b, 1e-6),
        "inference: torch": lambda: torch_layer_norm(x, w, b, 1e-6),
        "inference: ours": lambda: ours(x, w, b, 1e-6),
        "both: floor": both(Floor.apply),
        "both: floor that launches": both(FloorThatLaunches.apply),
        "both: ours, launching nothing": launching_nothing(both(ours)),
        "both: torch": both(torch_layer_norm),
        "both: ours": both(ours),
    }


def main(argv: list[str]) -> int:
    sizes = [int(each) for each in argv] or [128, 768, 512, 1024, 2048, 4096]
    print(torch.cuda.get_device_name(), "torch", torch.__version__, "triton", triton.__version__)
    for n_rows, n_cols in zip(sizes[::2], sizes[1::2]):
        calls = pieces(n_rows, n_cols)
        figures = {**microseconds(calls), **inside(calls["both: ours"])}
        print(f"{n_rows} x {n_cols}: " + ", ".join(f"{name} {each:.1f}" for name, each in figures.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
