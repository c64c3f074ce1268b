# mypy: disable-error-code="attr-defined"
# inside a kernel `program_id` is a Triton scalar, which has `.to`
"""A LayerNorm forward kernel for rows that the registers of one program hold, elements of 16 bits two to a register.

A row of 65536 elements so fits, 32 words in each of 1024 threads (packed.py), or one of 32768 in fp32: it is read once
and written once, and no program waits for another. Every pass over the row unpacks the words anew. What a pass unpacks
is not kept, because the next pass reads the words through a zero that only the pass before it gives.
"""

import triton
import triton.language as tl

from .ends import body_start, end_columns, head_and_body
from .packed import SAMPLE, as_words, half, load_halves, mean_of_sample, not_before, pack_halves, zero_unless_nan
from .sums import add_two, sum_both, variance_about


@triton.jit
def _load_chunk(
    x_words, cols, row_words, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, block: tl.constexpr, PREFETCH: tl.constexpr
):  # fmt: skip
    """Words of a chunk; of one that the row does not have, zeros, which the compiler drops."""
    at = cols + CHUNK * block
    if CHUNK >= CHUNKS:
        words = tl.zeros(cols.shape, x_words.dtype.element_ty)
    elif PREFETCH > 0:
        # past the L1, which w and b then stay in
        words = tl.load(x_words + at, mask=at < row_words, other=0, cache_modifier=".cg")
    else:
        words = tl.load(x_words + at, mask=at < row_words, other=0)
    return words


@triton.jit
def _add(total, each, cols, row_words, CHUNK: tl.constexpr, block: tl.constexpr):
    """total and, where the row has a word, its number of a chunk; there is no total before chunk 0."""
    each = tl.where(cols + CHUNK * block < row_words, each, 0.0)
    if CHUNK == 0:
        total = each
    else:
        total += each
    return total


@triton.jit
def _add_sum(
    total, words, origin, cols, row_words, pointer, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, block: tl.constexpr,
    PACK: tl.constexpr,
):  # fmt: skip
    """total, and of each word of a chunk that the row has element - origin, in fp32."""
    if CHUNK < CHUNKS:
        if PACK == 2:
            each = (half(words, pointer, 0) - origin) + (half(words, pointer, 1) - origin)
        else:
            each = words - origin
        total = _add(total, each, cols, row_words, CHUNK, block)
    return total


@triton.jit
def _add_squares(
    total, words, origin, cols, row_words, pointer, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, block: tl.constexpr,
    PACK: tl.constexpr,
):  # fmt: skip
    """As `_add_sum`, of (element - origin) ** 2."""
    if CHUNK < CHUNKS:
        if PACK == 2:
            first = half(words, pointer, 0) - origin
            second = half(words, pointer, 1) - origin
            each = first * first + second * second
        else:
            each = (words - origin) * (words - origin)
        total = _add(total, each, cols, row_words, CHUNK, block)
    return total


@triton.jit
def _add_both(
    total, squares, words, origin, cols, row_words, pointer, CHUNK: tl.constexpr, CHUNKS: tl.constexpr,
    block: tl.constexpr, PACK: tl.constexpr,
):  # fmt: skip
    total = _add_sum(total, words, origin, cols, row_words, pointer, CHUNK, CHUNKS, block, PACK)
    squares = _add_squares(squares, words, origin, cols, row_words, pointer, CHUNK, CHUNKS, block, PACK)
    return total, squares


@triton.jit
def _load_parameters(
    W, B, cols, row_words, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, block: tl.constexpr, PACK: tl.constexpr,
    HAS_W: tl.constexpr, HAS_B: tl.constexpr,
):  # fmt: skip
    """Words of w and b of a chunk; where there are none, anything."""
    at = cols + CHUNK * block
    w = cols
    b = cols
    if HAS_W and CHUNK < CHUNKS:
        w = tl.load(as_words(W, PACK) + at, mask=at < row_words, other=0)
    if HAS_B and CHUNK < CHUNKS:
        b = tl.load(as_words(B, PACK) + at, mask=at < row_words, other=0)
    return w, b


@triton.jit
def _halves(held, vector, cols, mask, PREFETCH: tl.constexpr, WORDS: tl.constexpr):
    """Both halves of w or b, out of the words that were loaded ahead, or loaded now."""
    if PREFETCH > 0:
        first = half(held, vector, 0)
        second = half(held, vector, 1)
    else:
        first, second = load_halves(vector, cols, mask, WORDS)
    return first, second


@triton.jit
def _elements(held, vector, cols, mask, PREFETCH: tl.constexpr):
    """As `_halves`, where a word is one element."""
    if PREFETCH == 0:
        held = tl.load(vector + cols, mask=mask, other=0.0)
    return held.to(tl.float32)


@triton.jit
def _store_chunk(
    words, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, CHUNK: tl.constexpr,
    CHUNKS: tl.constexpr, block: tl.constexpr, PACK: tl.constexpr, PREFETCH: tl.constexpr, HAS_W: tl.constexpr,
    HAS_B: tl.constexpr, WORDS: tl.constexpr,
):  # fmt: skip
    """y of a chunk; returns w and b of the following chunk, and of that after it, as far as they are loaded ahead."""
    if CHUNK < CHUNKS:
        if PREFETCH > 0:
            w_coming, b_coming = _load_parameters(
                W, B, cols, row_words, CHUNK + PREFETCH, CHUNKS, block, PACK, HAS_W, HAS_B
            )
        at = cols + CHUNK * block
        mask = at < row_words
        words = not_before(words, zero, PACK)
        if PACK == 2:
            first = (half(words, Y, 0) - mean) * rstd
            second = (half(words, Y, 1) - mean) * rstd
            if HAS_W:
                w_first, w_second = _halves(w, W, at, mask, PREFETCH, WORDS)
                first = first * w_first
                second = second * w_second
            if HAS_B:
                b_first, b_second = _halves(b, B, at, mask, PREFETCH, WORDS)
                first = first + b_first
                second = second + b_second
            y = pack_halves(first, second, Y)
        else:
            y = (words - mean) * rstd
            if HAS_W:
                y = y * _elements(w, W, at, mask, PREFETCH)
            if HAS_B:
                y = y + _elements(b, B, at, mask, PREFETCH)
        tl.store(y_words + at, y, mask=mask)
        if PREFETCH > 1:
            w = w_next
            b = b_next
            w_next = w_coming
            b_next = b_coming
        elif PREFETCH == 1:
            w = w_coming
            b = b_coming
    return w, b, w_next, b_next


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
    PACK: tl.constexpr,
    PREFETCH: tl.constexpr,
    ALIGN: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd of one row a program, held as CHUNKS chunks of BLOCK_N elements, of which there are up to 8.

    X, Y          [n_rows, N_COLS], fp16 / bf16 / fp32; where ALIGN is 1, N_COLS is a multiple of PACK
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Settings      "packed": BLOCK_N is block_n, PREFETCH is prefetch, CHUNKS as many as hold the row, or its body
                  (ends.py) where ALIGN, the elements in 16 bytes, is not 1; PACK is the elements in a word of 32 bits
    Why           a row of up to 65536 elements of 16 bits, or 32768 of fp32, fits into the registers of one program

    The last pass goes chunk by chunk, so that w and b of a few chunks alone are in registers. Without PREFETCH it loads
    those of each chunk when it comes to it, and both sums have a pass of their own.

    The fewer programs a multiprocessor has, the less there is to do while one waits. So with PREFETCH, which needs w
    and b in words, they are loaded that many chunks ahead, the first with the row, and both sums are taken in one pass,
    about the mean of the row's first SAMPLE words (what that costs: layer_norm_ahead.py).
    """
    block: tl.constexpr = BLOCK_N // PACK
    in_words: tl.constexpr = N_COLS % PACK == 0  # w and b can be read as words
    row = tl.program_id(0).to(tl.int64)
    if ALIGN == 1:
        row_words: tl.constexpr = N_COLS // PACK
        start = row * row_words
    else:
        head, body = head_and_body(tl.program_id(0), N_COLS, ALIGN)
        row_words = body // ALIGN * (ALIGN // PACK)
        start = body_start(row, head, N_COLS, ALIGN) // ALIGN * (ALIGN // PACK)
        W += head
        B += head
        end_cols, end_mask = end_columns(head, body, N_COLS, ALIGN)
    x_words = as_words(X, PACK) + start
    y_words = as_words(Y, PACK) + start
    cols = tl.expand_dims(tl.arange(0, block), 0)
    rows = tl.expand_dims(tl.arange(0, 1), 0).to(tl.int64) + row
    if PREFETCH > 0:
        sample = tl.load(x_words + tl.minimum(tl.arange(0, SAMPLE), row_words - 1))
    # each chunk has a name of its own, since Triton before 3.3 has no tuple that a loop fills
    x0 = _load_chunk(x_words, cols, row_words, 0, CHUNKS, block, PREFETCH)
    x1 = _load_chunk(x_words, cols, row_words, 1, CHUNKS, block, PREFETCH)
    x2 = _load_chunk(x_words, cols, row_words, 2, CHUNKS, block, PREFETCH)
    x3 = _load_chunk(x_words, cols, row_words, 3, CHUNKS, block, PREFETCH)
    x4 = _load_chunk(x_words, cols, row_words, 4, CHUNKS, block, PREFETCH)
    x5 = _load_chunk(x_words, cols, row_words, 5, CHUNKS, block, PREFETCH)
    x6 = _load_chunk(x_words, cols, row_words, 6, CHUNKS, block, PREFETCH)
    x7 = _load_chunk(x_words, cols, row_words, 7, CHUNKS, block, PREFETCH)
    w, b, w_next, b_next = cols, cols, cols, cols
    if PREFETCH > 0:
        w, b = _load_parameters(W, B, cols, row_words, 0, CHUNKS, block, PACK, HAS_W, HAS_B)
    if PREFETCH > 1:
        w_next, b_next = _load_parameters(W, B, cols, row_words, 1, CHUNKS, block, PACK, HAS_W, HAS_B)
    # what the sums are taken about, so that a mean far from zero costs them no digits
    if PREFETCH > 0:
        origin = mean_of_sample(sample, X, PACK)
    else:
        origin = tl.load(X + rows * N_COLS).to(tl.float32)
    if ALIGN > 1:
        ends = tl.load(X + (row * N_COLS + end_cols), mask=end_mask, other=0.0).to(tl.float32)
        if PREFETCH > 0:
            ends = tl.where(end_mask, ends - origin, 0.0)
        else:
            ends = tl.where(end_mask, ends - tl.load(X + row * N_COLS).to(tl.float32), 0.0)
        ends_sum, ends_squares = tl.reduce((ends, ends * ends), 0, add_two)
    total, squares = cols, cols
    if PREFETCH > 0:
        total, squares = _add_both(total, squares, x0, origin, cols, row_words, X, 0, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x1, origin, cols, row_words, X, 1, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x2, origin, cols, row_words, X, 2, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x3, origin, cols, row_words, X, 3, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x4, origin, cols, row_words, X, 4, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x5, origin, cols, row_words, X, 5, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x6, origin, cols, row_words, X, 6, CHUNKS, block, PACK)
        total, squares = _add_both(total, squares, x7, origin, cols, row_words, X, 7, CHUNKS, block, PACK)
        total, squares = sum_both(total, squares)
        if ALIGN > 1:
            total += ends_sum
            squares += ends_squares
        offset = total * (1.0 / N_COLS)
        mean = tl.zeros([1, 1], tl.float32) + (origin + offset)
        row_rstd = 1 / tl.sqrt(tl.zeros([1], tl.float32) + variance_about(total, squares, N_COLS) + eps)
    else:
        total = _add_sum(total, x0, origin, cols, row_words, X, 0, CHUNKS, block, PACK)
        total = _add_sum(total, x1, origin, cols, row_words, X, 1, CHUNKS, block, PACK)
        total = _add_sum(total, x2, origin, cols, row_words, X, 2, CHUNKS, block, PACK)
        total = _add_sum(total, x3, origin, cols, row_words, X, 3, CHUNKS, block, PACK)
        total = _add_sum(total, x4, origin, cols, row_words, X, 4, CHUNKS, block, PACK)
        total = _add_sum(total, x5, origin, cols, row_words, X, 5, CHUNKS, block, PACK)
        total = _add_sum(total, x6, origin, cols, row_words, X, 6, CHUNKS, block, PACK)
        total = _add_sum(total, x7, origin, cols, row_words, X, 7, CHUNKS, block, PACK)
        total = tl.sum(total, axis=1)
        if ALIGN > 1:
            total += ends_sum
        mean = origin + tl.expand_dims(total / N_COLS, 1)
        zero = zero_unless_nan(mean)
        x0 = not_before(x0, zero, PACK)
        x1 = not_before(x1, zero, PACK)
        x2 = not_before(x2, zero, PACK)
        x3 = not_before(x3, zero, PACK)
        x4 = not_before(x4, zero, PACK)
        x5 = not_before(x5, zero, PACK)
        x6 = not_before(x6, zero, PACK)
        x7 = not_before(x7, zero, PACK)
        squares = _add_squares(squares, x0, mean, cols, row_words, X, 0, CHUNKS, block, PACK)
        squares = _add_squares(squares, x1, mean, cols, row_words, X, 1, CHUNKS, block, PACK)
        squares = _add_squares(squares, x2, mean, cols, row_words, X, 2, CHUNKS, block, PACK)
        squares = _add_squares(squares, x3, mean, cols, row_words, X, 3, CHUNKS, block, PACK)
        squares = _add_squares(squares, x4, mean, cols, row_words, X, 4, CHUNKS, block, PACK)
        squares = _add_squares(squares, x5, mean, cols, row_words, X, 5, CHUNKS, block, PACK)
        squares = _add_squares(squares, x6, mean, cols, row_words, X, 6, CHUNKS, block, PACK)
        squares = _add_squares(squares, x7, mean, cols, row_words, X, 7, CHUNKS, block, PACK)
        squares = tl.sum(squares, axis=1)
        if ALIGN > 1:
            offset = tl.sum(total, axis=0) / N_COLS
            squares += ends_squares - offset * (2 * ends_sum - offset * (N_COLS - body))
        row_rstd = 1 / tl.sqrt(squares / N_COLS + eps)
    rstd = tl.expand_dims(row_rstd, 1)
    tl.store(Mean + rows, mean)
    tl.store(RSTD + rows, rstd)

    zero = zero_unless_nan(rstd)
    w, b, w_next, b_next = _store_chunk(
        x0, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 0, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x1, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 1, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x2, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 2, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x3, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 3, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x4, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 4, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x5, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 5, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x6, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 6, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    w, b, w_next, b_next = _store_chunk(
        x7, zero, w, b, w_next, b_next, Y, y_words, W, B, cols, row_words, mean, rstd, 7, CHUNKS, block, PACK,
        PREFETCH, HAS_W, HAS_B, in_words,
    )  # fmt: skip
    if ALIGN > 1:
        # not of rstd: of a tile of one element, Triton 2.3.1 adds up the copies that a thread holds
        y_ends = (ends - offset) * tl.sum(row_rstd, axis=0)
        if HAS_W:
            y_ends = y_ends * tl.load(W + (end_cols - head), mask=end_mask, other=0.0).to(tl.float32)
        if HAS_B:
            y_ends = y_ends + tl.load(B + (end_cols - head), mask=end_mask, other=0.0).to(tl.float32)
        tl.store(Y + (row * N_COLS + end_cols), y_ends.to(Y.dtype.element_ty), mask=end_mask)
