# mypy: disable-error-code="attr-defined"
"""A kernel for long rows that tests/atlas/long_rows.py times; one that wins goes to liger_kernel/kernels."""

import triton
import triton.language as tl

from liger_kernel.kernels.exchange import collect, peek, publish
from liger_kernel.kernels.loops import pipelined, with_loops
from liger_kernel.kernels.packed import SAMPLE, as_words, half, half_after, hold, kept, mean_of_sample, pack_halves
from liger_kernel.kernels.sums import sum_four, variance_about


@triton.jit
def _about(words, origin, mask, X, HALF: tl.constexpr, WHOLE: tl.constexpr):
    x = half(words, X, HALF) - origin
    if not WHOLE:
        x = tl.where(mask, x, 0.0)
    return x


@triton.jit
def _finish_forward(
    x, origin, total, squares, w_first, w_second, b_first, b_second, X, W, B, Y, Mean, RSTD, row, there, eps, part,
    cols, mask, inside, N_COLS: tl.constexpr,
):  # fmt: skip
    rstd = 1 / tl.sqrt(variance_about(total, squares, N_COLS) + eps)
    mean = origin + total * (1.0 / N_COLS)
    tl.store(Mean + row, mean, mask=(part == 0) & there)
    tl.store(RSTD + row, rstd, mask=(part == 0) & there)
    zero = (rstd < 0.0).to(tl.int32)
    y0 = (half_after(x, X, zero, 0) - mean) * rstd
    y1 = (half_after(x, X, zero, 1) - mean) * rstd
    y0 = y0 * half_after(w_first, W, zero, 0) + half_after(b_first, B, zero, 0)
    y1 = y1 * half_after(w_second, W, zero, 1) + half_after(b_second, B, zero, 1)
    out = as_words(Y, 2) + (row.to(tl.int64) * (N_COLS // 2) + cols)
    tl.store(out, pack_halves(y0, y1, Y), mask=mask & (there & (inside >= 0)))


@with_loops
@triton.jit(do_not_specialize=["n_rows"])
def forward_pairs(
    X,
    W,
    B,
    Y,
    Mean,
    RSTD,
    Exchange,
    n_rows,
    eps,
    N_COLS: tl.constexpr,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    BLOCK_N: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    PACK: tl.constexpr,
    BEHIND: tl.constexpr,
):
    """The product's forward of kind "ahead", of words of two elements, but two rows a pass share one reduction."""
    row_words: tl.constexpr = N_COLS // 2
    block_words: tl.constexpr = BLOCK_N // 2
    whole: tl.constexpr = PART == BLOCK_N
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    mask = inside < PART // 2
    cols = part * (PART // 2) + inside
    lanes = tl.arange(0, LANES)
    x_words = as_words(X, 2)
    w_first = hold(W, cols, mask, 2, 0, True)
    b_first = hold(B, cols, mask, 2, 0, True)
    w_second = hold(W, cols, mask, 2, 1, True)
    b_second = hold(B, cols, mask, 2, 1, True)
    sampled = tl.arange(0, SAMPLE)
    origin_a = 0.0
    origin_b = 0.0
    x_a = tl.zeros([1, block_words], tl.int32)
    x_b = tl.zeros([1, block_words], tl.int32)
    for number in pipelined(group, n_rows + 2 * n_groups, 2 * n_groups, num_stages=STAGES):
        row_0 = number
        row_1 = number + n_groups
        start_0 = row_0.to(tl.int64) * row_words
        start_1 = row_1.to(tl.int64) * row_words
        x_0 = tl.load(x_words + (start_0 + cols), mask=mask & (row_0 + 0 * inside < n_rows), other=0)
        x_1 = tl.load(x_words + (start_1 + cols), mask=mask & (row_1 + 0 * inside < n_rows), other=0)
        sample_0 = tl.load(x_words + (start_0 + sampled), mask=row_0 + 0 * sampled < n_rows, other=0)
        sample_1 = tl.load(x_words + (start_1 + sampled), mask=row_1 + 0 * sampled < n_rows, other=0)
        old_a = row_0 - 2 * n_groups
        old_b = row_1 - 2 * n_groups
        slots_a = Exchange + tl.maximum(old_a, group).to(tl.int64) * SPLIT
        slots_b = Exchange + tl.where((old_b >= 0) & (old_b < n_rows), old_b, group).to(tl.int64) * SPLIT
        words_a = peek(slots_a, lanes, SPLIT)
        words_b = peek(slots_b, lanes, SPLIT)
        origin_0 = mean_of_sample(sample_0, X, 2)
        origin_1 = mean_of_sample(sample_1, X, 2)
        x_00 = _about(x_0, origin_0, mask, X, 0, whole)
        x_01 = _about(x_0, origin_0, mask, X, 1, whole)
        x_10 = _about(x_1, origin_1, mask, X, 0, whole)
        x_11 = _about(x_1, origin_1, mask, X, 1, whole)
        s1_0, s2_0, s1_1, s2_1 = sum_four(
            x_00 + x_01, x_00 * x_00 + x_01 * x_01, x_10 + x_11, x_10 * x_10 + x_11 * x_11
        )
        publish(Exchange + row_0.to(tl.int64) * SPLIT + part, s1_0, s2_0, row_0 < n_rows)
        publish(Exchange + row_1.to(tl.int64) * SPLIT + part, s1_1, s2_1, row_1 < n_rows)
        total, squares = collect(words_a, slots_a, lanes, SPLIT)
        _finish_forward(
            x_a, origin_a, total, squares, w_first, w_second, b_first, b_second, X, W, B, Y, Mean, RSTD, old_a,
            old_a >= 0, eps, part, cols, mask, inside, N_COLS,
        )  # fmt: skip
        total, squares = collect(words_b, slots_b, lanes, SPLIT)
        _finish_forward(
            x_b, origin_b, total, squares, w_first, w_second, b_first, b_second, X, W, B, Y, Mean, RSTD, old_b,
            (old_b >= 0) & (old_b < n_rows), eps, part, cols, mask, inside, N_COLS,
        )  # fmt: skip
        x_a = kept(x_0)
        x_b = kept(x_1)
        origin_a = kept(origin_0)
        origin_b = kept(origin_1)
