# mypy: disable-error-code="attr-defined"
# inside a kernel `program_id` is a Triton scalar, which has `.to`
"""A LayerNorm forward kernel for rows of 16-bit elements that are kept packed, two to a register (packed.py).

A row of 49152 elements so fits into the registers of one program, 24 words in each of 1024 threads: it is read once and
written once, and no program waits for another. Every pass over the row unpacks the words anew. What a pass unpacks is
not kept, because the next pass reads the words through a zero that only the pass before it gives.
"""

import triton
import triton.language as tl

from .ends import body_start, end_columns, head_and_body
from .packed import as_words, half, load_halves, not_before, pack_halves, zero_unless_nan
from .sums import add_two


@triton.jit
def _sum_of(words, origin, mask, pointer):
    """element - origin, the two of each word added up, in fp32; 0 where masked."""
    return tl.where(mask, (half(words, pointer, 0) - origin) + (half(words, pointer, 1) - origin), 0.0)


@triton.jit
def _squares_of(words, mean, mask, pointer):
    """(element - mean) ** 2, the two of each word added up; 0 where masked."""
    first = half(words, pointer, 0) - mean
    second = half(words, pointer, 1) - mean
    return tl.where(mask, first * first + second * second, 0.0)


@triton.jit
def _store_chunk(
    Y, y_words, W, B, words, cols, mask, mean, rstd, HAS_W: tl.constexpr, HAS_B: tl.constexpr, WORDS: tl.constexpr
):
    first = (half(words, Y, 0) - mean) * rstd
    second = (half(words, Y, 1) - mean) * rstd
    if HAS_W:
        w_first, w_second = load_halves(W, cols, mask, WORDS)
        first = first * w_first
        second = second * w_second
    if HAS_B:
        b_first, b_second = load_halves(B, cols, mask, WORDS)
        first = first + b_first
        second = second + b_second
    tl.store(y_words + cols, pack_halves(first, second, Y), mask=mask)


@triton.jit
def _load_chunk(x_words, cols, row_words, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, block: tl.constexpr):
    """Words of a chunk; of one that the row does not have, zeros, which the compiler drops."""
    if CHUNK < CHUNKS:
        words = tl.load(x_words + (cols + CHUNK * block), mask=cols + CHUNK * block < row_words, other=0)
    else:
        words = tl.zeros(cols.shape, tl.int32)
    return words


@triton.jit
def _layer_norm_forward_packed_kernel(
    X,
    W,
    B,
    Y,
    Mean,
    RSTD,
    n_rows,
    eps,
    N_COLS: tl.constexpr,
    CHUNKS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    ALIGN: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd of one row a program, held as CHUNKS chunks of BLOCK_N elements, of which there are up to 6.

    X, Y          [n_rows, N_COLS], fp16 / bf16, N_COLS even where ALIGN is 1
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Settings      "packed": BLOCK_N is block_n, CHUNKS as many as hold the row, or its body (ends.py) where ALIGN, the
                  elements in 16 bytes, is not 1
    Why           a row of up to 49152 elements fits into the registers of one program

    The last pass goes chunk by chunk, so that w and b of one chunk alone are in registers.
    """
    block: tl.constexpr = BLOCK_N // 2
    in_words: tl.constexpr = N_COLS % 2 == 0  # w and b can be read as words
    row = tl.program_id(0).to(tl.int64)
    if ALIGN == 1:
        row_words: tl.constexpr = N_COLS // 2
        start = row * row_words
    else:
        head, body = head_and_body(tl.program_id(0), N_COLS, ALIGN)
        row_words = body // ALIGN * (ALIGN // 2)
        start = body_start(row, head, N_COLS, ALIGN) // ALIGN * (ALIGN // 2)
        W += head
        B += head
        end_cols, end_mask = end_columns(head, body, N_COLS, ALIGN)
    x_words = as_words(X, 2) + start
    y_words = as_words(Y, 2) + start
    cols = tl.expand_dims(tl.arange(0, block), 0)
    # each chunk has a name of its own, since Triton before 3.3 has no tuple that a loop fills
    x0 = _load_chunk(x_words, cols, row_words, 0, CHUNKS, block)
    x1 = _load_chunk(x_words, cols, row_words, 1, CHUNKS, block)
    x2 = _load_chunk(x_words, cols, row_words, 2, CHUNKS, block)
    x3 = _load_chunk(x_words, cols, row_words, 3, CHUNKS, block)
    x4 = _load_chunk(x_words, cols, row_words, 4, CHUNKS, block)
    x5 = _load_chunk(x_words, cols, row_words, 5, CHUNKS, block)
    if ALIGN > 1:
        ends = tl.load(X + (row * N_COLS + end_cols), mask=end_mask, other=0.0).to(tl.float32)
        ends = tl.where(end_mask, ends - tl.load(X + row * N_COLS).to(tl.float32), 0.0)
        ends_sum, ends_squares = tl.reduce((ends, ends * ends), 0, add_two)
    # summed about the row's first element, so that a mean far from zero costs the sum no digits
    rows = tl.expand_dims(tl.arange(0, 1), 0).to(tl.int64) + row
    origin = tl.load(X + rows * N_COLS).to(tl.float32)
    total = _sum_of(x0, origin, cols < row_words, X)
    if CHUNKS > 1:
        total += _sum_of(x1, origin, cols + 1 * block < row_words, X)
    if CHUNKS > 2:
        total += _sum_of(x2, origin, cols + 2 * block < row_words, X)
    if CHUNKS > 3:
        total += _sum_of(x3, origin, cols + 3 * block < row_words, X)
    if CHUNKS > 4:
        total += _sum_of(x4, origin, cols + 4 * block < row_words, X)
    if CHUNKS > 5:
        total += _sum_of(x5, origin, cols + 5 * block < row_words, X)
    total = tl.sum(total, axis=1)
    if ALIGN > 1:
        total += ends_sum
    mean = origin + tl.expand_dims(total / N_COLS, 1)
    zero = zero_unless_nan(mean)
    x0 = not_before(x0, zero, 2)
    x1 = not_before(x1, zero, 2)
    x2 = not_before(x2, zero, 2)
    x3 = not_before(x3, zero, 2)
    x4 = not_before(x4, zero, 2)
    x5 = not_before(x5, zero, 2)
    squares = _squares_of(x0, mean, cols < row_words, X)
    if CHUNKS > 1:
        squares += _squares_of(x1, mean, cols + 1 * block < row_words, X)
    if CHUNKS > 2:
        squares += _squares_of(x2, mean, cols + 2 * block < row_words, X)
    if CHUNKS > 3:
        squares += _squares_of(x3, mean, cols + 3 * block < row_words, X)
    if CHUNKS > 4:
        squares += _squares_of(x4, mean, cols + 4 * block < row_words, X)
    if CHUNKS > 5:
        squares += _squares_of(x5, mean, cols + 5 * block < row_words, X)
    squares = tl.sum(squares, axis=1)
    if ALIGN > 1:
        offset = tl.sum(total, axis=0) / N_COLS
        squares += ends_squares - offset * (2 * ends_sum - offset * (N_COLS - body))
    row_rstd = 1 / tl.sqrt(squares / N_COLS + eps)
    rstd = tl.expand_dims(row_rstd, 1)
    tl.store(Mean + rows, mean)
    tl.store(RSTD + rows, rstd)

    zero = zero_unless_nan(rstd)
    _store_chunk(Y, y_words, W, B, not_before(x0, zero, 2), cols, cols < row_words, mean, rstd, HAS_W, HAS_B, in_words)
    if CHUNKS > 1:
        at = cols + 1 * block
        _store_chunk(Y, y_words, W, B, not_before(x1, zero, 2), at, at < row_words, mean, rstd, HAS_W, HAS_B, in_words)
    if CHUNKS > 2:
        at = cols + 2 * block
        _store_chunk(Y, y_words, W, B, not_before(x2, zero, 2), at, at < row_words, mean, rstd, HAS_W, HAS_B, in_words)
    if CHUNKS > 3:
        at = cols + 3 * block
        _store_chunk(Y, y_words, W, B, not_before(x3, zero, 2), at, at < row_words, mean, rstd, HAS_W, HAS_B, in_words)
    if CHUNKS > 4:
        at = cols + 4 * block
        _store_chunk(Y, y_words, W, B, not_before(x4, zero, 2), at, at < row_words, mean, rstd, HAS_W, HAS_B, in_words)
    if CHUNKS > 5:
        at = cols + 5 * block
        _store_chunk(Y, y_words, W, B, not_before(x5, zero, 2), at, at < row_words, mean, rstd, HAS_W, HAS_B, in_words)
    if ALIGN > 1:
        # not of rstd: of a tile of one element, Triton 2.3.1 adds up the copies that a thread holds
        y_ends = (ends - offset) * tl.sum(row_rstd, axis=0)
        if HAS_W:
            y_ends = y_ends * tl.load(W + (end_cols - head), mask=end_mask, other=0.0).to(tl.float32)
        if HAS_B:
            y_ends = y_ends + tl.load(B + (end_cols - head), mask=end_mask, other=0.0).to(tl.float32)
        tl.store(Y + (row * N_COLS + end_cols), y_ends.to(Y.dtype.element_ty), mask=end_mask)
