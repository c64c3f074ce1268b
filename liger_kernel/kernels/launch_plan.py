"""Which kernel is launched how: a pure function of the problem and the device. Standard library only.

`forward_plan` and `backward_plan` return the launches in order. Nothing else decides a block shape or a number of
warps: the torch side launches exactly these, tests assert them, and the codegen atlas compiles them.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}


@dataclass(frozen=True)
class DeviceProperties:
    """What the plan needs to know of a device.

    Attributes:
        arch: "cuda:90", "hip:gfx942", ..., or "interpreter".
        n_multiprocessors: multiprocessors (compute units on AMD).
        warp_size: threads in a warp (lanes in a wave on AMD): 32 or 64.
        max_threads_per_program: most threads one program may have.
        triton: the release of Triton that compiles for it, such as "3.0.0"; empty for the newest.
    """

    arch: str
    n_multiprocessors: int
    warp_size: int = 32
    max_threads_per_program: int = 1024
    triton: str = ""


TARGETS: dict[str, DeviceProperties] = {
    device.arch: device
    for device in (
        DeviceProperties("cuda:80", 108),
        DeviceProperties("cuda:90", 132),
        DeviceProperties("cuda:100", 148),
        DeviceProperties("hip:gfx90a", 110, warp_size=64),
        DeviceProperties("hip:gfx942", 304, warp_size=64),
        DeviceProperties("hip:gfx950", 256, warp_size=64),
        DeviceProperties("hip:gfx1100", 96, warp_size=32),
        # few "multiprocessors", so that programs loop over several rows also in small tests
        DeviceProperties("interpreter", 4),
    )
}


@dataclass(frozen=True)
class Launch:
    """One launch: `kernel[grid](*arguments, **constexprs, **options)`.

    Attributes:
        kernel: name of the function in `liger_kernel.kernels.layer_norm`.
        grid: one to three numbers of programs.
        constexprs: block shape and switches, by parameter name.
        num_warps, num_stages: compile options, always passed.
        args: Triton type ("*bf16", "i32", "fp32") of every other parameter, by name, in the order of the signature.
        values: the integer arguments that the plan decides, by parameter name.
        exchange_slots: 64-bit words of zero that the argument `Exchange` must point to.
        max_registers: most registers a thread may have, 0 for no limit: the compile option maxnreg on CUDA, which
            Triton has from 3.0 on; before, the compiler's own choice stands.
    """

    kernel: str
    grid: tuple[int, ...]
    constexprs: dict[str, Any]
    num_warps: int
    num_stages: int
    args: dict[str, str]
    values: dict[str, int] = field(default_factory=dict)
    exchange_slots: int = 0
    max_registers: int = 0

    @property
    def options(self) -> dict[str, int]:
        """The compile options; Triton before 3.0 does not know maxnreg."""
        options = {"num_warps": self.num_warps, "num_stages": self.num_stages}
        return {**options, "maxnreg": self.max_registers} if self.max_registers else options


@dataclass(frozen=True)
class Settings:
    """How one kernel cuts up the matrix. Elements and rows are per program.

    Attributes:
        kind: "tile", whole rows held in registers; "split", rows cut over several programs that exchange their sums;
            "wide", rows walked in chunks and read twice; "unaligned", one row at a time whose length is no multiple of
            16 bytes.
        rows, block_n: shape of the tile that a program holds at a time.
        num_warps, num_stages: compile options; num_warps is in warps of 32 threads and is converted to the device's.
        programs: persistent programs per multiprocessor, where the kernel is persistent.
        prefetch: tiles that backward has under way, 0 to 2, while it works on one.
        keep_w: whether backward keeps w in registers.
        max_registers: as in `Launch`.
    """

    kind: str
    rows: int
    block_n: int
    num_warps: int
    num_stages: int = 1
    programs: int = 1
    prefetch: int = 0
    keep_w: bool = True
    max_registers: int = 0


def forward_plan(
    n_rows: int,
    n_cols: int,
    dtype: str,
    device: DeviceProperties,
    *,
    w_dtype: Optional[str] = None,
    b_dtype: Optional[str] = None,
    has_w: bool = True,
    has_b: bool = True,
    settings: Optional[Settings] = None,
) -> tuple[Launch, ...]:
    """The launches of LayerNorm forward; none for zero rows.

    Args:
        n_rows, n_cols: shape of the input as a matrix; n_cols is at least 1.
        dtype: "fp32", "fp16" or "bf16", of the input and the output.
        w_dtype, b_dtype: of weight and bias, where not the input's.
        has_w, has_b: whether there is a weight, a bias.
        settings: used instead of those the plan would choose.
    """
    _check(n_rows, n_cols, dtype)
    if n_rows == 0:
        return ()
    chosen = settings or forward_settings(n_rows, n_cols, dtype, device)
    args = {
        "X": f"*{dtype}",
        "W": f"*{w_dtype or dtype}",
        "B": f"*{b_dtype or dtype}",
        "Y": f"*{dtype}",
        "Mean": "*fp32",
        "RSTD": "*fp32",
    }
    counts = {"n_rows": _int_type(n_rows), "eps": "fp32"}
    switches = {"HAS_W": has_w, "HAS_B": has_b}
    options = _options(device, chosen)
    if chosen.kind == "wide":
        grid = (min(n_rows, device.n_multiprocessors * chosen.programs),)
        constexprs = {"N_COLS": n_cols, "BLOCK_N": chosen.block_n, **switches}
        return (Launch("_layer_norm_forward_wide_kernel", grid, constexprs, args={**args, **counts}, **options),)
    if chosen.kind == "unaligned":
        grid, shape = _unaligned(n_rows, n_cols, dtype, device, chosen)
        constexprs = {**shape, **switches}
        return (Launch("_layer_norm_forward_unaligned_kernel", grid, constexprs, args={**args, **counts}, **options),)
    split = cdiv(n_cols, chosen.block_n)
    if split == 1:
        grid = (cdiv(n_rows, chosen.rows),)
        constexprs = {"N_COLS": n_cols, "ROWS": chosen.rows, "BLOCK_N": chosen.block_n, **switches}
        return (Launch("_layer_norm_forward_kernel", grid, constexprs, args={**args, **counts}, **options),)
    return (
        Launch(
            "_layer_norm_forward_split_kernel",
            (_groups(n_rows, split, device, chosen) * split,),
            {
                "N_COLS": n_cols,
                "SPLIT": split,
                "BLOCK_N": chosen.block_n,
                "PACK": _pack(n_cols, dtype),
                "LANES": _lanes(split, device, options["num_warps"]),
                **switches,
            },
            args={**args, "Exchange": "*i64", **counts},
            exchange_slots=n_rows * split,
            **options,
        ),
    )


def backward_plan(
    n_rows: int,
    n_cols: int,
    dtype: str,
    device: DeviceProperties,
    *,
    w_dtype: Optional[str] = None,
    b_dtype: Optional[str] = None,
    has_w: bool = True,
    need_dx: bool = True,
    need_dw: bool = True,
    need_db: bool = True,
    settings: Optional[Settings] = None,
) -> tuple[Launch, ...]:
    """The launches of LayerNorm backward; none for zero rows or where no result is wanted.

    Args:
        n_rows, n_cols, dtype, w_dtype, b_dtype, has_w, settings: as in `forward_plan`.
        need_dx, need_dw, need_db: which results are wanted.

    A launch whose `values` hold "n_partials" reads that many partial rows of dw and db.
    """
    _check(n_rows, n_cols, dtype)
    if n_rows == 0 or not (need_dx or need_dw or need_db):
        return ()
    chosen = settings or backward_settings(n_rows, n_cols, dtype, device)
    args = {
        "dY": f"*{dtype}",
        "X": f"*{dtype}",
        "W": f"*{w_dtype or dtype}",
        "Mean": "*fp32",
        "RSTD": "*fp32",
        "dX": f"*{dtype}",
        "dW_partial": "*fp32",
        "dB_partial": "*fp32",
        "n_rows": _int_type(n_rows),
    }
    needs = {"NEED_DW": need_dw, "NEED_DB": need_db}
    if chosen.kind == "wide":
        launches, n_partials = _wide_backward(n_rows, n_cols, device, chosen, args, has_w, need_dx, needs)
    else:
        launch = _backward_launch(n_rows, n_cols, device, chosen, args, has_w, need_dx, needs)
        launches, n_partials = [launch], launch.grid[0] // launch.constexprs.get("SPLIT", 1)
    if need_dw or need_db:
        outputs = {"dW": f"*{w_dtype or dtype}", "dB": f"*{b_dtype or dtype}"}
        launches.append(_reduce_launch(n_partials, n_cols, device, outputs, needs))
    return tuple(launches)


def forward_settings(n_rows: int, n_cols: int, dtype: str, device: DeviceProperties) -> Settings:
    """The settings that `forward_plan` takes where it is given none."""
    tuned = tuned_settings("forward", n_cols, dtype, device)
    if tuned is not None:
        return _for_few_rows(_for_odd_rows(tuned, n_cols, dtype), n_rows, device)
    block_n = next_power_of_2(n_cols)
    if _pays_to_align(n_cols, dtype, device):
        block_n = _body_block(n_cols, dtype)
        num_warps = cdiv(block_n, 1024)
        return Settings("unaligned", 1, block_n, num_warps, programs=cdiv(12, num_warps), max_registers=168)
    if block_n <= 16384:
        rows = max(1, 4096 // block_n)
        num_warps = max(8, block_n // 1024)
        # two programs of 16 warps fit on an NVIDIA multiprocessor, if no release takes a few registers more
        max_registers = 64 if num_warps == 16 and BYTES[dtype] == 2 else 0
        tile = Settings("tile", rows, block_n, num_warps, max_registers=max_registers)
        return _for_few_rows(tile, n_rows, device)
    split = Settings("split", 1, 4096, 4, programs=8 // BYTES[dtype])
    if _can_split(n_cols, split, device):
        return _for_odd_rows(split, n_cols, dtype)
    return Settings("wide", 1, 8192, 32)


def backward_settings(n_rows: int, n_cols: int, dtype: str, device: DeviceProperties) -> Settings:
    """The settings that `backward_plan` takes where it is given none."""
    tuned = tuned_settings("backward", n_cols, dtype, device)
    if tuned is not None:
        return _for_few_rows(_for_odd_rows(tuned, n_cols, dtype), n_rows, device)
    block_n = next_power_of_2(n_cols)
    if _pays_to_align(n_cols, dtype, device):
        block_n = _body_block(n_cols, dtype)
        num_warps = cdiv(block_n, 1024)
        return Settings("unaligned", 1, block_n, num_warps, programs=max(1, 8 // num_warps))
    if block_n <= 8192:
        rows = max(1, 4096 // block_n)
        num_warps = max(1, rows * block_n // 512)
        # 16 elements a thread take about 128 registers, of which an NVIDIA multiprocessor has 65536
        programs = max(1, 16 // num_warps)
        return _for_few_rows(Settings("tile", rows, block_n, num_warps, programs=programs, prefetch=1), n_rows, device)
    programs, max_registers = (4, 128) if BYTES[dtype] == 2 else (3, 168)
    split = Settings("split", 1, 2048, 4, programs=programs, max_registers=max_registers)
    if _can_split(n_cols, split, device):
        return _for_odd_rows(split, n_cols, dtype)
    return Settings("wide", 1, 8192, 32)


def branch_sizes() -> tuple[int, ...]:
    """Numbers of columns that reach every branch of the plans for every dtype and target, lengths odd too."""
    powers = tuple(2**k for k in range(9, 18))
    return tuple(
        sorted(
            {
                1,
                17,
                127,
                1000,
                1023,
                2560,
                3072,
                4097,
                5120,
                6144,
                7000,
                8191,
                10000,
                12288,
                24576,
                49152,
                65535,
                100000,
                *powers,
            }
        )
    )


def cdiv(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def next_power_of_2(n: int) -> int:
    """The smallest power of two that is at least n (n >= 1)."""
    return 1 << (n - 1).bit_length()


def _backward_launch(
    n_rows: int,
    n_cols: int,
    device: DeviceProperties,
    chosen: Settings,
    args: dict[str, str],
    has_w: bool,
    need_dx: bool,
    needs: dict[str, bool],
) -> Launch:
    """The persistent kernels; the grid of the split one is a whole number of groups of SPLIT programs."""
    switches = {"HAS_W": has_w, "NEED_DX": need_dx, **needs}
    options = _options(device, chosen)
    if chosen.kind == "unaligned":
        grid, shape = _unaligned(n_rows, n_cols, args["X"][1:], device, chosen)
        return Launch("_layer_norm_backward_unaligned_kernel", grid, {**shape, **switches}, args=args, **options)
    split = cdiv(n_cols, chosen.block_n)
    groups = _groups(n_rows, split, device, chosen)
    if split == 1:
        shape = {
            "N_COLS": n_cols,
            "ROWS": chosen.rows,
            "BLOCK_N": chosen.block_n,
            "PREFETCH": chosen.prefetch,
            "KEEP_W": chosen.keep_w,
        }
        return Launch("_layer_norm_backward_kernel", (groups,), {**shape, **switches}, args=args, **options)
    names = list(args)
    names.insert(names.index("n_rows"), "Exchange")
    return Launch(
        "_layer_norm_backward_split_kernel",
        (groups * split,),
        {
            "N_COLS": n_cols,
            "SPLIT": split,
            "BLOCK_N": chosen.block_n,
            "PACK": _pack(n_cols, args["X"][1:]),
            "LANES": _lanes(split, device, options["num_warps"]),
            **switches,
        },
        args={name: args.get(name, "*i64") for name in names},
        exchange_slots=n_rows * split if need_dx else 0,
        **options,
    )


def _unaligned(
    n_rows: int, n_cols: int, dtype: str, device: DeviceProperties, chosen: Settings
) -> tuple[tuple[int], dict[str, int]]:
    """Grid and shape of the kernels for rows that are not aligned: persistent, and a multiple of ALIGN programs.

    Raises:
        ValueError: the block does not hold the body of a row.
    """
    align, block_n = _align(dtype), _body_block(n_cols, dtype)
    if block_n > chosen.block_n:
        raise ValueError(f"block_n is {chosen.block_n}; unaligned rows of {n_cols} columns need at least {block_n}")
    programs = min(n_rows, device.n_multiprocessors * chosen.programs)
    if n_rows > programs or programs > align:
        programs = max(align, programs // align * align)
    return (programs,), {"N_COLS": n_cols, "BLOCK_N": block_n, "ALIGN": align}


def _groups(n_rows: int, split: int, device: DeviceProperties, chosen: Settings) -> int:
    """Groups of `split` programs in a persistent grid; each group takes chosen.rows rows at a time."""
    return min(cdiv(n_rows, chosen.rows), max(1, device.n_multiprocessors * chosen.programs // split))


def _wide_backward(
    n_rows: int,
    n_cols: int,
    device: DeviceProperties,
    chosen: Settings,
    args: dict[str, str],
    has_w: bool,
    need_dx: bool,
    needs: dict[str, bool],
) -> tuple[list[Launch], int]:
    """Rows too wide for registers: dx row by row, then dw and db in slices of columns."""
    launches = []
    if need_dx:
        launches.append(
            Launch(
                "_layer_norm_backward_wide_dx_kernel",
                (min(n_rows, device.n_multiprocessors * chosen.programs),),
                {"N_COLS": n_cols, "BLOCK_N": chosen.block_n, "HAS_W": has_w},
                _num_warps(device, chosen.num_warps),
                chosen.num_stages,
                {name: kind for name, kind in args.items() if not name.endswith("_partial")},
            )
        )
    # enough slices and shares of the rows to give every multiprocessor about four programs
    block_n = max(512, min(DWDB_TILE, next_power_of_2(n_cols // (4 * device.n_multiprocessors))))
    slices = cdiv(n_cols, block_n)
    rows = DWDB_TILE // block_n
    shares = min(cdiv(n_rows, rows), cdiv(4 * device.n_multiprocessors, slices))
    rows_per_program = cdiv(cdiv(n_rows, shares), rows) * rows
    n_partials = cdiv(n_rows, rows_per_program)
    if any(needs.values()):
        launches.append(
            Launch(
                "_layer_norm_backward_wide_dwdb_kernel",
                (n_partials, slices),
                {"N_COLS": n_cols, "ROWS": rows, "BLOCK_N": block_n, **needs},
                _num_warps(device, 8),
                1,
                {**{name: kind for name, kind in args.items() if name not in ("W", "dX")}, "rows_per_program": "i32"},
                {"rows_per_program": rows_per_program},
            )
        )
    return launches, n_partials


DWDB_TILE = 4096
REDUCE_TILE = 1024


def _reduce_launch(
    n_partials: int, n_cols: int, device: DeviceProperties, outputs: dict[str, str], needs: dict[str, bool]
) -> Launch:
    # enough programs to fill the device, each at least one memory sector wide
    block_n = max(16, min(REDUCE_TILE, next_power_of_2(cdiv(n_cols, 2 * device.n_multiprocessors))))
    return Launch(
        "_layer_norm_backward_reduce_kernel",
        (cdiv(n_cols, block_n),),
        {"N_COLS": n_cols, "ROWS": REDUCE_TILE // block_n, "BLOCK_N": block_n, **needs},
        _num_warps(device, 4),
        1,
        {"dW_partial": "*fp32", "dB_partial": "*fp32", **outputs, "n_partials": "i32"},
        {"n_partials": n_partials},
    )


def _options(device: DeviceProperties, chosen: Settings) -> dict[str, Any]:
    max_registers = chosen.max_registers if device.arch.startswith("cuda:") else 0
    num_warps = _num_warps(device, chosen.num_warps)
    return {"num_warps": num_warps, "num_stages": chosen.num_stages, "max_registers": max_registers}


def _num_warps(device: DeviceProperties, num_warps: int) -> int:
    """Warps of 32 threads in the device's own warps, within what it can start as one program."""
    threads = min(32 * num_warps, device.max_threads_per_program)
    return max(1, threads // device.warp_size)


def _int_type(value: int) -> str:
    return "i32" if value < 2**31 else "i64"


@functools.cache
def _tuned_table() -> list[dict[str, Any]]:
    return json.loads((Path(__file__).parent / "tuned.json").read_text())["devices"]


def tuned_settings(direction: str, n_cols: int, dtype: str, device: DeviceProperties) -> Optional[Settings]:
    """The measured settings for this device, if it has any and LIGER_KERNEL_TUNED is not 0.

    A row of the table holds for lengths from "from" (if it says so) up to "up_to", and for releases of Triton before
    "before" (if it says so); the first that holds is taken.
    """
    if os.environ.get("LIGER_KERNEL_TUNED") == "0":
        return None
    row = next(_tuned_rows(direction, n_cols, dtype, device), None)
    if row is None:
        return None
    settings = Settings(**{name: row[name] for name in row if name not in ("from", "up_to", "before")})
    block_n = min(settings.block_n, next_power_of_2(n_cols))
    if settings.kind == "tile" and block_n < settings.block_n:
        # the shape is for the longest row; of shorter ones as many more go into a tile
        return replace(settings, rows=settings.rows * settings.block_n // block_n, block_n=block_n)
    return settings


def _tuned_rows(direction: str, n_cols: int, dtype: str, device: DeviceProperties) -> Iterator[dict[str, Any]]:
    """The rows of the table that hold, in its order."""
    size = f"{BYTES[dtype]} bytes"
    for entry in _tuned_table():
        if (entry["arch"], entry["n_multiprocessors"]) == (device.arch, device.n_multiprocessors):
            unaligned = [] if _is_aligned(n_cols, dtype) else entry[direction][f"{size} unaligned"]
            for row in (*unaligned, *entry[direction][size]):
                if row.get("from", 0) <= n_cols <= row["up_to"] and _holds_for(row, device.triton):
                    yield row


def _holds_for(row: dict[str, Any], triton: str) -> bool:
    return "before" not in row or (triton != "" and release_numbers(triton) < release_numbers(row["before"]))


def release_numbers(version: str) -> tuple[int, ...]:
    """(3, 1) of "3.1.0+git1234": the release, without zeros at its end; suffixes are left out."""
    match = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in match.group().split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _for_few_rows(settings: Settings, n_rows: int, device: DeviceProperties) -> Settings:
    """With too few rows to give every multiprocessor a tile of them, fewer rows and warps in a tile."""
    rows = settings.rows
    while rows > 1 and rows * device.n_multiprocessors > n_rows:
        rows //= 2
    return replace(settings, rows=rows, num_warps=max(1, settings.num_warps * rows // settings.rows))


def _for_odd_rows(settings: Settings, n_cols: int, dtype: str) -> Settings:
    """Elements that cannot be packed take more registers, so that fewer programs fit on a multiprocessor."""
    if settings.kind == "split" and BYTES[dtype] == 2 and _pack(n_cols, dtype) == 1:
        return replace(settings, programs=max(1, settings.programs * 3 // 4), max_registers=168)
    return settings


def _is_aligned(n_cols: int, dtype: str) -> bool:
    """Whether rows start at multiples of 8 bytes, which loads can be as wide as without loss."""
    return n_cols * BYTES[dtype] % 8 == 0


def _align(dtype: str) -> int:
    """Elements in 16 bytes."""
    return 16 // BYTES[dtype]


def _body_block(n_cols: int, dtype: str) -> int:
    """The block that holds the longest body of an unaligned row."""
    return next_power_of_2(max(1, n_cols // _align(dtype) * _align(dtype)))


def _pays_to_align(n_cols: int, dtype: str, device: DeviceProperties) -> bool:
    """Whether the general rule takes the kernels for rows that are not aligned: in fp32 for long ones only."""
    shortest = 512 if BYTES[dtype] == 2 else 4096
    return not _is_aligned(n_cols, dtype) and shortest < n_cols <= 8192 and device.arch != "interpreter"


def _pack(n_cols: int, dtype: str) -> int:
    """Elements that a split kernel holds in one 32-bit register: two of 16 bits, unless rows start between words."""
    return 2 if BYTES[dtype] == 2 and n_cols % 2 == 0 else 1


def _lanes(split: int, device: DeviceProperties, num_warps: int) -> int:
    """Words that a program reads of its row's slots at once: all of them, and at least two for every thread."""
    return max(2 * device.warp_size * num_warps, next_power_of_2(split))


def _can_split(n_cols: int, settings: Settings, device: DeviceProperties) -> bool:
    """Whether the programs of a row are sure to be on the device at once, and its kind was tried."""
    return device.arch.startswith("cuda:") and cdiv(n_cols, settings.block_n) <= device.n_multiprocessors


def _check(n_rows: int, n_cols: int, dtype: str) -> None:
    if n_rows < 0:
        raise ValueError(f"n_rows is {n_rows}; it must be at least 0")
    if n_cols < 1:
        raise ValueError(f"n_cols is {n_cols}; it must be at least 1")
    if dtype not in BYTES:
        raise ValueError(f"dtype is {dtype!r}; it must be one of {', '.join(BYTES)}")
