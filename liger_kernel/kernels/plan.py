"""Which kernel is launched how: a pure function of the problem and the device. Standard library only.

`forward_plan` and `backward_plan` return the launches in order. Nothing else decides a block shape, a number of warps
or another compile option: the torch side launches exactly these, tests assert them, and the codegen atlas compiles
them. `settings` chooses how a kernel cuts up the matrix, `kinds` says which kernels there are for that and where they
run, `geometry` computes blocks and grids, `parameters` lists what kernels take, `device` describes what they run on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
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
    is_parted,
    lanes,
    longest_body,
    next_power_of_2,
    part,
    rows_alike,
)
from .parameters import Types, parameter_types
from .settings import Settings, backward_settings, forward_settings, refusal, takes_apart, tuned_settings

__all__ = [
    "BYTES",
    "DeviceProperties",
    "Launch",
    "Settings",
    "backward_plan",
    "branch_sizes",
    "forward_plan",
    "partial_rows",
    "tuned_settings",
]

MOST_CHUNKS = 8  # of a row that the packed kernel holds
DWDB_TILE = 4096
REDUCE_TILE = 2048
MOST_PASSES = 8  # that the reduction's compiler unrolls: a kernel for each number of them
_REDUCE = "_layer_norm_backward_reduce_kernel"


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
        """The compile options, exactly those that the launch passes.

        A kernel that is DEPENDENT waits by itself for the launch in front of it, so that its programs may start before
        that has ended: launch_pdl.
        """
        options: dict[str, int] = {"num_warps": self.num_warps, "num_stages": self.num_stages}
        if self.max_registers:
            options["maxnreg"] = self.max_registers
        if self.constexprs.get("DEPENDENT"):
            options["launch_pdl"] = True
        return options


@dataclass(frozen=True)
class _Problem:
    """What all launches of one plan share; `switches` are the constexprs that say what is there and what is wanted."""

    direction: str
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

    Raises:
        ValueError: an argument that no plan takes, or settings that such rows or the device cannot have.
    """
    _check(n_rows, n_cols, dtype)
    if n_rows == 0:
        return ()
    chosen = settings or forward_settings(n_rows, n_cols, dtype, device)
    types = Types(dtype, w_dtype or dtype, b_dtype or dtype)
    problem = _Problem("forward", n_rows, n_cols, types, device, {"HAS_W": has_w, "HAS_B": has_b})
    return tuple(_row_launches(problem, chosen))


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

    Raises:
        ValueError: as in `forward_plan`.

    `partial_rows` says how many partial rows of dw and db the launches leave for each other.
    """
    _check(n_rows, n_cols, dtype)
    if n_rows == 0 or not (need_dx or need_dw or need_db):
        return ()
    chosen = settings or backward_settings(n_rows, n_cols, dtype, device)
    types = Types(dtype, w_dtype or dtype, b_dtype or dtype)
    switches = {"HAS_W": has_w, "NEED_DX": need_dx, "NEED_DW": need_dw, "NEED_DB": need_db}
    problem = _Problem("backward", n_rows, n_cols, types, device, switches)
    launches = _row_launches(problem, chosen)
    if need_dw or need_db:
        # each program, or each SPLIT of them, has left a partial row; or the launch says how many: one is the result
        each = launches[-1].grid[0] // launches[-1].constexprs.get("SPLIT", 1)
        n_partials = launches[-1].values.get("n_partials")
        if n_partials != 1:
            launches.append(_reduce_launch(problem, n_partials or each))
    return tuple(launches)


def partial_rows(plan: Iterable[Launch]) -> int:
    """Partial rows of dw and db that the launches of a backward need room for: those that the last one adds."""
    return next((launch.values["n_partials"] for launch in plan if launch.kernel == _REDUCE), 0)


def _row_launches(problem: _Problem, chosen: Settings) -> list[Launch]:
    """The launches that walk the rows, in the chosen settings.

    Raises:
        ValueError: the device has no kernel of the settings' kind, or it cannot work on such rows.
    """
    why = refusal(chosen, problem.direction, problem.n_cols, problem.types.x, problem.device)
    if why:
        raise ValueError(why)
    return BUILDERS[chosen.kind](problem, chosen)


def _tiles(problem: _Problem, chosen: Settings) -> list[Launch]:
    if chosen.block_n < problem.n_cols:
        raise ValueError(f"block_n is {chosen.block_n}; a tile of {problem.n_cols} columns needs at least as many")
    shape, n_programs = _tile(chosen), cdiv(problem.n_rows, chosen.rows)
    if problem.direction == "backward":
        shape.update(PREFETCH=chosen.prefetch, STAGES=chosen.stages, KEEP_W=chosen.keep_w)
        n_programs = groups(problem.n_rows, chosen.rows, 1, chosen.programs, problem.device)
    return [problem.launch(f"_layer_norm_{problem.direction}_kernel", (n_programs,), chosen, shape, problem.switches)]


def _packed(problem: _Problem, chosen: Settings) -> list[Launch]:
    n_cols, dtype = problem.n_cols, problem.types.x
    parted = takes_apart("packed", n_cols, dtype)
    chunks = cdiv(longest_body(n_cols, dtype) if parted else n_cols, chosen.block_n)
    if chunks > MOST_CHUNKS:
        raise ValueError(f"block_n is {chosen.block_n}; {n_cols} columns are more than {MOST_CHUNKS} packed chunks")
    pack = 4 // BYTES[dtype]
    shape = {"CHUNKS": chunks, "BLOCK_N": chosen.block_n, "PACK": pack}
    shape |= {"PREFETCH": chosen.prefetch if n_cols % pack == 0 else 0, "ALIGN": align(dtype) if parted else 1}
    grid = (problem.n_rows,)
    return [problem.launch("_layer_norm_forward_packed_kernel", grid, chosen, shape, problem.switches)]


def _split(problem: _Problem, chosen: Settings) -> list[Launch]:
    n_cols, device, split = problem.n_cols, problem.device, cdiv(problem.n_cols, chosen.block_n)
    if split == 1:
        raise ValueError(f"block_n is {chosen.block_n}; a row of {n_cols} columns is split into blocks of fewer")
    shape = {
        "SPLIT": split,
        "BLOCK_N": chosen.block_n,
        "PACK": elements_in_a_word(n_cols, problem.types.x),
        "LANES": lanes(split, device, device.warps(chosen.num_warps)),
    }
    return [_shared_rows_launch(problem, chosen, shape, problem.n_rows * split)]


def _pipelined(problem: _Problem, chosen: Settings) -> list[Launch]:
    split = cdiv(problem.n_cols, chosen.block_n)
    lanes_read = max(2, next_power_of_2(split))
    shape = {"SPLIT": split, "BLOCK_N": chosen.block_n, "LANES": lanes_read, "STAGES": chosen.stages}
    # forward exchanges the sums of a whole row too, a pass later
    slots = 0 if split == 1 and problem.direction == "backward" else problem.n_rows * split
    return [_shared_rows_launch(problem, chosen, shape, slots)]


def _ahead(problem: _Problem, chosen: Settings) -> list[Launch]:
    n_cols, dtype = problem.n_cols, problem.types.x
    parted = takes_apart("ahead", n_cols, dtype)
    columns = longest_body(n_cols, dtype) if parted else n_cols
    split = cdiv(columns, chosen.block_n)
    n_groups = problem.device.n_multiprocessors * chosen.programs // split
    alike = rows_alike(n_groups, dtype) if parted else 1
    shape = {
        "SPLIT": split,
        "PART": part(columns, split, max(alike, align(dtype))),
        "BLOCK_N": chosen.block_n,
        "PACK": 4 // BYTES[dtype],
        "ALIGN": alike,
        "LANES": max(2, next_power_of_2(split)),
        "STAGES": chosen.stages,
    }
    if problem.direction == "backward":
        shape["BEHIND"] = chosen.behind if split > 1 and problem.switches["NEED_DX"] else 0
    elif split == 1:
        raise ValueError(f"block_n is {chosen.block_n}; forward shares rows of {n_cols} columns, in smaller blocks")
    return [_shared_rows_launch(problem, chosen, shape, problem.n_rows * split if split > 1 else 0, alike=alike)]


def _pairs(problem: _Problem, chosen: Settings) -> list[Launch]:
    n_cols, split = problem.n_cols, cdiv(problem.n_cols, chosen.block_n)
    shape = {
        "SPLIT": split,
        "PART": part(n_cols, split, align(problem.types.x)),
        "BLOCK_N": chosen.block_n,
        "LANES": max(problem.device.warp_size * problem.device.warps(chosen.num_warps), next_power_of_2(split)),
        "STAGES": chosen.stages,
    }
    return [_shared_rows_launch(problem, chosen, shape, problem.n_rows * split, rows=2)]


def _shared_rows_launch(
    problem: _Problem, chosen: Settings, shape: dict[str, Any], slots: int, rows: int = 1, alike: int = 1
) -> Launch:
    """Of a kernel whose grid is a whole number of groups of SPLIT programs, each of which takes `rows` a pass."""
    n_groups = groups(problem.n_rows, rows, shape["SPLIT"], chosen.programs, problem.device, alike)
    n_programs = n_groups * shape["SPLIT"]
    kernel = f"_layer_norm_{problem.direction}_{chosen.kind}_kernel"
    slots = slots if problem.switches.get("NEED_DX", True) else 0
    return problem.launch(kernel, (n_programs,), chosen, shape, problem.switches, exchange_slots=slots)


def _unaligned(problem: _Problem, chosen: Settings) -> list[Launch]:
    n_cols, dtype = problem.n_cols, problem.types.x
    block_n = body_block(n_cols, dtype)
    if block_n > chosen.block_n:
        raise ValueError(f"block_n is {chosen.block_n}; unaligned rows of {n_cols} columns need at least {block_n}")
    alike, n_programs = align(dtype), problem.device.n_multiprocessors * chosen.programs
    if problem.direction == "backward" and is_parted(n_cols, dtype):
        alike = rows_alike(n_programs, dtype)
    grid = (groups(problem.n_rows, 1, 1, chosen.programs, problem.device, alike),)
    shape = {"BLOCK_N": block_n, "ALIGN": alike}
    kernel = f"_layer_norm_{problem.direction}_unaligned_kernel"
    return [problem.launch(kernel, grid, chosen, shape, problem.switches)]


def _wide(problem: _Problem, chosen: Settings) -> list[Launch]:
    """Rows too wide for registers, or few of them; backward has dx row by row, and dw and db in slices of columns.

    Few rows have both in one launch. Wide ones have a launch for each, in settings of its own.
    """
    if problem.direction == "forward":
        grid = (min(problem.n_rows, problem.device.n_multiprocessors * chosen.programs),)
        shape = {"BLOCK_N": chosen.block_n}
        return [problem.launch("_layer_norm_forward_wide_kernel", grid, chosen, shape, problem.switches)]
    if chosen.rows > DWDB_TILE:
        raise ValueError(f"rows is {chosen.rows}; a tile of dw and db has {DWDB_TILE} elements")
    if chosen.rows > 1:
        return [_wide_backward_launch(problem, chosen)]
    dx = replace(problem, switches={**problem.switches, "NEED_DW": False, "NEED_DB": False})
    dwdb = replace(problem, switches={**problem.switches, "NEED_DX": False})
    launches = [_wide_backward_launch(dx, chosen)] if problem.switches["NEED_DX"] else []
    if problem.switches["NEED_DW"] or problem.switches["NEED_DB"]:
        launches.append(_wide_backward_launch(dwdb, replace(chosen, num_warps=8)))
    return launches


def _wide_backward_launch(problem: _Problem, chosen: Settings) -> Launch:
    n_rows, n_cols, n_multiprocessors = problem.n_rows, problem.n_cols, problem.device.n_multiprocessors
    rows, columns, shares = chosen.rows, DWDB_TILE // chosen.rows, 1
    if rows == 1:
        # enough slices and shares of the rows to give every multiprocessor about four programs
        columns = max(512, min(DWDB_TILE, next_power_of_2(n_cols // (4 * n_multiprocessors))))
        rows = DWDB_TILE // columns
        shares = min(cdiv(n_rows, rows), cdiv(4 * n_multiprocessors, cdiv(n_cols, columns)))
    rows_per_program = cdiv(cdiv(n_rows, shares), rows) * rows
    # Triton 3.0 and 3.1 copy statistics behind the last row ahead as well, which may be NaN; 3.2 and 3.3 nobody has run
    stages = 1 if problem.device.compiled_before("3.4") else chosen.stages
    shape = {"BLOCK_N": chosen.block_n, "ROWS": rows, "SLICE": columns, "STAGES": stages}
    values = {"rows_per_program": rows_per_program, "n_partials": cdiv(n_rows, rows_per_program)}
    n_programs = min(n_rows, n_multiprocessors * chosen.programs) if problem.switches["NEED_DX"] else 0
    if problem.switches["NEED_DW"] or problem.switches["NEED_DB"]:
        n_programs += cdiv(n_cols, columns) * values["n_partials"]
    return problem.launch("_layer_norm_backward_wide_kernel", (n_programs,), chosen, shape, problem.switches, values)


BUILDERS: dict[str, Callable[[_Problem, Settings], list[Launch]]] = {
    "tile": _tiles,
    "packed": _packed,
    "split": _split,
    "pipelined": _pipelined,
    "ahead": _ahead,
    "pairs": _pairs,
    "wide": _wide,
    "unaligned": _unaligned,
}


def _reduce_launch(problem: _Problem, n_partials: int) -> Launch:
    n_cols, device = problem.n_cols, problem.device
    n_results = problem.switches["NEED_DW"] + problem.switches["NEED_DB"]
    rows = min(128 if n_partials > 256 else 64, next_power_of_2(n_partials))
    # enough programs to fill the device, each at least one memory sector wide
    block_n = max(16, min(REDUCE_TILE // rows, next_power_of_2(cdiv(n_cols, 2 * device.n_multiprocessors))))
    passes = cdiv(n_partials, rows) if device.unrolls else 0
    settings = Settings("tile", rows, block_n, 8 if rows > 64 else 4)
    shape = {
        **_tile(settings),
        "PASSES": passes if passes <= MOST_PASSES else 0,
        "DEPENDENT": device.has_dependent_launches,
    }
    grid, values = (cdiv(n_cols, block_n), n_results), {"n_partials": n_partials}
    return problem.launch(_REDUCE, grid, settings, shape, ["NEED_DW", "NEED_DB"], values)


def _tile(settings: Settings) -> dict[str, Any]:
    return {"ROWS": settings.rows, "BLOCK_N": settings.block_n}


def _check(n_rows: int, n_cols: int, dtype: str) -> None:
    if n_rows < 0:
        raise ValueError(f"n_rows is {n_rows}; it must be at least 0")
    if n_cols < 1:
        raise ValueError(f"n_cols is {n_cols}; it must be at least 1")
    if dtype not in BYTES:
        raise ValueError(f"dtype is {dtype!r}; it must be one of {', '.join(BYTES)}")
