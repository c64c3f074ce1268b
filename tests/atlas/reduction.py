"""Check and time ways to add the partial rows of dw and db on a GPU: what the plan launches now, and candidates.

`python tests/atlas/reduction.py [--out FILE]` from the repo root. The partial rows are as many as the backward of 2**27
elements has on this GPU. Times are microseconds of the device, out of CUDA graphs of 20 calls that write the partial
rows and add them, less those that only write them: medians of 9. Results are held against float64.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402
import triton  # noqa: E402

from atlas.graphs import microseconds  # noqa: E402
from liger_kernel.kernels.geometry import cdiv  # noqa: E402
from liger_kernel.kernels.layer_norm import _layer_norm_backward_reduce_kernel  # noqa: E402
from liger_kernel.kernels.plan import Launch, backward_plan  # noqa: E402
from liger_kernel.ops.launch import device_properties  # noqa: E402

SIZES = (512, 2048, 4096, 6144, 8192, 12288, 16384)
ELEMENTS = 1 << 27
# columns, rows, warps
TILES = ((16, 64, 4), (16, 128, 4), (16, 128, 8), (16, 256, 8), (32, 32, 4), (32, 64, 4), (32, 64, 8), (32, 128, 8))
TILES += ((64, 32, 4), (64, 32, 8), (64, 64, 8))
Call = Callable[[], object]


def candidates(now: Launch, n_cols: int, tensors: list[torch.Tensor]) -> Iterator[tuple[str, Call]]:
    """(name, call) of what the plan launches, and of each tile, in a loop and unrolled."""
    n_partials, kernel = len(tensors[0]), _layer_norm_backward_reduce_kernel
    arguments, switches = (*tensors, n_partials), {"DEPENDENT": False, "NEED_DW": True, "NEED_DB": True}
    alone = dataclasses.replace(now, constexprs={**now.constexprs, "DEPENDENT": False})
    for name, launch in (("now", now), ("now, not dependent", alone)):
        yield name, functools.partial(kernel[launch.grid], *arguments, **launch.constexprs, **launch.options)
    for columns, rows, warps in TILES:
        grid, name = (cdiv(n_cols, columns), 2), f"{columns}x{rows} w{warps}"
        tile = {"N_COLS": n_cols, "ROWS": rows, "BLOCK_N": columns, "num_warps": warps, **switches}
        yield name, functools.partial(kernel[grid], *arguments, **tile, PASSES=0)
        yield f"{name} unrolled", functools.partial(kernel[grid], *arguments, **tile, PASSES=cdiv(n_partials, rows))


def measure(n_cols: int) -> dict[str, float]:
    """Microseconds by candidate."""
    device = torch.device("cuda", torch.cuda.current_device())
    now = backward_plan(ELEMENTS // n_cols, n_cols, "bf16", device_properties(device))[-1]
    n_partials = now.values["n_partials"]
    source = torch.randn(2, n_partials, n_cols, device=device)
    partials = torch.empty_like(source)
    results = torch.empty(2, n_cols, dtype=torch.bfloat16, device=device)
    expected, times = source.double().sum(dim=1), {}
    writing = microseconds(lambda: partials.copy_(source))
    for name, call in candidates(now, n_cols, [*partials, *results]):

        def both(call: Call = call) -> None:
            partials.copy_(source)
            call()

        results.zero_()
        both()
        error = float((results.double() - expected).abs().max() / expected.abs().max())
        if error > 2**-8:
            raise AssertionError(f"{n_cols} columns, {n_partials} partial rows, {name}: wrong by {error}")
        times[name] = round(microseconds(both) - writing, 2)
    best = sorted(times, key=times.__getitem__)[:6]
    shown = ", ".join(f"{name} {times[name]:.2f}" for name in best)
    print(f"{n_cols}, {n_partials} partial rows: now {times['now']:.2f} | {shown}", flush=True)
    return times


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    about = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "triton": triton.__version__}
    times = {str(n_cols): measure(n_cols) for n_cols in SIZES}
    if options.out:
        options.out.write_text(json.dumps({**about, "times": times}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
