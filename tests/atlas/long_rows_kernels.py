# mypy: disable-error-code="attr-defined"
"""Kernels for long rows that tests/atlas/long_rows.py times; those that win go to liger_kernel/kernels."""

import triton
import triton.language as tl

from liger_kernel.kernels.exchange import collect, peek, publish
from liger_kernel.kernels.loops import pipelined, with_loops
from liger_kernel.kernels.packed import as_words, half, half_after, hold, kept, load_halves, pack_halves
from liger_kernel.kernels.sums import sum_both, sum_four

# lint: allow not-interpreted (no interpreter runs the kernels of this file)
SAMPLE = tl.constexpr(32)  # words of a row whose mean its sums are taken about


@triton.jit
def _origin(words, X):
    return tl.sum(half(words, X, 0) + half(words, X, 1), axis=0) / (2 * SAMPLE)


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
    offset = total * (1.0 / N_COLS)
    variance = tl.maximum(squares * (1.0 / N_COLS) - offset * offset, 0.0)
    rstd = 1 / tl.sqrt(variance + eps)
    mean = origin + offset
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
        origin_0 = _origin(sample_0, X)
        origin_1 = _origin(sample_1, X)
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


@triton.jit
def _load_next(x_words, cols, there, mask, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, block: tl.constexpr):
    """Words of a chunk of the program's part of a row; of a chunk that it does not have, zeros."""
    if CHUNK < CHUNKS:
        words = tl.load(x_words + (cols + CHUNK * block), mask=mask & there, other=0)
    else:
        words = tl.zeros(cols.shape, x_words.dtype.element_ty)
    return words


@triton.jit
def _add_chunk(total, squares, words, origin, mask, X, PACK: tl.constexpr, WHOLE: tl.constexpr):
    """Both sums about the origin, for each word of a chunk, with this chunk's elements added."""
    if PACK == 2:
        first = _about(words, origin, mask, X, 0, WHOLE)
        second = _about(words, origin, mask, X, 1, WHOLE)
        total += first
        total += second
        squares += first * first
        squares += second * second
    else:
        first = words - origin
        if not WHOLE:
            first = tl.where(mask, first, 0.0)
        total += first
        squares += first * first
    return total, squares


@triton.jit
def _store_chunk(words, X, W, B, y_words, cols, inside, mask, mean, rstd, PACK: tl.constexpr):
    """y of the words at `inside` of the program's part, which are at `cols` of the row.

    (x - mean) * rstd is x * rstd - mean * rstd where x has 16 bits: one instruction, and what mean * rstd loses is less
    than y's rounding as long as such an x can tell its row's elements apart.
    """
    if PACK == 2:
        shift = -mean * rstd
        zero = (rstd < 0.0).to(tl.int32)
        w_first, w_second = load_halves(W, cols, mask, True)
        b_first, b_second = load_halves(B, cols, mask, True)
        first = (half_after(words, X, zero, 0) * rstd + shift) * w_first + b_first
        second = (half_after(words, X, zero, 1) * rstd + shift) * w_second + b_second
        tl.store(y_words + inside, pack_halves(first, second, X), mask=mask)
    else:
        w = tl.load(W + cols, mask=mask, other=0.0).to(tl.float32)
        b = tl.load(B + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(y_words + inside, (words - mean) * rstd * w + b, mask=mask)


@with_loops
@triton.jit(do_not_specialize=["n_rows"])
def forward_held(
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
    CHUNKS: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    PACK: tl.constexpr,
):
    """The product's forward of kind "packed", of fp32 too, by programs that copy their next row ahead.

    Registers hold a row, shared memory the next one: a multiprocessor has 128 KiB for either. So one program can take a
    row of 65536 elements of 16 bits, or of 32768 of fp32. SPLIT programs share a longer one, PART columns each, held as
    CHUNKS chunks of BLOCK_N, of which there are up to 4. w and b are read anew for each row.
    """
    part_words: tl.constexpr = PART // PACK
    block: tl.constexpr = BLOCK_N // PACK
    whole: tl.constexpr = PART == CHUNKS * BLOCK_N
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block), 0)
    cols = part * part_words + inside
    in_0 = inside < part_words
    in_1 = inside + 1 * block < part_words
    in_2 = inside + 2 * block < part_words
    in_3 = inside + 3 * block < part_words
    lanes = tl.arange(0, LANES)
    sampled = tl.arange(0, SAMPLE)
    # lint: allow not-portable (the name of tl.range or range, which every release takes)
    for number in pipelined(group, n_rows, tl.num_programs(0) // SPLIT, num_stages=STAGES):
        row = number + 0 * group  # in an interpreter a loop counts in numbers of Python, which have no type
        start = row.to(tl.int64) * (N_COLS // PACK)
        x_words = as_words(X, PACK) + start + part * part_words
        there = row + 0 * inside >= 0
        x_0 = _load_next(x_words, inside, there, in_0, 0, CHUNKS, block)
        x_1 = _load_next(x_words, inside, there, in_1, 1, CHUNKS, block)
        x_2 = _load_next(x_words, inside, there, in_2, 2, CHUNKS, block)
        x_3 = _load_next(x_words, inside, there, in_3, 3, CHUNKS, block)
        sample = tl.load((as_words(X, PACK) + start) + sampled)
        origin = _origin(sample, X) if PACK == 2 else tl.sum(sample, axis=0) / SAMPLE
        total = tl.zeros([1, block], tl.float32)
        squares = tl.zeros([1, block], tl.float32)
        total, squares = _add_chunk(total, squares, x_0, origin, in_0, X, PACK, whole)
        if CHUNKS > 1:
            total, squares = _add_chunk(total, squares, x_1, origin, in_1, X, PACK, whole)
        if CHUNKS > 2:
            total, squares = _add_chunk(total, squares, x_2, origin, in_2, X, PACK, whole)
        if CHUNKS > 3:
            total, squares = _add_chunk(total, squares, x_3, origin, in_3, X, PACK, whole)
        total, squares = sum_both(total, squares)
        slots = Exchange + row.to(tl.int64) * SPLIT
        if SPLIT > 1:
            publish(slots + part, total, squares, row >= 0)
        # in a block of its own: no load there is copied ahead, and the next row's copies start before it
        if row >= 0:
            if SPLIT > 1:
                total, squares = collect(peek(slots, lanes, SPLIT), slots, lanes, SPLIT)
            offset = total * (1.0 / N_COLS)
            rstd = 1 / tl.sqrt(tl.maximum(squares * (1.0 / N_COLS) - offset * offset, 0.0) + eps)
            mean = origin + offset
            tl.store(Mean + row, mean, mask=part == 0)
            tl.store(RSTD + row, rstd, mask=part == 0)
            y_words = as_words(Y, PACK) + start + part * part_words
            _store_chunk(x_0, X, W, B, y_words, cols, inside, in_0, mean, rstd, PACK)
            if CHUNKS > 1:
                at = 1 * block
                _store_chunk(x_1, X, W, B, y_words, cols + at, inside + at, in_1, mean, rstd, PACK)
            if CHUNKS > 2:
                at = 2 * block
                _store_chunk(x_2, X, W, B, y_words, cols + at, inside + at, in_2, mean, rstd, PACK)
            if CHUNKS > 3:
                at = 3 * block
                _store_chunk(x_3, X, W, B, y_words, cols + at, inside + at, in_3, mean, rstd, PACK)
