"""Which kernel is launched how: a pure function of the problem and the device. Standard library only.

`forward_plan` and `backward_plan` return the launches in order. Nothing else decides a block shape or a number of
warps: the torch side launches exactly these, tests assert them, and the codegen atlas compiles them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}


@dataclass(frozen=True)
class DeviceProperties:
    """What the plan needs to know of a device.

    Attributes:
        arch: "cuda:90", "hip:gfx942", ..., or "interpreter".
        n_multiprocessors: multiprocessors (compute units on AMD).
        warp_size: threads in a warp (lanes in a wave on AMD): 32 or 64.
        max_threads_per_program: most threads one program may have.
    """

    arch: str
    n_multiprocessors: int
    warp_size: int = 32
    max_threads_per_program: int = 1024


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
    """One launch: `kernel[grid](*arguments, **constexprs, num_warps=num_warps, num_stages=num_stages)`.

    Attributes:
        kernel: name of the function in `liger_kernel.kernels.layer_norm`.
        grid: one to three numbers of programs.
        constexprs: block shape and switches, by parameter name.
        num_warps, num_stages: compile options, always passed.
        args: Triton type ("*bf16", "i32", "fp32") of every other parameter, by name, in the order of the signature.
        values: the integer arguments that the plan decides, by parameter name.
    """

    kernel: str
    grid: tuple[int, ...]
    constexprs: dict[str, object]
    num_warps: int
    num_stages: int
    args: dict[str, str]
    values: dict[str, int] = field(default_factory=dict)


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
) -> tuple[Launch, ...]:
    """The launches of LayerNorm forward; none for zero rows.

    Args:
        n_rows, n_cols: shape of the input as a matrix; n_cols is at least 1.
        dtype: "fp32", "fp16" or "bf16", of the input and the output.
        w_dtype, b_dtype: of weight and bias, where not the input's.
        has_w, has_b: whether there is a weight, a bias.
    """
    _check(n_rows, n_cols, dtype)
    if n_rows == 0:
        return ()
    args = {
        "X": f"*{dtype}",
        "W": f"*{w_dtype or dtype}",
        "B": f"*{b_dtype or dtype}",
        "Y": f"*{dtype}",
        "Mean": "*fp32",
        "RSTD": "*fp32",
        "n_rows": _int_type(n_rows),
        "n_cols": _int_type(n_cols),
        "eps": "fp32",
    }
    switches = {"HAS_W": has_w, "HAS_B": has_b}
    if n_cols > MAX_ROW_IN_REGISTERS:
        return (
            Launch(
                "_layer_norm_forward_wide_kernel",
                (min(n_rows, device.n_multiprocessors),),
                {"BLOCK_N": WIDE_BLOCK_N, **switches},
                _warps(device, WIDE_THREADS),
                1,
                args,
            ),
        )
    block_n = next_power_of_2(n_cols)
    rows = max(1, min(FORWARD_TILE // block_n, next_power_of_2(n_rows)))
    return (
        Launch(
            "_layer_norm_forward_kernel",
            (cdiv(n_rows, rows),),
            {"ROWS": rows, "BLOCK_N": block_n, **switches, "EVEN_N": block_n == n_cols},
            _warps(device, rows * block_n // ELEMENTS_PER_THREAD_FORWARD),
            1,
            args,
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
) -> tuple[Launch, ...]:
    """The launches of LayerNorm backward; none for zero rows or where no result is wanted.

    Args:
        n_rows, n_cols, dtype, w_dtype, b_dtype, has_w: as in `forward_plan`.
        need_dx, need_dw, need_db: which results are wanted.

    A launch whose `values` hold "n_partials" reads that many partial rows of dw and db; the torch side allocates them.
    """
    _check(n_rows, n_cols, dtype)
    if n_rows == 0 or not (need_dx or need_dw or need_db):
        return ()
    if n_cols > MAX_ROW_IN_REGISTERS_BACKWARD:
        return _wide_backward_plan(
            n_rows, n_cols, dtype, device, w_dtype or dtype, b_dtype or dtype, has_w, need_dx, need_dw, need_db
        )
    block_n = next_power_of_2(n_cols)
    rows = max(1, min(BACKWARD_TILE // block_n, next_power_of_2(n_rows)))
    threads = rows * block_n // ELEMENTS_PER_THREAD_BACKWARD
    programs_per_multiprocessor = max(1, min(4, 1024 // max(threads, 128)))
    n_partials = min(cdiv(n_rows, rows), device.n_multiprocessors * programs_per_multiprocessor)
    main = Launch(
        "_layer_norm_backward_kernel",
        (n_partials,),
        {
            "ROWS": rows,
            "BLOCK_N": block_n,
            "HAS_W": has_w,
            "NEED_DX": need_dx,
            "NEED_DW": need_dw,
            "NEED_DB": need_db,
            "EVEN_N": block_n == n_cols,
        },
        _warps(device, threads),
        1,
        {
            **_backward_args(dtype, w_dtype or dtype),
            "dW_partial": "*fp32",
            "dB_partial": "*fp32",
            "n_rows": _int_type(n_rows),
            "n_cols": _int_type(n_cols),
        },
    )
    if not (need_dw or need_db):
        return (main,)
    return main, _reduce_launch(n_partials, n_cols, device, w_dtype or dtype, b_dtype or dtype, need_dw, need_db)


# A row up to these lengths is held in registers; beyond, it is read twice, the second time out of the L2.
MAX_ROW_IN_REGISTERS = 16384
MAX_ROW_IN_REGISTERS_BACKWARD = 8192
# Elements of the tile that one program works on, where a row is shorter
FORWARD_TILE = 4096
BACKWARD_TILE = 4096
ELEMENTS_PER_THREAD_FORWARD = 16
ELEMENTS_PER_THREAD_BACKWARD = 16
WIDE_BLOCK_N = 8192
WIDE_THREADS = 1024
DWDB_TILE = 4096
REDUCE_TILE = 1024


def branch_sizes() -> tuple[int, ...]:
    """Numbers of columns that reach every branch of the plans for every dtype and target, lengths odd too."""
    powers = tuple(2**k for k in range(9, 18))
    return tuple(sorted({1, 17, 127, 1000, 1023, 3072, 4097, 5120, 6144, 12288, 24576, 65535, 100000, *powers}))


def cdiv(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def next_power_of_2(n: int) -> int:
    """The smallest power of two that is at least n (n >= 1)."""
    return 1 << (n - 1).bit_length()


def _wide_backward_plan(
    n_rows: int,
    n_cols: int,
    dtype: str,
    device: DeviceProperties,
    w_dtype: str,
    b_dtype: str,
    has_w: bool,
    need_dx: bool,
    need_dw: bool,
    need_db: bool,
) -> tuple[Launch, ...]:
    """Rows too wide for registers: dx row by row, then dw and db in slices of columns, then their partial rows."""
    launches = []
    counts = {"n_rows": _int_type(n_rows), "n_cols": _int_type(n_cols)}
    if need_dx:
        launches.append(
            Launch(
                "_layer_norm_backward_wide_dx_kernel",
                (min(n_rows, device.n_multiprocessors),),
                {"BLOCK_N": WIDE_BLOCK_N, "HAS_W": has_w},
                _warps(device, WIDE_THREADS),
                1,
                {**_backward_args(dtype, w_dtype), **counts},
            )
        )
    if need_dw or need_db:
        block_n = max(512, min(DWDB_TILE, next_power_of_2(n_cols // (4 * device.n_multiprocessors))))
        rows = DWDB_TILE // block_n
        slices = cdiv(n_cols, block_n)
        wanted = cdiv(4 * device.n_multiprocessors, slices)
        rows_per_program = cdiv(cdiv(n_rows, min(wanted, cdiv(n_rows, rows))), rows) * rows
        n_partials = cdiv(n_rows, rows_per_program)
        args = _backward_args(dtype, w_dtype)
        del args["W"], args["dX"]
        launches.append(
            Launch(
                "_layer_norm_backward_wide_dwdb_kernel",
                (n_partials, slices),
                {"ROWS": rows, "BLOCK_N": block_n, "NEED_DW": need_dw, "NEED_DB": need_db},
                _warps(device, 256),
                1,
                {**args, "dW_partial": "*fp32", "dB_partial": "*fp32", **counts, "rows_per_program": "i32"},
                {"rows_per_program": rows_per_program},
            )
        )
        launches.append(_reduce_launch(n_partials, n_cols, device, w_dtype, b_dtype, need_dw, need_db))
    return tuple(launches)


def _reduce_launch(
    n_partials: int, n_cols: int, device: DeviceProperties, w_dtype: str, b_dtype: str, need_dw: bool, need_db: bool
) -> Launch:
    # enough programs to fill the device, each at least one memory sector wide
    block_n = max(16, min(REDUCE_TILE, next_power_of_2(cdiv(n_cols, 2 * device.n_multiprocessors))))
    return Launch(
        "_layer_norm_backward_reduce_kernel",
        (cdiv(n_cols, block_n),),
        {"ROWS": REDUCE_TILE // block_n, "BLOCK_N": block_n, "NEED_DW": need_dw, "NEED_DB": need_db},
        _warps(device, 128),
        1,
        {
            "dW_partial": "*fp32",
            "dB_partial": "*fp32",
            "dW": f"*{w_dtype}",
            "dB": f"*{b_dtype}",
            "n_partials": _int_type(n_partials),
            "n_cols": _int_type(n_cols),
        },
        {"n_partials": n_partials},
    )


def _backward_args(dtype: str, w_dtype: str) -> dict[str, str]:
    return {
        "dY": f"*{dtype}",
        "X": f"*{dtype}",
        "W": f"*{w_dtype}",
        "Mean": "*fp32",
        "RSTD": "*fp32",
        "dX": f"*{dtype}",
    }


def _warps(device: DeviceProperties, threads: int) -> int:
    """The number of warps that makes `threads` threads, within what the device can start as one program."""
    threads = max(device.warp_size, min(threads, device.max_threads_per_program))
    return next_power_of_2(threads // device.warp_size)


def _int_type(value: int) -> str:
    return "i32" if value < 2**31 else "i64"


def _check(n_rows: int, n_cols: int, dtype: str) -> None:
    if n_rows < 0:
        raise ValueError(f"n_rows is {n_rows}; it must be at least 0")
    if n_cols < 1:
        raise ValueError(f"n_cols is {n_cols}; it must be at least 1")
    if dtype not in BYTES:
        raise ValueError(f"dtype is {dtype!r}; it must be one of {', '.join(BYTES)}")
