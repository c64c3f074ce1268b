# mypy: disable-error-code="attr-defined"
# inside a kernel `program_id` is a Triton scalar, which has `.to`
"""A LayerNorm forward kernel for rows of 16-bit elements that are kept packed, two to a register (packed.py).

A row of 49152 elements so fits into the registers of one program, 24 words in each of 1024 threads: it is read once and
written once, and no program waits for another. Every pass over the row unpacks the words anew. What a pass unpacks is
not kept, because the next pass reads the words through a zero that only the pass before it gives.

Rows have an even length. Arguments as in layer_norm_forward.py.
"""

import triton
import triton.language as tl

from .packed import as_words, high, load_words, low, word


@triton.jit
def _sum_of(words, origin, mask, pointer):
    """element - origin, the two of each word added up, in fp32; 0 where masked."""
    return tl.where(mask, (low(words, pointer) - origin) + (high(words, pointer) - origin), 0.0)


@triton.jit
def _squares_of(words, mean, mask, pointer):
    """(element - mean) ** 2, the two of each word added up; 0 where masked."""
    first = low(words, pointer) - mean
    second = high(words, pointer) - mean
    return tl.where(mask, first * first + second * second, 0.0)


@triton.jit
def _store_chunk(Y, y_words, W, B, words, cols, mask, mean, rstd, HAS_W: tl.constexpr, HAS_B: tl.constexpr):
    first = (low(words, Y) - mean) * rstd
    second = (high(words, Y) - mean) * rstd
    if HAS_W:
        w_first, w_second = load_words(W, cols, mask)
        first = first * w_first
        second = second * w_second
    if HAS_B:
        b_first, b_second = load_words(B, cols, mask)
        first = first + b_first
        second = second + b_second
    tl.store(y_words + cols, word(first, second, Y), mask=mask)


@triton.jit
def _zero_after(number):
    """An int32 0 that no compiler knows before the number; 1 where the number is NaN, and so is the result."""
    return (number != number).to(tl.int32)


@triton.jit
def _load_chunk(x_words, cols, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, row_words: tl.constexpr, block: tl.constexpr):
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
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """One program normalises one row, held as up to 6 chunks of BLOCK_N elements.

    The last pass goes chunk by chunk, so that w and b of one chunk alone are in registers.
    """
    row_words: tl.constexpr = N_COLS // 2
    block: tl.constexpr = BLOCK_N // 2
    row = tl.program_id(0).to(tl.int64)
    x_words = as_words(X, 2) + row * row_words
    y_words = as_words(Y, 2) + row * row_words
    cols = tl.expand_dims(tl.arange(0, block), 0)
    x0 = _load_chunk(x_words, cols, 0, CHUNKS, row_words, block)
    x1 = _load_chunk(x_words, cols, 1, CHUNKS, row_words, block)
    x2 = _load_chunk(x_words, cols, 2, CHUNKS, row_words, block)
    x3 = _load_chunk(x_words, cols, 3, CHUNKS, row_words, block)
    x4 = _load_chunk(x_words, cols, 4, CHUNKS, row_words, block)
    x5 = _load_chunk(x_words, cols, 5, CHUNKS, row_words, block)
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
    mean = origin + tl.expand_dims(tl.sum(total, axis=1) / N_COLS, 1)
    zero = _zero_after(mean)
    x0 = x0 ^ zero
    x1 = x1 ^ zero
    x2 = x2 ^ zero
    x3 = x3 ^ zero
    x4 = x4 ^ zero
    x5 = x5 ^ zero
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
    rstd = 1 / tl.sqrt(tl.expand_dims(tl.sum(squares, axis=1) / N_COLS, 1) + eps)
    tl.store(Mean + rows, mean)
    tl.store(RSTD + rows, rstd)

    zero = _zero_after(rstd)
    _store_chunk(Y, y_words, W, B, x0 ^ zero, cols, cols < row_words, mean, rstd, HAS_W, HAS_B)
    if CHUNKS > 1:
        at = cols + 1 * block
        _store_chunk(Y, y_words, W, B, x1 ^ zero, at, at < row_words, mean, rstd, HAS_W, HAS_B)
    if CHUNKS > 2:
        at = cols + 2 * block
        _store_chunk(Y, y_words, W, B, x2 ^ zero, at, at < row_words, mean, rstd, HAS_W, HAS_B)
    if CHUNKS > 3:
        at = cols + 3 * block
        _store_chunk(Y, y_words, W, B, x3 ^ zero, at, at < row_words, mean, rstd, HAS_W, HAS_B)
    if CHUNKS > 4:
        at = cols + 4 * block
        _store_chunk(Y, y_words, W, B, x4 ^ zero, at, at < row_words, mean, rstd, HAS_W, HAS_B)
    if CHUNKS > 5:
        at = cols + 5 * block
        _store_chunk(Y, y_words, W, B, x5 ^ zero, at, at < row_words, mean, rstd, HAS_W, HAS_B)
