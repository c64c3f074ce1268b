"""What the launch plan says of our benchmarks: the settings of a row, and the kernels to compile where no GPU is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from liger_kernel.kernels import plan as launch_plan
from triton_matrix.base import targets
from triton_matrix.launches import Configuration

from .rows import Row
from .runs import GENERAL, TUNED

KERNELS = "liger_kernel.kernels.layer_norm"
TARGETS = tuple(targets.TARGETS)
COMPILED_DTYPE = "bf16"
COMPILED_ROWS = 4096
COMPILED_COLS = {
    "full": (512, 1024, 2048, 4096, 6144, 8192, 12288, 16384, 32768, 65536, 131072),
    "quick": (1024, 16384),
}


def device_of(name: str) -> launch_plan.DeviceProperties:
    """What the plan is told of the product that stands for a target."""
    target = targets.parse(name)
    return launch_plan.DeviceProperties(name, target.gpu.multiprocessors, target.warp_size)


def launches(row: Row, device: str) -> list[dict[str, Any]]:
    """What our LayerNorm launches for a row, from its launch plan: kernel, grid, constexprs, num_warps, num_stages."""
    properties = _properties(device)
    plans: dict[str, Any] = {"forward": launch_plan.forward_plan, "backward": launch_plan.backward_plan}
    return [
        {
            "kernel": launch.kernel,
            "grid": list(launch.grid),
            "constexprs": dict(launch.constexprs),
            **launch.options,
        }
        for direction in row.direction.split("+")
        for launch in plans[direction](row.n_rows, row.n_cols, row.dtype, properties)
    ]


def settings(device: str) -> str:
    """Who chose the launch settings: ``TUNED``, measured on this GPU, or ``GENERAL``.

    The plan is asked, with the device as launches see it: LIGER_KERNEL_TUNED counts as it does for them.
    """
    tuned = launch_plan.tuned_settings("forward", 4096, 4096, "bf16", _properties(device))
    return GENERAL if tuned is None else TUNED


def compile_rows(table: str, names: Sequence[str]) -> dict[str, tuple[Configuration, int]]:
    """The distinct kernels of a table's sizes; the sizes that the plan uses one for share it.

    Args:
        table: ``full`` or ``quick`` (for the sweep, as for quick).
        names: targets, such as ``cuda:90``.

    Returns:
        Row's name -> what to compile, and the N that it is compiled as (a parameter that is a multiple of 16 compiles
        differently).
    """
    found: dict[Any, tuple[str, Configuration, int]] = {}
    for target in names:
        for n_cols in COMPILED_COLS.get(table, COMPILED_COLS["quick"]):
            for make in (launch_plan.forward_plan, launch_plan.backward_plan):
                for launch in make(COMPILED_ROWS, n_cols, COMPILED_DTYPE, device_of(target)):
                    constexprs = tuple(sorted(launch.constexprs.items()))
                    key = (target, launch.kernel, constexprs, *launch.options.items())
                    name = f"compile-{target}-{launch.kernel.strip('_')}-{COMPILED_DTYPE}-{n_cols}"
                    found.setdefault(key, (name, _configuration(launch, target, n_cols), n_cols))
    return {name: (configuration, n_cols) for name, configuration, n_cols in found.values()}


def _configuration(launch: Any, target: str, n_cols: int) -> Configuration:
    values = {"n_rows": COMPILED_ROWS, "n_cols": n_cols, **launch.values}
    hints = [
        name
        for name, kind in launch.args.items()
        if kind.startswith("*") or (name in values and values[name] % 16 == 0)
    ]
    kernel = f"{KERNELS}:{launch.kernel}"
    return Configuration(kernel, (), target, launch.args, dict(launch.constexprs), launch.options, tuple(hints))


def _properties(device: str) -> Any:
    import torch

    from liger_kernel.ops.launch import device_properties

    return device_properties(torch.device(device, 0) if device == "cuda" else torch.device(device))
