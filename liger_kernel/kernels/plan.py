"""Which kernel is launched how: a pure function of the problem and the device. Standard library only.

`forward_plan` and `backward_plan` return the launches in order. Nothing else decides a block shape, a number of warps
or another compile option: the torch side launches exactly these, tests assert them, and the codegen atlas compiles
them. `settings` chooses how a kernel cuts up the matrix, `geometry` computes blocks and grids, `parameters` lists what
each kernel takes, `device` describes what it runs on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Optional

from .device import DeviceProperties
from .geometry import (
    BYTES,
    align,
    body_block,
    branch_sizes,
    cdiv,
    elements_in_a_word,
    groups,
    lanes,
    next_power_of_2,
    unaligned_programs,
)
from .parameters import Types, parameter_types
from .settings import PACKED_KINDS, Settings, backward_settings, forward_settings, tuned_settings

__all__ = [
    "BYTES",
    "DeviceProperties",
    "Launch",
    "Settings",
    "backward_plan",
    "branch_sizes",
    "forward_plan",
    "tuned_settings",
]

MOST_CHUNKS = 6  # of a row that the packed kernel holds
DWDB_TILE = 4096
REDUCE_TILE = 2048


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
        max_registers: most registers a thread may have: the compile option maxnreg. 0 is no limit; where the device's
            Triton takes none, it is 0.
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
        """The compile options, exactly those that the launch passes."""
        options = {"num_warps": self.num_warps, "num_stages": self.num_stages}
        return {**options, "maxnreg": self.max_registers} if self.max_registers else options


@dataclass(frozen=True)
class _Problem:
    """What all launches of one plan share; `switches` are the constexprs that say what is there and what is wanted."""

    n_rows: int
    n_cols: int
    types: Types
    device: DeviceProperties
    switches: dict[str, bool]

    def launch(
        self,
        kernel: str,
        grid: tuple[int, ...],
        chosen: Settings,
        shape: dict[str, Any],
        switches: Iterable[str],
        values: Optional[dict[str, int]] = None,
        exchange_slots: int = 0,
    ) -> Launch:
        """A launch in the chosen settings; its constexprs are N_COLS, those of `shape` and the named switches."""
        return Launch(
            kernel,
            grid,
            {"N_COLS": self.n_cols, **shape, **{name: self.switches[name] for name in switches}},
            self.device.warps(chosen.num_warps),
            chosen.num_stages,
            parameter_types(kernel, self.types, self.n_rows),
            values or {},
            exchange_slots,
            max_registers=chosen.max_registers if self.device.limits_registers else 0,
        )


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
    types = Types(dtype, w_dtype or dtype, b_dtype or dtype)
    problem = _Problem(n_rows, n_cols, types, device, {"HAS_W": has_w, "HAS_B": has_b})
    return (_main_launch(problem, "forward", chosen, _tile(chosen)),)


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
    types = Types(dtype, w_dtype or dtype, b_dtype or dtype)
    switches = {"HAS_W": has_w, "NEED_DX": need_dx, "NEED_DW": need_dw, "NEED_DB": need_db}
    problem = _Problem(n_rows, n_cols, types, device, switches)
    if chosen.kind == "wide":
        launches, n_partials = _wide_backward(problem, chosen)
    else:
        tile = {**_tile(chosen), "PREFETCH": chosen.prefetch, "STAGES": chosen.stages, "KEEP_W": chosen.keep_w}
        launches = [_main_launch(problem, "backward", chosen, tile)]
        n_partials = launches[0].grid[0] // launches[0].constexprs.get("SPLIT", 1)
    if need_dw or need_db:
        launches.append(_reduce_launch(problem, n_partials))
    return tuple(launches)


def _main_launch(problem: _Problem, direction: str, chosen: Settings, tile: dict[str, Any]) -> Launch:
    """The launch that walks the rows; `tile` are the constexprs of the kernel that holds whole rows.

    Raises:
        ValueError: the settings' kind cannot work on such rows, or its block does not hold them.
    """
    n_rows, n_cols, device, dtype = problem.n_rows, problem.n_cols, problem.device, problem.types.x
    if chosen.kind == "wide":
        grid = (min(n_rows, device.n_multiprocessors * chosen.programs),)
        shape = {"BLOCK_N": chosen.block_n}
        return problem.launch("_layer_norm_forward_wide_kernel", grid, chosen, shape, problem.switches)
    if chosen.kind == "unaligned":
        block_n = body_block(n_cols, dtype)
        if block_n > chosen.block_n:
            raise ValueError(f"block_n is {chosen.block_n}; unaligned rows of {n_cols} columns need at least {block_n}")
        grid = (unaligned_programs(n_rows, dtype, chosen.programs, device),)
        shape = {"BLOCK_N": block_n, "ALIGN": align(dtype)}
        return problem.launch(f"_layer_norm_{direction}_unaligned_kernel", grid, chosen, shape, problem.switches)
    split = cdiv(n_cols, chosen.block_n)
    if chosen.kind in PACKED_KINDS and elements_in_a_word(n_cols, dtype) != 2:
        raise ValueError(f"kind is {chosen.kind!r}; rows of {n_cols} columns of {dtype} are no words of two elements")
    if chosen.kind == "packed":
        if split > MOST_CHUNKS:
            raise ValueError(f"block_n is {chosen.block_n}; {n_cols} columns are more than {MOST_CHUNKS} packed chunks")
        shape = {"CHUNKS": split, "BLOCK_N": chosen.block_n}
        return problem.launch("_layer_norm_forward_packed_kernel", (n_rows,), chosen, shape, problem.switches)
    n_groups = groups(n_rows, chosen.rows, split, chosen.programs, device)
    slots = n_rows * split if problem.switches.get("NEED_DX", True) else 0
    if chosen.kind == "pipelined":
        lanes_read = max(2, next_power_of_2(split))
        shape = {"SPLIT": split, "BLOCK_N": chosen.block_n, "LANES": lanes_read, "STAGES": chosen.stages}
        kernel, grid = f"_layer_norm_{direction}_pipelined_kernel", (n_groups * split,)
        slots = 0 if split == 1 and direction == "backward" else slots
        return problem.launch(kernel, grid, chosen, shape, problem.switches, exchange_slots=slots)
    if split == 1:
        persistent = direction == "backward"
        grid = (n_groups if persistent else cdiv(n_rows, chosen.rows),)
        return problem.launch(f"_layer_norm_{direction}_kernel", grid, chosen, tile, problem.switches)
    # the grid is a whole number of groups of SPLIT programs
    shape = {
        "SPLIT": split,
        "BLOCK_N": chosen.block_n,
        "PACK": elements_in_a_word(n_cols, dtype),
        "LANES": lanes(split, device, device.warps(chosen.num_warps)),
    }
    kernel, grid = f"_layer_norm_{direction}_split_kernel", (n_groups * split,)
    return problem.launch(kernel, grid, chosen, shape, problem.switches, exchange_slots=slots)


def _wide_backward(problem: _Problem, chosen: Settings) -> tuple[list[Launch], int]:
    """Rows too wide for registers: dx row by row, then dw and db in slices of columns; and the partial rows."""
    n_rows, n_cols, n_multiprocessors = problem.n_rows, problem.n_cols, problem.device.n_multiprocessors
    launches = []
    if problem.switches["NEED_DX"]:
        grid: tuple[int, ...] = (min(n_rows, n_multiprocessors * chosen.programs),)
        shape = {"BLOCK_N": chosen.block_n}
        launches.append(problem.launch("_layer_norm_backward_wide_dx_kernel", grid, chosen, shape, ["HAS_W"]))
    # enough slices and shares of the rows to give every multiprocessor about four programs
    block_n = max(512, min(DWDB_TILE, next_power_of_2(n_cols // (4 * n_multiprocessors))))
    slices = cdiv(n_cols, block_n)
    rows = DWDB_TILE // block_n
    shares = min(cdiv(n_rows, rows), cdiv(4 * n_multiprocessors, slices))
    rows_per_program = cdiv(cdiv(n_rows, shares), rows) * rows
    n_partials = cdiv(n_rows, rows_per_program)
    if problem.switches["NEED_DW"] or problem.switches["NEED_DB"]:
        kernel, settings = "_layer_norm_backward_wide_dwdb_kernel", Settings("wide", rows, block_n, 8)
        grid, shape, values = (n_partials, slices), _tile(settings), {"rows_per_program": rows_per_program}
        launches.append(problem.launch(kernel, grid, settings, shape, ["NEED_DW", "NEED_DB"], values))
    return launches, n_partials


def _reduce_launch(problem: _Problem, n_partials: int) -> Launch:
    n_cols, n_results = problem.n_cols, problem.switches["NEED_DW"] + problem.switches["NEED_DB"]
    # enough programs to fill the device, each at least one memory sector wide
    block_n = max(16, min(REDUCE_TILE, next_power_of_2(cdiv(n_cols, 2 * problem.device.n_multiprocessors))))
    kernel, settings = "_layer_norm_backward_reduce_kernel", Settings("tile", REDUCE_TILE // block_n, block_n, 8)
    grid, values = (cdiv(n_cols, block_n), n_results), {"n_partials": n_partials}
    return problem.launch(kernel, grid, settings, _tile(settings), ["NEED_DW", "NEED_DB"], values)


def _tile(settings: Settings) -> dict[str, Any]:
    return {"ROWS": settings.rows, "BLOCK_N": settings.block_n}


def _check(n_rows: int, n_cols: int, dtype: str) -> None:
    if n_rows < 0:
        raise ValueError(f"n_rows is {n_rows}; it must be at least 0")
    if n_cols < 1:
        raise ValueError(f"n_cols is {n_cols}; it must be at least 1")
    if dtype not in BYTES:
        raise ValueError(f"dtype is {dtype!r}; it must be one of {', '.join(BYTES)}")
