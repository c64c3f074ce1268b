# mypy: disable-error-code="attr-defined"
# inside a kernel `row` of a range is a Triton scalar, which has `.to`
"""LayerNorm kernels for rows that several programs share: each holds BLOCK_N columns in registers, so that a row of any
length is read once and written once. exchange.py says how its programs tell each other their sums.

What the loop that waits depends on must be the same in all warps, or some would leave it while others meet the
barriers that Triton may put into it. Warps that each read the slots for themselves can see different values, so every
lane of the tile of slots belongs to one thread alone (LANES is at least twice the threads of a program: one thread
reads two 64-bit words at once), and the count of empty slots reaches all warps through one reduction over all.

Scalars made by a reduction are what the interpreter of Triton 2.3.1 cannot do, and no interpreter can wait: these
kernels run on a device only.
"""

import triton
import triton.language as tl

from .exchange import publish, published
from .packed import as_words, halves, load_vector, not_before, pack, unpack
from .sums import add_three, sum_all, sum_both

# Four programs of 128 threads on a multiprocessor leave a thread 128 registers. The backward of packed rows keeps to
# that if it loads the next row after the sums of this one; Triton 2, which knows no limit on registers, if it loads it
# before them and reads the statistics of a row a second time. Rows that are not packed go faster loaded before, too.
# lint: allow not-interpreted (the plan launches no kernel of this file in an interpreter)
TRITON_2 = tl.constexpr(triton.__version__.startswith("2."))


@triton.jit
def _read(slots, lanes, wanted, SPLIT: tl.constexpr):
    return tl.load(slots + lanes, mask=(lanes < SPLIT) & wanted, other=-1, volatile=True)


@triton.jit
def _add_parts(words, lanes, origin, STATISTICS: tl.constexpr, N_COLS: tl.constexpr, BLOCK_N: tl.constexpr):
    """What each word adds to the sums: 1 where it is empty, and its two numbers.

    With STATISTICS the numbers are a part's mean and sum of squared deviations, and what they add are the sums of
    x - origin and (x - origin) ** 2 (Chan, Golub, LeVeque 1979).
    """
    first, second = published(words)
    if STATISTICS:
        count = tl.minimum(tl.maximum(N_COLS - lanes * BLOCK_N, 0), BLOCK_N)  # the last part may be shorter
        offset = first - origin
        first = offset * count
        second = tl.where(count > 0, second + offset * offset * count, 0.0)
    return (words == 0).to(tl.int32), first, second


@triton.jit
def _sum(words, lanes, origin, STATISTICS: tl.constexpr, N_COLS: tl.constexpr, BLOCK_N: tl.constexpr):
    n_empty, first, second = _add_parts(words, lanes, origin, STATISTICS, N_COLS, BLOCK_N)
    return tl.reduce((n_empty, first, second), 0, add_three)


@triton.jit
def _publish_statistics(slot, x, mask, count, wanted):
    """Publish, and return the first of, mean and sum of squared deviations of the `count` elements under the mask.

    Both are taken about an origin, and the mean is corrected by what the deviations from it add up to: the rounding of
    one long sum would show in rows without variance.
    """
    origin = sum_all(x) / count
    deviation = tl.where(mask, x - origin, 0.0)
    total, squares = sum_both(deviation, deviation * deviation)
    mean = origin + total / count
    squares = squares - total * (total / count)
    publish(slot, mean, squares, wanted)
    return mean


@triton.jit
def _layer_norm_forward_split_kernel(
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
    PACK: tl.constexpr,
    LANES: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd; group p // SPLIT takes every (number of groups)-th row, program p BLOCK_N of its columns.

    X, Y          [n_rows, N_COLS], fp32 / fp16 / bf16
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Exchange      [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings      "split": BLOCK_N is block_n, SPLIT as many programs as hold a row, PACK 2 where rows are words, LANES
                  lanes that read its slots; programs bounds the grid
    Why           rows too wide for the registers of one program, of any dtype and length, on every Triton

    Three rows are under way: one loading, one whose statistics are published, one that collects and is written.
    """
    row_words: tl.constexpr = N_COLS // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    cols = tl.expand_dims(part * block_words + tl.arange(0, block_words), 0)
    mask = cols < row_words
    lanes = tl.arange(0, LANES)
    # the last part may be shorter
    count = tl.minimum(N_COLS - part * BLOCK_N, BLOCK_N)
    x_words = as_words(X, PACK)

    offset = group.to(tl.int64) * row_words
    x = tl.load(x_words + offset + cols, mask=mask, other=0)
    offset = (group + n_groups).to(tl.int64) * row_words
    wanted = group + n_groups < n_rows
    x_next = tl.load(x_words + offset + cols, mask=mask & wanted, other=0)
    slot = Exchange + group.to(tl.int64) * SPLIT + part
    origin = _publish_statistics(slot, unpack(x, X, PACK), mask, count, True)
    for row in range(group, n_rows, n_groups):
        slots = Exchange + row.to(tl.int64) * SPLIT
        words = _read(slots, lanes, True, SPLIT)
        wanted = row + n_groups < n_rows
        slot = Exchange + (row + n_groups).to(tl.int64) * SPLIT + part
        origin_next = _publish_statistics(slot, unpack(x_next, X, PACK), mask, count, wanted)

        offset = (row + 2 * n_groups).to(tl.int64) * row_words
        wanted = row + 2 * n_groups < n_rows
        x_coming = tl.load(x_words + offset + cols, mask=mask & wanted, other=0)
        n_empty, first_sum, second_sum = _sum(words, lanes, origin, True, N_COLS, BLOCK_N)
        while n_empty > 0:
            words = _read(slots, lanes, True, SPLIT)
            n_empty, first_sum, second_sum = _sum(words, lanes, origin, True, N_COLS, BLOCK_N)
        mean = origin + first_sum / N_COLS
        rstd = 1 / tl.sqrt(second_sum / N_COLS - (first_sum / N_COLS) * (first_sum / N_COLS) + eps)
        tl.store(Mean + row, mean, mask=part == 0)
        tl.store(RSTD + row, rstd, mask=part == 0)
        y = (unpack(not_before(x, n_empty, PACK), X, PACK) - mean) * rstd
        if HAS_W:
            y = y * load_vector(W, cols, mask, PACK)
        if HAS_B:
            y = y + load_vector(B, cols, mask, PACK)
        y_words = as_words(Y, PACK) + row.to(tl.int64) * row_words
        tl.store(y_words + cols, pack(y, Y, PACK), mask=mask)
        x = x_next
        x_next = x_coming
        origin = origin_next


@triton.jit
def _layer_norm_backward_split_kernel(
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
    PACK: tl.constexpr,
    LANES: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dx, and the program's share of dw and db, which stays in registers; rows are shared as in forward.

    dY, X, dX                 [n_rows, N_COLS], fp32 / fp16 / bf16
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [groups, N_COLS], fp32
    Exchange                  [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings                  "split": BLOCK_N, SPLIT, PACK and LANES as in forward; programs bounds the grid
    Why                       as in forward

    Three rows are under way: one loading, one whose sums are published, one
    that collects its sums and is written. dw and db take the last of these: taken with its sums, their terms would be
    kept in registers over the wait.
    """
    early: tl.constexpr = PACK == 1 or TRITON_2
    row_words: tl.constexpr = N_COLS // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    cols = tl.expand_dims(part * block_words + tl.arange(0, block_words), 0)
    mask = cols < row_words
    lanes = tl.arange(0, LANES)
    dy_words = as_words(dY, PACK)
    x_words = as_words(X, PACK)
    dw = tl.zeros([PACK, block_words], tl.float32)
    db = tl.zeros([PACK, block_words], tl.float32)

    # the first pass of the loop has no row to write; it publishes the first row
    dy = tl.zeros([1, block_words], dy_words.dtype.element_ty)
    x = tl.zeros([1, block_words], x_words.dtype.element_ty)
    mean = 0.0
    rstd = 0.0
    start = group.to(tl.int64) * row_words
    dy_next = tl.load((dy_words + start) + cols, mask=mask, other=0)
    x_next = tl.load((x_words + start) + cols, mask=mask, other=0)
    for following in range(group, n_rows + n_groups, n_groups):
        coming = following + n_groups
        start = coming.to(tl.int64) * row_words
        if early:
            dy_coming = tl.load((dy_words + start) + cols, mask=mask & (coming < n_rows), other=0)
            x_coming = tl.load((x_words + start) + cols, mask=mask & (coming < n_rows), other=0)
        row = following - n_groups
        if NEED_DX:
            slots = Exchange + row.to(tl.int64) * SPLIT
            words = _read(slots, lanes, row >= 0, SPLIT)
        mean_next = tl.load(Mean + following, mask=following < n_rows, other=0.0)
        rstd_next = tl.load(RSTD + following, mask=following < n_rows, other=0.0)
        n_empty = 0
        if NEED_DX:
            # dy is 0 in a masked column, so what xhat holds there adds nothing
            g = unpack(dy_next, X, PACK)
            if HAS_W:
                g = g * load_vector(W, cols, mask, PACK)
            xhat = (unpack(x_next, X, PACK) - mean_next) * rstd_next
            slot = Exchange + following.to(tl.int64) * SPLIT + part
            c1_part, c2_part = sum_both(g, g * xhat)
            publish(slot, c1_part, c2_part, following < n_rows)
        if not early:
            # here their registers and those of the sums are not wanted at once
            dy_coming = tl.load((dy_words + start) + cols, mask=mask & (coming < n_rows), other=0)
            x_coming = tl.load((x_words + start) + cols, mask=mask & (coming < n_rows), other=0)
        if PACK == 2 and TRITON_2:
            mean = tl.load(Mean + row, mask=row >= 0, other=0.0)
            rstd = tl.load(RSTD + row, mask=row >= 0, other=0.0)
        if NEED_DX:
            n_empty, first_sum, second_sum = _sum(words, lanes, 0.0, False, N_COLS, BLOCK_N)
            while n_empty > 0:
                words = _read(slots, lanes, True, SPLIT)
                n_empty, first_sum, second_sum = _sum(words, lanes, 0.0, False, N_COLS, BLOCK_N)
        g = unpack(not_before(dy, n_empty, PACK), X, PACK)
        xhat = (unpack(not_before(x, n_empty, PACK), X, PACK) - mean) * rstd
        if NEED_DW:
            dw += g * xhat
        if NEED_DB:
            db += g
        if NEED_DX:
            if HAS_W:
                g = g * load_vector(W, cols, mask, PACK)
            dx = (g - first_sum / N_COLS - xhat * (second_sum / N_COLS)) * rstd
            dx_words = as_words(dX, PACK) + row.to(tl.int64) * row_words
            tl.store(dx_words + cols, pack(dx, dX, PACK), mask=mask & (row >= 0))
        dy = dy_next
        x = x_next
        mean = mean_next
        rstd = rstd_next
        dy_next = dy_coming
        x_next = x_coming

    partial = group.to(tl.int64) * N_COLS + cols * PACK + halves(PACK)
    if NEED_DW:
        tl.store(dW_partial + partial, dw, mask=mask)
    if NEED_DB:
        tl.store(dB_partial + partial, db, mask=mask)
