"""Backward kernels of LayerNorm.

With xhat = (x - mean) * rstd and g = w * dy, per row:
    dx = rstd * (g - mean(g) - xhat * mean(g * xhat))
and over all rows:
    dw = sum(dy * xhat),  db = sum(dy)

No atomics: every program writes its share of dw and db to its own partial row, and one small kernel adds the partial
rows in a fixed order, so that a repeat gives the same bits.

Tensors are contiguous. N_COLS is a constant of every kernel, as in forward. NEED_DX, NEED_DW and NEED_DB say which
results are wanted; nothing is computed for the others.
"""

import triton
import triton.language as tl

from .loops import pipelined, with_loops
from .sums import add_two


@triton.jit
def _load_rows(pointer, rows, n_rows, cols, N_COLS: tl.constexpr):
    mask = tl.expand_dims(rows < n_rows, 1) & (cols < N_COLS)
    return tl.load(pointer + (tl.expand_dims(rows * N_COLS, 1) + cols), mask=mask, other=0.0)


@with_loops
@triton.jit
def _layer_norm_backward_kernel(
    dY,
    X,
    W,
    Mean,
    RSTD,
    dX,
    dW_partial,
    dB_partial,
    n_rows,
    N_COLS: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    PREFETCH: tl.constexpr,
    STAGES: tl.constexpr,
    KEEP_W: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dx of ROWS whole rows at a time, and the program's share of dw and db, which stays in registers throughout.

    dY, X, dX                 [n_rows, N_COLS], fp32 / fp16 / bf16
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [programs, N_COLS], fp32
    Settings                  "tile": ROWS, BLOCK_N, PREFETCH, STAGES and KEEP_W are those of that name; programs
                              bounds the grid
    Why                       the default: such a row is read once, and dw and db leave the registers once a program

    The next tiles are under way, in their own dtype, while this one is worked on: STAGES - 1 of them are copied to
    shared memory (loops.py), or PREFETCH of them, 0 to 2, are loaded into registers. With KEEP_W w stays in registers
    too; otherwise every step reads it again, out of the L1.
    """
    step = tl.num_programs(0) * ROWS
    cols = tl.expand_dims(tl.arange(0, BLOCK_N), 0)
    col_mask = cols < N_COLS
    if HAS_W and KEEP_W:
        w = tl.load(W + cols, mask=col_mask, other=0.0)
    dw = tl.zeros([ROWS, BLOCK_N], tl.float32)
    db = tl.zeros([ROWS, BLOCK_N], tl.float32)

    lanes = tl.full([ROWS], 0, tl.int64) + tl.arange(0, ROWS)
    if PREFETCH > 0:
        dy_next = _load_rows(dY, lanes + tl.program_id(0) * ROWS, n_rows, cols, N_COLS)
        x_next = _load_rows(X, lanes + tl.program_id(0) * ROWS, n_rows, cols, N_COLS)
    if PREFETCH > 1:
        dy_later = _load_rows(dY, lanes + tl.program_id(0) * ROWS + step, n_rows, cols, N_COLS)
        x_later = _load_rows(X, lanes + tl.program_id(0) * ROWS + step, n_rows, cols, N_COLS)

    for start in pipelined(tl.program_id(0) * ROWS, n_rows, step, num_stages=STAGES):
        rows = lanes + start
        row_mask = rows < n_rows
        mask = tl.expand_dims(row_mask, 1) & col_mask
        offsets = tl.expand_dims(rows * N_COLS, 1) + cols
        if PREFETCH > 0:
            dy = dy_next.to(tl.float32)
            x = x_next.to(tl.float32)
            dy_coming = _load_rows(dY, rows + step * PREFETCH, n_rows, cols, N_COLS)
            x_coming = _load_rows(X, rows + step * PREFETCH, n_rows, cols, N_COLS)
            if PREFETCH > 1:
                dy_next = dy_later
                x_next = x_later
                dy_later = dy_coming
                x_later = x_coming
            else:
                dy_next = dy_coming
                x_next = x_coming
        else:
            dy = _load_rows(dY, rows, n_rows, cols, N_COLS).to(tl.float32)
            x = _load_rows(X, rows, n_rows, cols, N_COLS).to(tl.float32)
        mean = tl.load(Mean + rows, mask=row_mask, other=0.0)
        rstd = tl.load(RSTD + rows, mask=row_mask, other=0.0)
        if STAGES > 1 and ROWS > 1:
            # Triton 3.0 and 3.1 copy up to 16 bytes ahead under the mask of the first row in them: what lies behind the
            # last row comes with it, and may be a NaN
            mean = tl.where(row_mask, mean, 0.0)
            rstd = tl.where(row_mask, rstd, 0.0)
        mean = tl.expand_dims(mean, 1)
        rstd = tl.expand_dims(rstd, 1)
        xhat = (x - mean) * rstd
        # what is 0 throughout, in columns that do not exist, takes no registers
        if NEED_DW:
            dw = tl.where(col_mask, dw + dy * xhat, 0.0)
        if NEED_DB:
            db = tl.where(col_mask, db + dy, 0.0)
        if NEED_DX:
            # Triton 2.3.1's compiler crashes on a reduction of the value that a loop carries; the sum is another one
            g = dy + 0.0
            if HAS_W:
                if not KEEP_W:
                    w = tl.load(W + cols, mask=col_mask, other=0.0)
                g = dy * w.to(tl.float32)
            # dy is 0 in a masked column, so what xhat holds there adds nothing
            if STAGES > 1:
                # one reduction, so that the warps wait for each other once; Triton 2.3.1's interpreter has no such one
                total, products = tl.reduce((g, g * xhat), 1, add_two)
            else:
                total = tl.sum(g, axis=1)
                products = tl.sum(g * xhat, axis=1)
            c1 = tl.expand_dims(total / N_COLS, 1)
            c2 = tl.expand_dims(products / N_COLS, 1)
            dx = (g - c1 - xhat * c2) * rstd
            tl.store(dX + offsets, dx.to(dX.dtype.element_ty), mask=mask)

    partial_offsets = tl.expand_dims(tl.full([1], 1, tl.int64) * tl.program_id(0) * N_COLS, 1) + cols
    if NEED_DW:
        tl.store(dW_partial + partial_offsets, tl.expand_dims(tl.sum(dw, axis=0), 0), mask=col_mask)
    if NEED_DB:
        tl.store(dB_partial + partial_offsets, tl.expand_dims(tl.sum(db, axis=0), 0), mask=col_mask)


@with_loops
@triton.jit
def _layer_norm_backward_wide_kernel(
    dY,
    X,
    W,
    Mean,
    RSTD,
    dX,
    dW_partial,
    dB_partial,
    dW,
    dB,
    n_rows,
    rows_per_program,
    n_partials,
    N_COLS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    ROWS: tl.constexpr,
    SLICE: tl.constexpr,
    STAGES: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dw and db by slices of SLICE columns, each of rows_per_program rows; beside them dx, row by row.

    dY, X, dX                 [n_rows, N_COLS], fp32 / fp16 / bf16
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [n_partials, N_COLS], fp32; written where n_partials is above 1
    dW                        [N_COLS], W's dtype; written where n_partials is 1, as dB is
    dB                        [N_COLS], B's dtype
    Settings                  "wide": BLOCK_N is block_n, STAGES stages, programs bounds those of dx. Where rows is
                              above 1 it is ROWS, and a program adds all rows of its slice. Else dx is a launch, and dw
                              and db are one whose ROWS, SLICE and rows_per_program the plan chooses by itself
    Why                       few rows: all of backward is one launch. And rows too wide for registers, where no
                              programs may share one: a share of dw and db as wide as the row has no place beside it

    The first programs have dw and db, n_partials for each slice; the others have dx.
    """
    program = tl.program_id(0)
    n_slices: tl.constexpr = (N_COLS + SLICE - 1) // SLICE
    n_adding = 0
    if NEED_DW or NEED_DB:
        n_adding = n_partials * n_slices
        # a loop of one pass or none, where an `if` would do: Triton 2.3.1's interpreter takes every `if` of a tensor
        for number in range(program, n_adding, tl.num_programs(0)):
            share = number // n_slices
            cols = tl.expand_dims(number % n_slices * SLICE + tl.arange(0, SLICE), 0)
            dw = tl.zeros([ROWS, SLICE], tl.float32)
            db = tl.zeros([ROWS, SLICE], tl.float32)
            first = tl.full([ROWS], 1, tl.int64) * share * rows_per_program + tl.arange(0, ROWS)
            for start in pipelined(0, rows_per_program, ROWS, num_stages=STAGES):
                rows = first + start
                dy = _load_rows(dY, rows, n_rows, cols, N_COLS).to(tl.float32)
                if NEED_DW:
                    x = _load_rows(X, rows, n_rows, cols, N_COLS).to(tl.float32)
                    mean = tl.expand_dims(tl.load(Mean + rows, mask=rows < n_rows, other=0.0), 1)
                    rstd = tl.expand_dims(tl.load(RSTD + rows, mask=rows < n_rows, other=0.0), 1)
                    dw += dy * ((x - mean) * rstd)
                if NEED_DB:
                    db += dy
            if NEED_DW:
                _store_share(dW_partial, dW, dw, share, n_partials, cols, N_COLS)
            if NEED_DB:
                _store_share(dB_partial, dB, db, share, n_partials, cols, N_COLS)
    if NEED_DX:
        first_row = tl.where(program < n_adding, n_rows, program - n_adding)
        for row in range(first_row, n_rows, tl.num_programs(0) - n_adding):
            _dx_in_chunks(dY, X, W, Mean, RSTD, dX, row, N_COLS, BLOCK_N, HAS_W)


@triton.jit
def _store_share(partial, result, tile, share, n_partials, cols, N_COLS: tl.constexpr):
    """The sum of the tile's rows: a partial row, or the only one and so the result."""
    total = tl.expand_dims(tl.sum(tile, axis=0), 0)
    mask = cols < N_COLS
    tl.store(result + cols, total.to(result.dtype.element_ty), mask=mask & (cols * 0 + n_partials == 1))
    start = tl.expand_dims(tl.full([1], 1, tl.int64) * share * N_COLS, 1)
    tl.store(partial + (start + cols), total, mask=mask & (cols * 0 + n_partials > 1))


@triton.jit
def _dx_in_chunks(dY, X, W, Mean, RSTD, dX, row, N_COLS: tl.constexpr, BLOCK_N: tl.constexpr, HAS_W: tl.constexpr):
    """dx of one row. Its second read goes from the end to the start: what was read last is what the L2 still holds."""
    lanes = tl.expand_dims(tl.arange(0, BLOCK_N), 0)
    n_chunks: tl.constexpr = (N_COLS + BLOCK_N - 1) // BLOCK_N
    rows = tl.full([1], 0, tl.int64) + row
    row_start = tl.expand_dims(rows * N_COLS, 1)
    mean = tl.expand_dims(tl.load(Mean + rows), 1)
    rstd = tl.expand_dims(tl.load(RSTD + rows), 1)

    lane_c1 = tl.zeros([1, BLOCK_N], tl.float32)
    lane_c2 = tl.zeros([1, BLOCK_N], tl.float32)
    for chunk in range(n_chunks):
        cols = lanes + chunk * BLOCK_N
        mask = cols < N_COLS
        g = tl.load(dY + row_start + cols, mask=mask, other=0.0).to(tl.float32)
        x = tl.load(X + row_start + cols, mask=mask, other=0.0).to(tl.float32)
        if HAS_W:
            g = g * tl.load(W + cols, mask=mask, other=0.0).to(tl.float32)
        # g is 0 in a masked column, so what xhat holds there adds nothing
        lane_c1 += g
        lane_c2 += g * ((x - mean) * rstd)
    c1 = tl.expand_dims(tl.sum(lane_c1, axis=1) / N_COLS, 1)
    c2 = tl.expand_dims(tl.sum(lane_c2, axis=1) / N_COLS, 1)

    for chunk in range(n_chunks):
        cols = lanes + (n_chunks - 1 - chunk) * BLOCK_N
        mask = cols < N_COLS
        g = tl.load(dY + row_start + cols, mask=mask, other=0.0).to(tl.float32)
        x = tl.load(X + row_start + cols, mask=mask, other=0.0).to(tl.float32)
        if HAS_W:
            g = g * tl.load(W + cols, mask=mask, other=0.0).to(tl.float32)
        dx = (g - c1 - (x - mean) * rstd * c2) * rstd
        tl.store(dX + row_start + cols, dx.to(dX.dtype.element_ty), mask=mask)


@triton.jit
def _add_partials(
    partial, result, first, n_partials, cols, N_COLS: tl.constexpr, ROWS: tl.constexpr, PASSES: tl.constexpr
):  # fmt: skip
    lanes = first + tl.arange(0, ROWS)
    total = _load_rows(partial, lanes, n_partials, cols, N_COLS)
    if PASSES == 0:
        for start in range(ROWS, n_partials, ROWS):
            total += _load_rows(partial, lanes + start, n_partials, cols, N_COLS)
    elif PASSES > 1:
        # the compiler, which knows how many there are, has all rows on the way before it adds any
        for number in tl.static_range(1, PASSES):
            total += _load_rows(partial, lanes + number * ROWS, n_partials, cols, N_COLS)
    total = tl.expand_dims(tl.sum(total, axis=0), 0)
    tl.store(result + cols, total.to(result.dtype.element_ty), mask=cols < N_COLS)


@triton.jit
def _layer_norm_backward_reduce_kernel(
    dW_partial,
    dB_partial,
    dW,
    dB,
    n_partials,
    N_COLS: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    PASSES: tl.constexpr,
    DEPENDENT: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dw and db out of their partial rows: program (c, r) adds BLOCK_N columns of result r, in a fixed order.

    dW_partial, dB_partial    [n_partials, N_COLS], fp32
    dW                        [N_COLS], W's dtype
    dB                        [N_COLS], B's dtype
    Settings                  every kind of backward ends in it; the plan chooses ROWS, BLOCK_N and PASSES, how often
                              ROWS partial rows are added (0: in a loop), by itself
    Why                       without atomics a repeat gives the same bits

    Of the results that are wanted dw is the first, and db the last. DEPENDENT: the launch is a dependent one, whose
    programs can start before the launch that leaves the partial rows has ended, and wait here until it has.
    """
    cols = tl.expand_dims(tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N), 0)
    result = tl.program_id(1)
    first = tl.full([ROWS], 0, tl.int64)
    if DEPENDENT:
        # the rows come out of it, so that no compiler loads any before
        first += tl.inline_asm_elementwise(
            "griddepcontrol.wait; mov.b32 $0, 0;", "=r", [], dtype=tl.int32, is_pure=False, pack=1
        )
    if NEED_DW:
        if result == 0:
            _add_partials(dW_partial, dW, first, n_partials, cols, N_COLS, ROWS, PASSES)
    if NEED_DB:
        if result == tl.num_programs(1) - 1:
            _add_partials(dB_partial, dB, first, n_partials, cols, N_COLS, ROWS, PASSES)
