# mypy: disable-error-code="attr-defined"
"""LayerNorm kernels for long rows, which are copied ahead and finished later: whole or shared backward, shared forward.

STAGES of the loop over rows makes Triton, from 3.0 on, copy x and dy of the next STAGES - 1 passes to shared memory
without registers (loops.py), which so hold w and b, or dw and db, of more columns. Rows are words of 32 bits
(packed.py): an fp32 element, or two of 16 bits. Weights of 16 bits stay packed, too: unpacked, they would take the
registers of a row.

SPLIT neighbouring programs share a row, and each takes PART columns of it. A pass publishes the sums of one row
(exchange.py), and finishes an earlier row, which it has kept as words: all programs of the row published its sums that
many passes ago, so that they have mostly arrived. Forward, whose passes are shorter, finishes the row of two passes
before, backward that of BEHIND passes before; where BEHIND is 0, a pass finishes the row that it has read.

Why no program waits for ever: a program publishes the sums of a pass before it waits in that pass, and waits only for
sums of that pass or of an earlier one, of the programs of its own group. So the program of a group that is furthest
back waits for nothing that its group has not published, or will publish without waiting. That all programs of a group
get a place is `geometry.can_wait`'s.

Why no slot is read wrong: each row has slots of its own for the whole launch, so BEHIND needs no further ones. A slot
is written once, by one program, in one pass; it is empty before, and nothing writes it after. A pass without a row, at
the end, publishes nothing. A pass whose earlier row does not exist, at the beginning, reads the slots of the group's
first row, which was published in the first pass at the latest, and stores nothing.
"""

import triton
import triton.language as tl

from .ends import body_start, end_columns, head_and_body
from .exchange import collect, peek, publish
from .loops import pipelined, with_loops
from .packed import SAMPLE, as_words, half, half_after, hold, kept, mean_of_sample, pack_halves, zero_after
from .sums import add_two, sum_both, variance_about


@triton.jit
def statistic(pointer, row, n_rows):
    """mean or rstd of a row; loaded as [1], and so copied ahead as the row is: a scalar is waited for at its load."""
    rows = tl.full([1], 0, tl.int64) + row
    return tl.sum(tl.load(pointer + rows, mask=rows < n_rows, other=0.0), axis=0)


@triton.jit
def _start(row, head, N_COLS: tl.constexpr, PACK: tl.constexpr, ALIGN: tl.constexpr):
    """Words before the row, or its body; the compiler sees of what these are multiples."""
    if ALIGN > 1:
        start = body_start(row, head, N_COLS, ALIGN) // ALIGN * (ALIGN // PACK)
    else:
        start = row * (N_COLS // PACK)
    return start


@triton.jit
def _parted(group, part, cols, mask, N_COLS: tl.constexpr, PACK: tl.constexpr, ALIGN: tl.constexpr):
    """Of the group's rows: elements in the head, which words are the body's, columns of the ends, and which of them
    exist; the first part has the ends."""
    head, body = head_and_body(group, N_COLS, ALIGN)
    mask = mask & (cols < body // ALIGN * (ALIGN // PACK))
    end_cols, end_mask = end_columns(head, body, N_COLS, ALIGN)
    return head, mask, end_cols, end_mask & (end_cols * 0 + part == 0)


@triton.jit
def _load_end_bits(pointer, row, n_rows, cols, mask, N_COLS: tl.constexpr):
    """Bits of the row's ends, which a loop may carry as `kept` takes them."""
    if pointer.dtype.element_ty != tl.float32:
        pointer = pointer.to(tl.pointer_type(tl.int16))
    return tl.load(pointer + (row.to(tl.int64) * N_COLS + cols), mask=mask & (cols * 0 + row < n_rows), other=0)


@triton.jit
def _ends_of(bits, pointer):
    """Such bits as fp32."""
    return bits.to(pointer.dtype.element_ty, bitcast=True).to(tl.float32)


@with_loops
@triton.jit
def _layer_norm_forward_ahead_kernel(
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
    PACK: tl.constexpr,
    ALIGN: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd of shared rows; group p // SPLIT takes every (number of groups)-th row, program p PART columns.

    X, Y          [n_rows, N_COLS], fp32 / fp16 / bf16, N_COLS even if 16 bits and ALIGN is 1
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Exchange      [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings      "ahead": BLOCK_N, PART, PACK, ALIGN, LANES and STAGES as backward's; SPLIT is at least 2
    Why           long rows: the next ones take no registers, and their sums have arrived when needed

    Both sums of a row are about the mean of its first SAMPLE words, in one walk over it. A mean far from zero so costs
    them no digits. The variance loses those of 1 + N_COLS / (SAMPLE * PACK) at most: so far can that mean be off, in
    variances, since its elements are the row's.
    """
    part_words: tl.constexpr = PART // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    whole: tl.constexpr = ALIGN == 1 and N_COLS == SPLIT * BLOCK_N  # every lane of a block has a column
    in_words: tl.constexpr = N_COLS % 2 == 0  # vectors can be read as words
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    cols = part * part_words + inside
    mask = inside < part_words
    head = 0
    if ALIGN > 1:
        head, mask, end_cols, end_mask = _parted(group, part, cols, mask, N_COLS, PACK, ALIGN)
    elif N_COLS < SPLIT * PART:  # the last part is shorter
        mask = mask & (cols < N_COLS // PACK)
    lanes = tl.arange(0, LANES)
    # a word for each lane: some releases would load four for one lane, and again for its neighbours
    shortest: tl.constexpr = (N_COLS - (ALIGN - 1)) // ALIGN * ALIGN // PACK  # words of a row, or of its body
    sampled = tl.max_contiguous(tl.arange(0, SAMPLE) % shortest, 1)
    x_words = as_words(X, PACK)
    if HAS_W:
        w_first = hold(W + head, cols, mask, PACK, 0, in_words)
        if PACK == 2:
            w_second = hold(W + head, cols, mask, PACK, 1, in_words)
    if HAS_B:
        b_first = hold(B + head, cols, mask, PACK, 0, in_words)
        if PACK == 2:
            b_second = hold(B + head, cols, mask, PACK, 1, in_words)
    if ALIGN > 1:
        if HAS_W:
            w_ends = tl.load(W + end_cols, mask=end_mask, other=0.0).to(tl.float32)
        if HAS_B:
            b_ends = tl.load(B + end_cols, mask=end_mask, other=0.0).to(tl.float32)
        ends_coming = _load_end_bits(X, group, n_rows, end_cols, end_mask, N_COLS)
        ends_held = tl.zeros([2 * ALIGN], ends_coming.dtype)
        ends_older = tl.zeros([2 * ALIGN], ends_coming.dtype)
    origin_held = 0.0
    origin_older = 0.0
    x_held = tl.zeros([1, block_words], x_words.dtype.element_ty)
    x_older = tl.zeros([1, block_words], x_words.dtype.element_ty)
    # lint: allow not-portable (the name of tl.range or range, which every release takes)
    for number in pipelined(group, n_rows + 2 * n_groups, n_groups, num_stages=STAGES):
        following = number + 0 * group  # in an interpreter a loop counts in numbers of Python, which have no type
        start = _start(following.to(tl.int64), head, N_COLS, PACK, ALIGN)
        x_next = tl.load(
            (x_words + (start + part * part_words)) + inside, mask=mask & (following + 0 * inside < n_rows), other=0
        )
        sample = tl.load((x_words + start) + sampled, mask=following + 0 * sampled < n_rows, other=0)
        if ALIGN > 1:
            ends_next = ends_coming
            ends_coming = kept(_load_end_bits(X, following + n_groups, n_rows, end_cols, end_mask, N_COLS))
        row = following - 2 * n_groups
        slots = Exchange + tl.maximum(row, group).to(tl.int64) * SPLIT
        words = peek(slots, lanes, SPLIT)
        origin = mean_of_sample(sample, X, PACK)
        if PACK == 2:
            first = half(x_next, X, 0) - origin
            second = half(x_next, X, 1) - origin
            if not whole:
                first = tl.where(mask, first, 0.0)
                second = tl.where(mask, second, 0.0)
            total, squares = sum_both(first + second, first * first + second * second)
        else:
            first = x_next - origin
            if not whole:
                first = tl.where(mask, first, 0.0)
            total, squares = sum_both(first, first * first)
        if ALIGN > 1:
            first_ends = tl.where(end_mask, _ends_of(ends_next, X) - origin, 0.0)
            ends_total, ends_squares = tl.reduce((first_ends, first_ends * first_ends), 0, add_two)
            total += ends_total
            squares += ends_squares
        publish(Exchange + following.to(tl.int64) * SPLIT + part, total, squares, following < n_rows)
        total, squares = collect(words, slots, lanes, SPLIT)
        rstd = 1 / tl.sqrt(variance_about(total, squares, N_COLS) + eps)
        mean = origin_older + total * (1.0 / N_COLS)
        if ALIGN > 1:
            ends = ends_older
            ends_older = kept(ends_held)
            ends_held = kept(ends_next)
        x = x_older
        x_older = kept(x_held)
        origin_older = kept(origin_held)
        x_held = kept(x_next)
        origin_held = kept(origin)
        rows = tl.full([1], 0, tl.int64) + row
        first_part = (rows >= 0) & (rows * 0 + part == 0)
        tl.store(Mean + rows, mean, mask=first_part)
        tl.store(RSTD + rows, rstd, mask=first_part)
        zero = (rstd < 0.0).to(tl.int32)  # of which no compiler knows that no rstd is negative
        start = _start(row.to(tl.int64), head, N_COLS, PACK, ALIGN)
        y_words = (as_words(Y, PACK) + (start + part * part_words)) + inside
        wanted = mask & (row + 0 * inside >= 0)
        first = (half_after(x, X, zero, 0) - mean) * rstd
        if HAS_W:
            first = first * half_after(w_first, W, zero, 0)
        if HAS_B:
            first = first + half_after(b_first, B, zero, 0)
        if PACK == 2:
            second = (half_after(x, X, zero, 1) - mean) * rstd
            if HAS_W:
                second = second * half_after(w_second, W, zero, 1)
            if HAS_B:
                second = second + half_after(b_second, B, zero, 1)
            tl.store(y_words, pack_halves(first, second, Y), mask=wanted)
        else:
            tl.store(y_words, first, mask=wanted)
        if ALIGN > 1:
            y_ends = (_ends_of(ends, X) - mean) * rstd
            if HAS_W:
                y_ends = y_ends * w_ends
            if HAS_B:
                y_ends = y_ends + b_ends
            y_pointers = Y + (row.to(tl.int64) * N_COLS + end_cols)
            tl.store(y_pointers, y_ends.to(Y.dtype.element_ty), mask=end_mask & (end_cols * 0 + row >= 0))


@with_loops
@triton.jit
def _layer_norm_backward_ahead_kernel(
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
    PACK: tl.constexpr,
    ALIGN: tl.constexpr,
    LANES: tl.constexpr,
    STAGES: tl.constexpr,
    BEHIND: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dx, and the program's share of dw and db, which stays in registers; group p // SPLIT takes every (number of
    groups)-th row, program p PART of its columns.

    dY, X, dX                 [n_rows, N_COLS], fp32 / fp16 / bf16, N_COLS even if 16 bits and ALIGN is 1
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [groups, N_COLS], fp32
    Exchange                  [n_rows, SPLIT], int64, zeros: the slots (exchange.py)
    Settings                  "ahead": BLOCK_N, STAGES and BEHIND are those of that name, SPLIT as many programs as hold
                              a row, PART their equal shares in multiples of 16 bytes, PACK 2 where a word has two
                              elements, LANES lanes that read a row's slots; programs bounds the grid. Where ALIGN is
                              not 1, every ALIGN-th row starts alike: a group takes only such rows, the programs share
                              their bodies, and the first one has the ends (ends.py)
    Why                       long rows: the next ones take no registers, and their sums have arrived when needed

    With SPLIT 1, and where dx is not wanted, there is nothing to wait for, and BEHIND is 0.
    """
    exchanges: tl.constexpr = NEED_DX and SPLIT > 1
    part_words: tl.constexpr = PART // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    # every lane of a block has a column, but for the last ones of a body, in which dy is 0
    whole: tl.constexpr = PART == BLOCK_N and (ALIGN > 1 or N_COLS == SPLIT * BLOCK_N)
    in_words: tl.constexpr = N_COLS % 2 == 0  # vectors can be read as words
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    cols = part * part_words + inside
    mask = inside < part_words
    head = 0
    held = mask  # columns of which dw and db are held
    if ALIGN > 1:
        head, mask, end_cols, end_mask = _parted(group, part, cols, mask, N_COLS, PACK, ALIGN)
    elif N_COLS < SPLIT * PART:  # the last part is shorter
        mask = mask & (cols < N_COLS // PACK)
        held = mask
    lanes = tl.arange(0, LANES)
    dy_words = as_words(dY, PACK)
    x_words = as_words(X, PACK)
    dw_first = tl.zeros([1, block_words], tl.float32)
    db_first = tl.zeros([1, block_words], tl.float32)
    if HAS_W:
        w_first = hold(W + head, cols, mask, PACK, 0, in_words)
    if PACK == 2:
        dw_second = tl.zeros([1, block_words], tl.float32)
        db_second = tl.zeros([1, block_words], tl.float32)
        if HAS_W:
            w_second = hold(W + head, cols, mask, PACK, 1, in_words)
    if ALIGN > 1:
        dw_ends = tl.zeros([2 * ALIGN], tl.float32)
        db_ends = tl.zeros([2 * ALIGN], tl.float32)
        if HAS_W:
            w_ends = tl.load(W + end_cols, mask=end_mask, other=0.0).to(tl.float32)
        dy_coming = _load_end_bits(dY, group, n_rows, end_cols, end_mask, N_COLS)
        x_coming = _load_end_bits(X, group, n_rows, end_cols, end_mask, N_COLS)
        if BEHIND > 0:
            dy_ends_held = tl.zeros([2 * ALIGN], dy_coming.dtype)
            x_ends_held = tl.zeros([2 * ALIGN], x_coming.dtype)
    if BEHIND > 0:
        mean_held = 0.0
        rstd_held = 0.0
        dy_held = tl.zeros([1, block_words], dy_words.dtype.element_ty)
        x_held = tl.zeros([1, block_words], dy_words.dtype.element_ty)
    # lint: allow not-portable (the name of tl.range or range, which every release takes)
    for number in pipelined(group, n_rows + BEHIND * n_groups, n_groups, num_stages=STAGES):
        following = number + 0 * group  # in an interpreter a loop counts in numbers of Python, which have no type
        start = _start(following.to(tl.int64), head, N_COLS, PACK, ALIGN) + part * part_words
        wanted = mask
        if BEHIND > 0:
            wanted = mask & (following + 0 * inside < n_rows)
        dy_next = tl.load((dy_words + start) + inside, mask=wanted, other=0)
        x_next = tl.load((x_words + start) + inside, mask=wanted, other=0)
        if ALIGN > 1:
            dy_next_ends = dy_coming
            x_next_ends = x_coming
            dy_ends = _ends_of(dy_next_ends, dY)
            x_ends = _ends_of(x_next_ends, X)
            dy_coming = kept(_load_end_bits(dY, following + n_groups, n_rows, end_cols, end_mask, N_COLS))
            x_coming = kept(_load_end_bits(X, following + n_groups, n_rows, end_cols, end_mask, N_COLS))
        row = following - BEHIND * n_groups
        if exchanges:
            slots = Exchange + tl.maximum(row, group).to(tl.int64) * SPLIT
            if BEHIND > 0:
                words = peek(slots, lanes, SPLIT)
        mean = statistic(Mean, following, n_rows)
        rstd = statistic(RSTD, following, n_rows)
        zero = (rstd < 0.0).to(tl.int32)  # of which no compiler knows that no rstd is negative
        # dy is 0 in a masked column, so what x holds there adds nothing
        if PACK == 2:
            dy_first = half(dy_next, X, 0)
            dy_second = half(dy_next, X, 1)
            x_first = dy_first * (half(x_next, X, 0) - mean)
            x_second = dy_second * (half(x_next, X, 1) - mean)
        else:
            dy_first = dy_next
            x_first = dy_next * (x_next - mean)
        if NEED_DW:
            dw_first += x_first * rstd
            if PACK == 2:
                dw_second += x_second * rstd
        if NEED_DB:
            db_first += dy_first
            if PACK == 2:
                db_second += dy_second
        if not whole:
            # what is 0 throughout takes neither registers nor instructions
            dw_first = tl.where(held, dw_first, 0.0)
            db_first = tl.where(held, db_first, 0.0)
            if PACK == 2:
                dw_second = tl.where(held, dw_second, 0.0)
                db_second = tl.where(held, db_second, 0.0)
        if ALIGN > 1:
            products_ends = dy_ends * (x_ends - mean)
            if NEED_DW:
                dw_ends += products_ends * rstd
            if NEED_DB:
                db_ends += dy_ends
        if NEED_DX:
            if HAS_W:
                if PACK == 2:
                    w0 = half_after(w_first, W, zero, 0)
                    w1 = half_after(w_second, W, zero, 1)
                    total = dy_first * w0 + dy_second * w1
                    products = x_first * w0 + x_second * w1
                else:
                    total = dy_first * w_first
                    products = x_first * w_first
            elif PACK == 2:
                total = dy_first + dy_second
                products = x_first + x_second
            else:
                total = dy_first
                products = x_first
            if not whole:
                total = tl.where(held, total, 0.0)
                products = tl.where(held, products, 0.0)
            c1, c2 = sum_both(total, products)
            if ALIGN > 1:
                total_ends = dy_ends
                if HAS_W:
                    total_ends = total_ends * w_ends
                    products_ends = products_ends * w_ends
                c1_ends, c2_ends = tl.reduce((total_ends, products_ends), 0, add_two)
                c1 += c1_ends
                c2 += c2_ends
            if exchanges:
                publish(Exchange + following.to(tl.int64) * SPLIT + part, c1, c2, following < n_rows)
            if BEHIND == 0:
                dy = dy_next
                x = x_next
                if exchanges:
                    words = peek(slots, lanes, SPLIT)
            if exchanges:
                c1, c2 = collect(words, slots, lanes, SPLIT)
            if BEHIND > 0:
                mean_next = mean
                rstd_next = rstd
                dy = dy_held
                x = x_held
                mean = mean_held
                rstd = rstd_held
                mean_held = kept(mean_next)
                rstd_held = kept(rstd_next)
                dy_held = kept(dy_next)
                x_held = kept(x_next)
                if ALIGN > 1:
                    dy_ends = _ends_of(dy_ends_held, dY)
                    x_ends = _ends_of(x_ends_held, X)
                    dy_ends_held = kept(dy_next_ends)
                    x_ends_held = kept(x_next_ends)
            zero = zero_after(c2, rstd)
            k2 = c2 * (1.0 / N_COLS) * rstd * rstd * rstd
            k1 = c1 * (1.0 / N_COLS) * rstd
            if SPLIT == 1:  # an addition less for each element, which costs the compiler registers where rows are held
                k1 = k1 - mean * k2
                mean = 0.0
            start = _start(row.to(tl.int64), head, N_COLS, PACK, ALIGN) + part * part_words
            dx_words = (as_words(dX, PACK) + start) + inside
            wanted = mask
            if BEHIND > 0:
                wanted = mask & (row + 0 * inside >= 0)
            if PACK == 2:
                g_first = half_after(dy, X, zero, 0)
                g_second = half_after(dy, X, zero, 1)
                if HAS_W:
                    g_first = g_first * half_after(w_first, W, zero, 0)
                    g_second = g_second * half_after(w_second, W, zero, 1)
                dx_first = g_first * rstd - ((half_after(x, X, zero, 0) - mean) * k2 + k1)
                dx_second = g_second * rstd - ((half_after(x, X, zero, 1) - mean) * k2 + k1)
                tl.store(dx_words, pack_halves(dx_first, dx_second, dX), mask=wanted)
            else:
                g_first = dy
                if HAS_W:
                    g_first = dy * w_first
                tl.store(dx_words, g_first * rstd - ((x - mean) * k2 + k1), mask=wanted)
            if ALIGN > 1:
                if HAS_W:
                    dy_ends = dy_ends * w_ends
                dx_ends = dy_ends * rstd - ((x_ends - mean) * k2 + k1)
                dx_pointers = dX + (row.to(tl.int64) * N_COLS + end_cols)
                tl.store(dx_pointers, dx_ends.to(dX.dtype.element_ty), mask=end_mask & (end_cols * 0 + row >= 0))
    partial = group.to(tl.int64) * N_COLS + head + PACK * cols
    if NEED_DW:
        tl.store(dW_partial + partial, dw_first, mask=mask)
        if PACK == 2:
            tl.store(dW_partial + (partial + 1), dw_second, mask=mask)
    if NEED_DB:
        tl.store(dB_partial + partial, db_first, mask=mask)
        if PACK == 2:
            tl.store(dB_partial + (partial + 1), db_second, mask=mask)
    if ALIGN > 1:
        partial = group.to(tl.int64) * N_COLS + end_cols
        if NEED_DW:
            tl.store(dW_partial + partial, dw_ends, mask=end_mask)
        if NEED_DB:
            tl.store(dB_partial + partial, db_ends, mask=end_mask)
