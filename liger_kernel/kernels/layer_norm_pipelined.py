# mypy: disable-error-code="attr-defined"
# inside a kernel `row` of a range is a Triton scalar, which has `.to`
"""LayerNorm kernels for long rows of 16-bit elements, of which the next ones are copied to shared memory meanwhile.

`STAGES` of the loop over rows makes Triton, from 3.0 on, copy the rows of the next STAGES - 1 passes to shared memory
without registers. Registers so hold dw and db of more columns, and a row of words (packed.py).

SPLIT neighbouring programs work on the same row, each on BLOCK_N columns, and exchange two sums; exchange.py also says
why no program waits for ever. Two rows are under way: a pass publishes the sums of one row, then collects those of the
row before it, which all programs of the row published a pass ago, and writes that.
A program of a split row waits inside one instruction sequence of PTX (`_wait`): every thread reads the slots until
none is empty. A slot is written once, so that all threads see the same words, and no barrier is inside the wait.
"""

import triton
import triton.language as tl

from .exchange import publish, published
from .loops import pipelined, with_loops
from .packed import as_words, half, held_half, hold_half, not_before, pack_halves, zero_after
from .sums import sum_all, sum_both

# lint: allow not-interpreted (the plan launches no kernel of this file in an interpreter)
SAMPLE = tl.constexpr(32)  # elements of a row whose mean its sums are taken about: one for each thread of a warp


@triton.jit
def _wait(slots, lanes, SPLIT: tl.constexpr):
    """The words of the row's slots once none of them is empty; in lanes beyond SPLIT the last one again."""
    return tl.inline_asm_elementwise(
        """{
        .reg .pred empty;
        again:
        ld.relaxed.gpu.global.b64 $0, [$1];
        setp.eq.s64 empty, $0, 0;
        @empty bra again;
        }""",
        "=&l,l",
        [slots + tl.minimum(lanes, SPLIT - 1)],
        dtype=tl.int64,
        is_pure=False,
        pack=1,
    )


@with_loops
@triton.jit
def _layer_norm_forward_pipelined_kernel(
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
    BLOCK_N: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd; group p // SPLIT takes every (number of groups)-th row, program p BLOCK_N of its columns.

    X, Y          [n_rows, N_COLS], fp16 / bf16, N_COLS even
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Exchange      [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings      "pipelined": BLOCK_N and STAGES are those of that name, SPLIT as many programs as hold a row, LANES
                  lanes that read its slots; programs bounds the grid
    Why           long rows: the loads of the next ones take no registers, which so hold a longer part
    """
    row_words: tl.constexpr = N_COLS // 2
    block_words: tl.constexpr = BLOCK_N // 2
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    cols = part * block_words + inside
    mask = cols < row_words
    lanes = tl.arange(0, LANES)
    # the last part may be shorter
    count = tl.minimum(N_COLS - part * BLOCK_N, BLOCK_N)
    counts = tl.minimum(tl.maximum(N_COLS - lanes * BLOCK_N, 0), BLOCK_N)
    x_words = as_words(X, 2)
    y_words = as_words(Y, 2)
    if HAS_W:
        w_first = hold_half(W, cols, mask, 0, True)
        w_second = hold_half(W, cols, mask, 1, True)
    if HAS_B:
        b_first = hold_half(B, cols, mask, 0, True)
        b_second = hold_half(B, cols, mask, 1, True)
    whole: tl.constexpr = N_COLS % BLOCK_N == 0  # no program has fewer columns than its block
    # read a pass early; a number carried over two passes would keep Triton from copying rows ahead
    sample = part * BLOCK_N + tl.arange(0, SAMPLE)
    n_sampled = tl.minimum(count, SAMPLE)
    sample_coming = tl.load(X + group.to(tl.int64) * N_COLS + sample, mask=sample < N_COLS, other=0.0)
    # the first pass of the loop has no row to write; it publishes the first row
    x = tl.zeros([1, block_words], tl.int32)
    # lint: allow not-portable (the name of tl.range or range, which every release takes)
    for following in pipelined(group, n_rows + n_groups, n_groups, num_stages=STAGES):
        start = following.to(tl.int64) * row_words + part * block_words
        x_next = tl.load((x_words + start) + inside, mask=mask & (following < n_rows), other=0)
        # Both sums in one walk over the words, about the mean of a few elements: a mean far from zero costs them no
        # digits, nor does one huge element, and a row without variance has none.
        origin = tl.sum(sample_coming.to(tl.float32), axis=0) / n_sampled
        ahead = following + n_groups
        wanted = (sample < N_COLS) & (ahead < n_rows)
        sample_coming = tl.load(X + ahead.to(tl.int64) * N_COLS + sample, mask=wanted, other=0.0)
        first = half(x_next, X, 0) - origin
        second = half(x_next, X, 1) - origin
        if not whole:
            first = tl.where(mask, first, 0.0)
            second = tl.where(mask, second, 0.0)
        total, squares = sum_both(first + second, first * first + second * second)
        part_mean = origin + total / count
        squares = squares - total * (total / count)
        publish(Exchange + following.to(tl.int64) * SPLIT + part, part_mean, squares, following < n_rows)

        row = following - n_groups
        slots = Exchange + tl.maximum(row, group).to(tl.int64) * SPLIT
        means, squares = published(_wait(slots, lanes, SPLIT))
        # about the first part's mean (Chan, Golub, LeVeque 1979)
        centre = tl.sum(tl.where(lanes == 0, means, 0.0), axis=0)
        offset = means - centre
        total = tl.sum(tl.where(counts > 0, offset * counts, 0.0), axis=0)
        squares = tl.sum(tl.where(counts > 0, squares + offset * offset * counts, 0.0), axis=0)
        mean = centre + total / N_COLS
        rstd = 1 / tl.sqrt((squares - total / N_COLS * total) / N_COLS + eps)
        tl.store(Mean + row, mean, mask=(part == 0) & (row >= 0))
        tl.store(RSTD + row, rstd, mask=(part == 0) & (row >= 0))
        zero = zero_after(mean, rstd)
        first = (half(x, X, 0) - mean) * rstd
        second = (half(x, X, 1) - mean) * rstd
        if HAS_W:
            first = first * held_half(w_first, W, zero, 0)
            second = second * held_half(w_second, W, zero, 1)
        if HAS_B:
            first = first + held_half(b_first, B, zero, 0)
            second = second + held_half(b_second, B, zero, 1)
        start = row.to(tl.int64) * row_words + part * block_words
        tl.store((y_words + start) + inside, pack_halves(first, second, Y), mask=mask & (row >= 0))
        x = not_before(x_next, zero, 2)


@with_loops
@triton.jit
def _layer_norm_backward_pipelined_kernel(
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
    BLOCK_N: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dx, and the program's share of dw and db, which stays in registers; rows are shared as in forward.

    dY, X, dX                 [n_rows, N_COLS], fp16 / bf16, N_COLS even
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [groups, N_COLS], fp32
    Exchange                  [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings                  "pipelined": BLOCK_N, STAGES, SPLIT and LANES as in forward; programs bounds the grid
    Why                       long rows: as in forward, and dw and db of more columns stay in registers

    With SPLIT 1, and where dx is not wanted, there is nothing to wait for: a pass works on one row alone.
    """
    exchanges: tl.constexpr = NEED_DX and SPLIT > 1
    row_words: tl.constexpr = N_COLS // 2
    block_words: tl.constexpr = BLOCK_N // 2
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    cols = part * block_words + inside
    mask = cols < row_words
    lanes = tl.arange(0, LANES)
    dy_words = as_words(dY, 2)
    x_words = as_words(X, 2)
    dw_first = tl.zeros([1, block_words], tl.float32)
    dw_second = tl.zeros([1, block_words], tl.float32)
    db_first = tl.zeros([1, block_words], tl.float32)
    db_second = tl.zeros([1, block_words], tl.float32)
    if HAS_W:
        w_first = hold_half(W, cols, mask, 0, True)
        w_second = hold_half(W, cols, mask, 1, True)
    # read a pass early; a number carried over two passes would keep Triton from copying rows ahead
    mean_coming = tl.load(Mean + group)
    rstd_coming = tl.load(RSTD + group)
    if exchanges:
        # the first pass of the loop has no row to write; it publishes the first row
        behind = n_groups
        dy = tl.zeros([1, block_words], tl.int32)
        x = tl.zeros([1, block_words], tl.int32)
        mean_before = 0.0
        rstd_before = 0.0
    else:
        behind = 0
    # lint: allow not-portable (the name of tl.range or range, which every release takes)
    for following in pipelined(group, n_rows + behind, n_groups, num_stages=STAGES):
        start = following.to(tl.int64) * row_words + part * block_words
        dy_next = tl.load((dy_words + start) + inside, mask=mask & (following < n_rows), other=0)
        x_next = tl.load((x_words + start) + inside, mask=mask & (following < n_rows), other=0)
        mean = mean_coming
        rstd = rstd_coming
        ahead = following + n_groups
        mean_coming = tl.load(Mean + ahead, mask=ahead < n_rows, other=0.0)
        rstd_coming = tl.load(RSTD + ahead, mask=ahead < n_rows, other=0.0)
        zero = 0
        if NEED_DX:
            g_first = half(dy_next, X, 0)
            g_second = half(dy_next, X, 1)
            if HAS_W:
                g_first = g_first * held_half(w_first, W, 0, 0)
                g_second = g_second * held_half(w_second, W, 0, 1)
            # dy is 0 in a masked column, so what x holds there adds nothing
            products = g_first * (half(x_next, X, 0) - mean) + g_second * (half(x_next, X, 1) - mean)
            c1 = sum_all(g_first + g_second)
            c2 = sum_all(products) * rstd
            zero = zero_after(c2, rstd)
            dy_next = not_before(dy_next, zero, 2)
            x_next = not_before(x_next, zero, 2)
        row = following
        if exchanges:
            publish(Exchange + following.to(tl.int64) * SPLIT + part, c1, c2, following < n_rows)
            row = following - n_groups
            mean = mean_before
            rstd = rstd_before
            mean_before = tl.load(Mean + following, mask=following < n_rows, other=0.0)
            rstd_before = tl.load(RSTD + following, mask=following < n_rows, other=0.0)
            slots = Exchange + tl.maximum(row, group).to(tl.int64) * SPLIT
            first, second = published(_wait(slots, lanes, SPLIT))
            c1 = tl.sum(tl.where(lanes < SPLIT, first, 0.0), axis=0)
            c2 = tl.sum(tl.where(lanes < SPLIT, second, 0.0), axis=0)
            zero = zero_after(c2, rstd)
        else:
            dy = dy_next
            x = x_next
        g_first = half(dy, X, 0)
        g_second = half(dy, X, 1)
        x_first = half(x, X, 0) - mean
        x_second = half(x, X, 1) - mean
        if NEED_DW:
            dw_first += g_first * (x_first * rstd)
            dw_second += g_second * (x_second * rstd)
        if NEED_DB:
            db_first += g_first
            db_second += g_second
        if NEED_DX:
            if HAS_W:
                g_first = g_first * held_half(w_first, W, zero, 0)
                g_second = g_second * held_half(w_second, W, zero, 1)
            k1 = c1 / N_COLS * rstd
            k2 = c2 / N_COLS * rstd * rstd
            dx_first = g_first * rstd - (x_first * k2 + k1)
            dx_second = g_second * rstd - (x_second * k2 + k1)
            start = row.to(tl.int64) * row_words + part * block_words
            tl.store((as_words(dX, 2) + start) + inside, pack_halves(dx_first, dx_second, dX), mask=mask & (row >= 0))
        if exchanges:
            dy = dy_next
            x = x_next
    partial = group.to(tl.int64) * N_COLS + 2 * cols
    if NEED_DW:
        tl.store(dW_partial + partial, dw_first, mask=mask)
        tl.store(dW_partial + (partial + 1), dw_second, mask=mask)
    if NEED_DB:
        tl.store(dB_partial + partial, db_first, mask=mask)
        tl.store(dB_partial + (partial + 1), db_second, mask=mask)
