# mypy: disable-error-code="attr-defined"
"""A LayerNorm backward kernel for long rows of 16 bits that programs share: two rows a pass.

Rows, their parts, what is copied ahead, and why no program waits for ever or reads a slot wrong: as in
layer_norm_ahead.py with BEHIND 1. But a pass takes two rows of its group, adds up all four of their sums in one
reduction, and finishes the two rows of the pass before. Of 16 bits a row has half the bytes, so that one row a pass
leaves too little time for its sums to arrive, and the warps wait for each other twice as often for as many bytes.
"""

import triton
import triton.language as tl

from .exchange import collect, peek, publish
from .layer_norm_ahead import statistic
from .loops import pipelined, with_loops
from .packed import as_words, half, half_after, hold, kept, pack_halves, zero_after
from .sums import sum_four

# lint: allow not-interpreted (no interpreter shares rows)


@triton.jit
def _products(dy, x, mean, X):
    """dy, and dy * (x - mean), of each half of the words."""
    dy_first = half(dy, X, 0)
    dy_second = half(dy, X, 1)
    x_first = dy_first * (half(x, X, 0) - mean)
    x_second = dy_second * (half(x, X, 1) - mean)
    return dy_first, dy_second, x_first, x_second


@triton.jit
def _weighted(first, second, w_first, w_second, W, zero, HAS_W: tl.constexpr):
    """w * first + w * second, or without a weight their sum."""
    if HAS_W:
        first = first * half_after(w_first, W, zero, 0)
        second = second * half_after(w_second, W, zero, 1)
    return first + second


@triton.jit
def _dx(dy, x, w_first, w_second, mean, rstd, c1, c2, X, W, dX, N_COLS: tl.constexpr, HAS_W: tl.constexpr):
    """Words of dx, of words of dy and x and the sums of their row."""
    zero = zero_after(c2, rstd)
    k2 = c2 * (1.0 / N_COLS) * rstd * rstd * rstd
    k1 = c1 * (1.0 / N_COLS) * rstd
    g_first = half_after(dy, X, zero, 0)
    g_second = half_after(dy, X, zero, 1)
    if HAS_W:
        g_first = g_first * half_after(w_first, W, zero, 0)
        g_second = g_second * half_after(w_second, W, zero, 1)
    dx_first = g_first * rstd - ((half_after(x, X, zero, 0) - mean) * k2 + k1)
    dx_second = g_second * rstd - ((half_after(x, X, zero, 1) - mean) * k2 + k1)
    return pack_halves(dx_first, dx_second, dX)


@with_loops
@triton.jit
def _layer_norm_backward_pairs_kernel(
    dY,
    X,
    W,
    Mean,
    RSTD,
    dX,
    dW_partial,
    dB_partial,
    Exchange,
    n_rows,
    N_COLS: tl.constexpr,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    BLOCK_N: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dx, and the program's share of dw and db, which stays in registers; group p // SPLIT takes every (number of
    groups)-th row, two of them a pass, program p PART of their columns.

    dY, X, dX                 [n_rows, N_COLS], fp16 / bf16, N_COLS even
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [groups, N_COLS], fp32
    Exchange                  [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings                  "pairs": BLOCK_N and STAGES are those of that name, SPLIT as many programs as hold a row,
                              PART their equal shares in multiples of 16 bytes, LANES lanes that read a row's slots;
                              programs bounds the grid
    Why                       long rows of 16 bits: half the waiting of warps and programs for each other

    LANES are at least a program's threads: then the warps add up together what they have read of a row's slots. While
    they do, no compiler moves one row's work into the other's, which takes more registers than there are.
    """
    row_words: tl.constexpr = N_COLS // 2
    part_words: tl.constexpr = PART // 2
    block_words: tl.constexpr = BLOCK_N // 2
    whole: tl.constexpr = N_COLS == SPLIT * BLOCK_N  # every lane of a block has a column
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    cols = part * part_words + inside
    mask = inside < part_words
    if N_COLS < SPLIT * PART:  # the last part is shorter
        mask = mask & (cols < row_words)
    lanes = tl.arange(0, LANES)
    dy_words = as_words(dY, 2)
    x_words = as_words(X, 2)
    w_first = mask  # of no use, and of no type that would be of any
    w_second = mask
    if HAS_W:
        w_first = hold(W, cols, mask, 2, 0, True)
        w_second = hold(W, cols, mask, 2, 1, True)
    dw_first = tl.zeros([1, block_words], tl.float32)
    dw_second = tl.zeros([1, block_words], tl.float32)
    db_first = tl.zeros([1, block_words], tl.float32)
    db_second = tl.zeros([1, block_words], tl.float32)
    behind = 0
    if NEED_DX:
        behind = 2 * n_groups
        mean_a = 0.0
        mean_b = 0.0
        rstd_a = 0.0
        rstd_b = 0.0
        dy_a = tl.zeros([1, block_words], tl.int32)
        dy_b = tl.zeros([1, block_words], tl.int32)
        x_a = tl.zeros([1, block_words], tl.int32)
        x_b = tl.zeros([1, block_words], tl.int32)
    # lint: allow not-portable (the name of tl.range or range, which every release takes)
    for number in pipelined(group, n_rows + behind, 2 * n_groups, num_stages=STAGES):
        row_0 = number + 0 * group  # in an interpreter a loop counts in numbers of Python, which have no type
        row_1 = row_0 + n_groups
        at_0 = row_0.to(tl.int64) * row_words + cols
        at_1 = row_1.to(tl.int64) * row_words + cols
        there_0 = mask & (row_0 + 0 * inside < n_rows)
        there_1 = mask & (row_1 + 0 * inside < n_rows)
        dy_0 = tl.load(dy_words + at_0, mask=there_0, other=0)
        x_0 = tl.load(x_words + at_0, mask=there_0, other=0)
        dy_1 = tl.load(dy_words + at_1, mask=there_1, other=0)
        x_1 = tl.load(x_words + at_1, mask=there_1, other=0)
        if NEED_DX:
            # where a row does not exist, the slots of the group's first row, which is there in the first pass
            row_a = row_0 - 2 * n_groups
            row_b = row_1 - 2 * n_groups
            slots_a = Exchange + tl.maximum(row_a, group).to(tl.int64) * SPLIT
            slots_b = Exchange + tl.where((row_b >= 0) & (row_b < n_rows), row_b, group).to(tl.int64) * SPLIT
            words_a = peek(slots_a, lanes, SPLIT)
            words_b = peek(slots_b, lanes, SPLIT)
        mean_0 = statistic(Mean, row_0, n_rows)
        rstd_0 = statistic(RSTD, row_0, n_rows)
        mean_1 = statistic(Mean, row_1, n_rows)
        rstd_1 = statistic(RSTD, row_1, n_rows)
        zero = (rstd_0 < 0.0).to(tl.int32)  # of which no compiler knows that no rstd is negative
        # dy is 0 in a masked column, and in a row that does not exist, so what x holds there adds nothing
        dy_00, dy_01, x_00, x_01 = _products(dy_0, x_0, mean_0, X)
        dy_10, dy_11, x_10, x_11 = _products(dy_1, x_1, mean_1, X)
        if NEED_DW:
            dw_first += x_00 * rstd_0
            dw_first += x_10 * rstd_1
            dw_second += x_01 * rstd_0
            dw_second += x_11 * rstd_1
        if NEED_DB:
            db_first += dy_00
            db_first += dy_10
            db_second += dy_01
            db_second += dy_11
        if not whole:
            # what is 0 throughout takes neither registers nor instructions
            dw_first = tl.where(mask, dw_first, 0.0)
            db_first = tl.where(mask, db_first, 0.0)
            dw_second = tl.where(mask, dw_second, 0.0)
            db_second = tl.where(mask, db_second, 0.0)
        if NEED_DX:
            total_0, products_0, total_1, products_1 = sum_four(
                _weighted(dy_00, dy_01, w_first, w_second, W, zero, HAS_W),
                _weighted(x_00, x_01, w_first, w_second, W, zero, HAS_W),
                _weighted(dy_10, dy_11, w_first, w_second, W, zero, HAS_W),
                _weighted(x_10, x_11, w_first, w_second, W, zero, HAS_W),
            )
            publish(Exchange + row_0.to(tl.int64) * SPLIT + part, total_0, products_0, row_0 < n_rows)
            publish(Exchange + row_1.to(tl.int64) * SPLIT + part, total_1, products_1, row_1 < n_rows)
            at_a = row_a.to(tl.int64) * row_words + cols
            at_b = row_b.to(tl.int64) * row_words + cols
            there_a = mask & (row_a + 0 * inside >= 0)
            there_b = mask & (row_b + 0 * inside >= 0) & (row_b + 0 * inside < n_rows)
            total, products = collect(words_a, slots_a, lanes, SPLIT)
            dx = _dx(dy_a, x_a, w_first, w_second, mean_a, rstd_a, total, products, X, W, dX, N_COLS, HAS_W)
            tl.store(as_words(dX, 2) + at_a, dx, mask=there_a)
            total, products = collect(words_b, slots_b, lanes, SPLIT)
            dx = _dx(dy_b, x_b, w_first, w_second, mean_b, rstd_b, total, products, X, W, dX, N_COLS, HAS_W)
            tl.store(as_words(dX, 2) + at_b, dx, mask=there_b)
            mean_a = kept(mean_0)
            mean_b = kept(mean_1)
            rstd_a = kept(rstd_0)
            rstd_b = kept(rstd_1)
            dy_a = kept(dy_0)
            dy_b = kept(dy_1)
            x_a = kept(x_0)
            x_b = kept(x_1)
    partial = group.to(tl.int64) * N_COLS + 2 * cols
    if NEED_DW:
        tl.store(dW_partial + partial, dw_first, mask=mask)
        tl.store(dW_partial + (partial + 1), dw_second, mask=mask)
    if NEED_DB:
        tl.store(dB_partial + partial, db_first, mask=mask)
        tl.store(dB_partial + (partial + 1), db_second, mask=mask)
