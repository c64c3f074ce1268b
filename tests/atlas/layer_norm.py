"""The LayerNorm kernels as the codegen atlas compiles them: exactly the plan's launches. Needs no Triton."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

from liger_kernel.kernels.plan import DeviceProperties, Launch, backward_plan, forward_plan
from triton_matrix.base import targets

KERNELS = "liger_kernel.kernels.layer_norm"
N_ROWS = 4096  # enough to fill every target; a multiple of 16, as a batch of tokens is
# Of the plan's own `branch_sizes`, those that differ in what the compiler makes of them: tiles of several rows and of
# one, each number of warps, rows that fill their block and rows that need a mask, aligned and odd, held in registers
# and wide. Of two sizes with the same settings the first gives its name: a new size comes last.
SIZES = (512, 1000, 1023, 2560, 4096, 4097, 5120, 6144, 8191, 8192, 12288, 16384, 32768, 65535, 131072)
# what only the measured settings of a target reach
TUNED_SIZES = {"cuda:90": (65536,)}
# other products of a target, whose measured settings reach kernels that its own product does not, and row lengths for
# these, by the number of rows
PRODUCTS = {
    "cuda:90": {"NVIDIA H200": {N_ROWS: (10000, 12288, 16384, 65535, 65536, 131072), 512: (1024,), 2048: (4096,)}}
}
DTYPES = ("fp32", "bf16")
OLDEST = "2.3.1"  # what the plan decides otherwise for it is compiled too, with every release
# The configurations that are computed too, on the target that the harness asks for: few rows, since a row is as good as
# another, where the plan cuts few rows up as it does N_ROWS. The reduction, which it does not, has configurations of
# its own for that, which wait for no launch before them: no interpreter does.
COMPUTED_ON, COMPUTED_ROWS = "cuda:90", 8
REDUCTION = "_layer_norm_backward_reduce_kernel"
COMPUTED_SIZES = (512, 1000, 1023, 2560, 4096, 8191, 8192, 12288, 16384)


def configurations(target_names: list[str]) -> list[dict[str, Any]]:
    """Every distinct launch of LayerNorm forward and backward at SIZES, for each target.

    A row length that is a power of two is compiled in fp32 and bf16. The others (masked, or odd and so without wide
    loads) are compiled in bf16, where narrow loads cost most.

    Returns:
        One dict for each, with the keys kernel ("module:function"), label, target, args (Triton type by name),
        constexprs, options, and hints (the names of the arguments that are divisible by 16); of those that are
        computed, grid and values.
    """
    result: dict[tuple[Any, ...], dict[str, Any]] = {}
    without_limits: set[tuple[Any, ...]] = set()
    for target in target_names:
        for triton, n_cols, dtype, launch in _launches(target):
            key = _settings(launch, target, n_cols)
            unlimited = _settings(dataclasses.replace(launch, max_registers=0), target, n_cols)
            # that the oldest release knows no limit on registers makes no configuration of its own
            if key not in result and not (triton and unlimited in without_limits):
                without_limits.add(unlimited)
                result[key] = configuration(launch, n_cols, dtype, target, triton)
        for n_cols, dtype, launch in _computed(target):
            key = _settings(launch, target, n_cols)
            if launch.kernel == REDUCTION and key not in result:
                result[key] = configuration(launch, n_cols, dtype, target, part=f"{COMPUTED_ROWS} rows")
            entry = result.get(key)
            if entry and entry["constexprs"] == dict(launch.constexprs):  # else it is named after another length
                entry.update(grid=list(launch.grid), values=values_of(launch, n_cols))
    return list(result.values())


def _computed(target: str) -> Iterator[tuple[int, str, Launch]]:
    """(row length, dtype, launch) of those that are computed as well."""
    for n_cols in COMPUTED_SIZES if target == COMPUTED_ON else ():
        for dtype in DTYPES if n_cols & (n_cols - 1) == 0 else ("bf16",):
            for plan in (forward_plan, backward_plan):
                for launch in plan(COMPUTED_ROWS, n_cols, dtype, device_of(target)):
                    if launch.kernel == REDUCTION:
                        launch = dataclasses.replace(launch, constexprs={**launch.constexprs, "DEPENDENT": False})
                    yield n_cols, dtype, launch


def values_of(launch: Launch, n_cols: int, n_rows: int = COMPUTED_ROWS) -> dict[str, Any]:
    """Every argument of a launch: numbers, and tensors with what they are filled with."""
    partials = launch.values.get("n_partials", launch.grid[0])
    matrix, row, column = [n_rows, n_cols], [n_cols], [n_rows]
    normal = {"kind": "normal", "mean": 0.0, "deviation": 1.0}
    filled = {"X": (matrix, normal), "dY": (matrix, {**normal, "seed": 1}), "W": (row, {**normal, "mean": 1.0})}
    filled |= {"B": (row, normal), "Mean": (column, {**normal, "deviation": 0.1})}
    filled |= {"RSTD": (column, {"kind": "uniform", "low": 0.9, "high": 1.1})}
    filled |= dict.fromkeys(("dW_partial", "dB_partial"), ([partials, n_cols], normal))
    filled |= dict.fromkeys(("Y", "dX"), (matrix, {"kind": "zeros"}))
    filled |= dict.fromkeys(("dW", "dB"), (row, {"kind": "zeros"}))
    filled |= {"Exchange": ([max(1, launch.exchange_slots)], {"kind": "zeros"})}
    numbers = {"n_rows": n_rows, "eps": 1e-5, **launch.values}
    made: dict[str, Any] = {}
    for name, kind in launch.args.items():
        if kind.startswith("*"):
            shape, fill = filled[name]
            about = {"dtype": kind[1:], "shape": shape, "fill": fill}
            made[name] = {"tensor": {**about, "scratch": True} if name == "Exchange" else about}
        else:
            made[name] = numbers[name]
    return made


def device_of(name: str) -> DeviceProperties:
    """What the plan is told of the product that stands for a target."""
    target = targets.parse(name)
    return DeviceProperties(name, target.gpu.multiprocessors, target.warp_size, target.max_threads_per_block)


def _launches(target: str) -> Iterator[tuple[str, int, str, Launch]]:
    """(release that the plan is for, row length, dtype, launch), for the newest release first; products last."""
    device, kernels = device_of(target), set()
    for triton, n_cols in itertools.product(("", OLDEST), (*SIZES, *TUNED_SIZES.get(target, ()))):
        for dtype, launch in _planned(dataclasses.replace(device, triton=triton), N_ROWS, n_cols):
            kernels.add(launch.kernel)
            yield triton, n_cols, dtype, launch
    for name, sizes in PRODUCTS.get(target, {}).items():
        for n_rows, n_cols in ((n_rows, n_cols) for n_rows, lengths in sizes.items() for n_cols in lengths):
            for dtype, launch in _planned(dataclasses.replace(device, name=name), n_rows, n_cols):
                if launch.kernel not in kernels:
                    yield "", n_cols, dtype, launch


def _planned(device: DeviceProperties, n_rows: int, n_cols: int) -> Iterator[tuple[str, Launch]]:
    """(dtype, launch) of forward and backward."""
    for dtype in DTYPES if n_cols & (n_cols - 1) == 0 else ("bf16",):
        for plan in (forward_plan, backward_plan):
            for launch in plan(n_rows, n_cols, dtype, device):
                yield dtype, launch


def configuration(
    launch: Launch, n_cols: int, dtype: str, target: str, triton: str = "", part: str = ""
) -> dict[str, Any]:
    """The launch as the atlas takes it; its rows are a multiple of 16, as N_ROWS is. `part` goes into its label."""
    values = {"n_rows": N_ROWS, "n_cols": n_cols, **launch.values}
    wanted = [name[5:].lower() for name in ("NEED_DX", "NEED_DW", "NEED_DB") if launch.constexprs.get(name)]
    if "wide" in launch.kernel and 0 < len(wanted) < 3:  # two launches of one kernel
        part = " ".join(wanted)
    about = [f"n_cols={n_cols}", dtype, part, f"as for {triton}" if triton else ""]
    return {
        "kernel": f"{KERNELS}:{launch.kernel}",
        "label": f"{launch.kernel}[{','.join(filter(None, about))}]",
        "target": target,
        "args": dict(launch.args),
        "constexprs": dict(launch.constexprs),
        "options": launch.options,
        "hints": [name for name, kind in launch.args.items() if kind.startswith("*") or values.get(name, 1) % 16 == 0],
    }


def _settings(launch: Launch, target: str, n_cols: int) -> tuple[Any, ...]:
    """What distinguishes two launches here: two sizes with equal settings are one compilation.

    Of a row's length it counts whether it is aligned and whether it fills its blocks; of the hints none other (counts
    of rows and of programs change no load or store); of the types only that of X (a kernel without X adds up fp32
    partial rows, whatever it stores them as).
    """
    constexprs = {name: value for name, value in launch.constexprs.items() if name != "N_COLS"}
    return (
        launch.kernel,
        target,
        n_cols % 16 == 0,
        n_cols % int(constexprs.get("BLOCK_N", 1)) == 0,
        launch.args.get("X"),
        *constexprs.items(),
        *launch.options.items(),
    )
