# mypy: disable-error-code="attr-defined"
"""Kernels for long rows that tests/atlas/long_rows.py times; those that win go to liger_kernel/kernels."""

import triton
import triton.language as tl

from liger_kernel.kernels.exchange import publish, published
from liger_kernel.kernels.loops import pipelined, with_loops
from liger_kernel.kernels.packed import as_words, half, pack_halves
from liger_kernel.kernels.sums import add_two, sum_both

# lint: allow not-interpreted (no interpreter runs the kernels of this file)
SAMPLE = tl.constexpr(32)  # words of a row whose mean its sums are taken about


@triton.jit
def _peek(slots, lanes, SPLIT: tl.constexpr):
    """The words of the row's slots as they are now; in lanes beyond SPLIT the last one again."""
    return tl.inline_asm_elementwise(
        "ld.relaxed.gpu.global.b64 $0, [$1];",
        "=l,l",
        [slots + tl.minimum(lanes, SPLIT - 1)],
        dtype=tl.int64,
        is_pure=False,
        pack=1,
    )


@triton.jit
def _wait(words, slots, lanes, SPLIT: tl.constexpr):
    """The words of the row's slots once none of them is empty; `words` are what they held a while ago."""
    return tl.inline_asm_elementwise(
        """{
        .reg .pred empty;
        mov.b64 $0, $1;
        setp.eq.s64 empty, $0, 0;
        @!empty bra done;
        again:
        ld.relaxed.gpu.global.b64 $0, [$2];
        setp.eq.s64 empty, $0, 0;
        @empty bra again;
        done:
        }""",
        "=&l,l,l",
        [words, slots + tl.minimum(lanes, SPLIT - 1)],
        dtype=tl.int64,
        is_pure=False,
        pack=1,
    )


@triton.jit
def _collect(words, slots, lanes, SPLIT: tl.constexpr):
    """The two sums of a row, from its slots."""
    first, second = published(_wait(words, slots, lanes, SPLIT))
    first = tl.where(lanes < SPLIT, first, 0.0)
    second = tl.where(lanes < SPLIT, second, 0.0)
    return tl.reduce((first, second), 0, add_two)


@triton.jit
def _kept(words):
    """The words; no compiler before ptxas sees that they are the same, and ptxas takes no instruction for it."""
    if words.dtype == tl.float32:
        kept = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=f,f", [words], dtype=tl.float32, is_pure=True, pack=1)
    else:
        kept = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [words], dtype=tl.int32, is_pure=True, pack=1)
    return kept


@triton.jit
def _number(pointer, row, n_rows):
    """One fp32 of a row, loaded as [1] and so copied ahead as the row is: a scalar is waited for where it is loaded."""
    rows = tl.full([1], 0, tl.int64) + row
    return tl.sum(tl.load(pointer + rows, mask=rows < n_rows, other=0.0), axis=0)


@triton.jit
def _half(words, pointer, zero, HALF: tl.constexpr):
    """One element of each word, as fp32, which no compiler can take out before it knows `zero`, an int32 that is 0."""
    if pointer.dtype.element_ty == tl.bfloat16:
        if HALF == 0:
            element = (words << (16 + zero)).to(tl.float32, bitcast=True)
        else:
            element = (words & (zero - 65536)).to(tl.float32, bitcast=True)
    elif pointer.dtype.element_ty == tl.float32:
        element = words
    else:
        element = half(words ^ zero, pointer, HALF)
    return element


@triton.jit
def _hold(vector, cols, mask, PACK: tl.constexpr, KEEP: tl.constexpr, HALF: tl.constexpr):
    if PACK == 1:
        held = tl.load(vector + cols, mask=mask, other=0.0, eviction_policy="evict_last").to(tl.float32)
    elif vector.dtype.element_ty == tl.float32:
        held = tl.load(vector + (2 * cols + HALF), mask=mask, other=0.0)
    else:
        held = tl.load(as_words(vector, 2) + cols, mask=mask, other=0, eviction_policy="evict_last")
        if KEEP == 2:
            held = half(held, vector, HALF)
    return held


@triton.jit
def _held(held, vector, zero, KEEP: tl.constexpr, HALF: tl.constexpr):
    element = held if KEEP == 2 else _half(held, vector, zero, HALF)
    return element


@triton.jit
def _negative(rstd):
    """An int32 0, since no rstd is negative; no compiler knows that."""
    return (rstd < 0.0).to(tl.int32)


@triton.jit
def _after(number, rstd):
    return ((number != 0.0) & (rstd < 0.0)).to(tl.int32)


@with_loops
@triton.jit(do_not_specialize=["n_rows"])
def backward_rows(
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
    PACK: tl.constexpr,
    KEEP: tl.constexpr,
    BEHIND: tl.constexpr,
    WITHOUT: tl.constexpr,
):
    row_words: tl.constexpr = N_COLS // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    whole: tl.constexpr = PART == BLOCK_N
    # to learn what costs time, not to be right: 1 exchanges nothing, 2 sums nothing either
    exchanges: tl.constexpr = SPLIT > 1 and WITHOUT == 0
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    mask = inside < PART // PACK
    cols = part * (PART // PACK) + inside
    lanes = tl.arange(0, LANES)
    dy_words = as_words(dY, PACK)
    x_words = as_words(X, PACK)
    dw_first = tl.zeros([1, block_words], tl.float32)
    db_first = tl.zeros([1, block_words], tl.float32)
    w_first = _hold(W, cols, mask, PACK, KEEP, 0)
    if PACK == 2:
        dw_second = tl.zeros([1, block_words], tl.float32)
        db_second = tl.zeros([1, block_words], tl.float32)
        w_second = _hold(W, cols, mask, PACK, KEEP, 1)
    if BEHIND > 0:
        mean_held = 0.0
        rstd_held = 0.0
        dy_held = tl.zeros([1, block_words], dy_words.dtype.element_ty)
        x_held = tl.zeros([1, block_words], dy_words.dtype.element_ty)
        if BEHIND > 1:
            mean_held2 = 0.0
            rstd_held2 = 0.0
            dy_held2 = tl.zeros([1, block_words], dy_words.dtype.element_ty)
            x_held2 = tl.zeros([1, block_words], dy_words.dtype.element_ty)
    for following in pipelined(group, n_rows + BEHIND * n_groups, n_groups, num_stages=STAGES):
        offsets = following.to(tl.int64) * row_words + cols
        if BEHIND > 0:
            dy_next = tl.load(dy_words + offsets, mask=mask & (following < n_rows), other=0)
            x_next = tl.load(x_words + offsets, mask=mask & (following < n_rows), other=0)
        else:
            dy_next = tl.load(dy_words + offsets, mask=mask, other=0)
            x_next = tl.load(x_words + offsets, mask=mask, other=0)
        row = following - BEHIND * n_groups
        slots = Exchange + tl.maximum(row, group).to(tl.int64) * SPLIT
        if BEHIND > 0 and exchanges:
            words = _peek(slots, lanes, SPLIT)
        mean_next = _number(Mean, following, n_rows)
        rstd_next = _number(RSTD, following, n_rows)
        mean = mean_next
        rstd = rstd_next
        zero = _negative(rstd)
        # dy is 0 in a masked column, so what x holds there adds nothing
        if PACK == 2:
            dy0 = half(dy_next, X, 0)
            dy1 = half(dy_next, X, 1)
            t0 = dy0 * (half(x_next, X, 0) - mean)
            t1 = dy1 * (half(x_next, X, 1) - mean)
            dw_first += t0 * rstd
            dw_second += t1 * rstd
            db_first += dy0
            db_second += dy1
            w0 = _held(w_first, W, zero, KEEP, 0)
            w1 = _held(w_second, W, zero, KEEP, 1)
            total = dy0 * w0 + dy1 * w1
            products = t0 * w0 + t1 * w1
        else:
            t0 = dy_next * (x_next - mean)
            dw_first += t0 * rstd
            db_first += dy_next
            total = dy_next * w_first
            products = t0 * w_first
        if not whole:
            # what is 0 throughout takes neither registers nor instructions
            total = tl.where(mask, total, 0.0)
            products = tl.where(mask, products, 0.0)
            dw_first = tl.where(mask, dw_first, 0.0)
            db_first = tl.where(mask, db_first, 0.0)
            if PACK == 2:
                dw_second = tl.where(mask, dw_second, 0.0)
                db_second = tl.where(mask, db_second, 0.0)
        if WITHOUT < 2:
            c1, c2 = sum_both(total, products)
        else:
            c1 = rstd
            c2 = rstd
        if exchanges:
            publish(Exchange + following.to(tl.int64) * SPLIT + part, c1, c2, following < n_rows)
        if BEHIND == 0:
            dy = dy_next
            x = x_next
            if exchanges:
                c1, c2 = _collect(_peek(slots, lanes, SPLIT), slots, lanes, SPLIT)
        else:
            if exchanges:
                c1, c2 = _collect(words, slots, lanes, SPLIT)
            if BEHIND > 1:
                dy = dy_held2
                x = x_held2
                mean = mean_held2
                rstd = rstd_held2
                mean_held2 = _kept(mean_held)
                rstd_held2 = _kept(rstd_held)
                dy_held2 = _kept(dy_held)
                x_held2 = _kept(x_held)
            else:
                dy = dy_held
                x = x_held
                mean = mean_held
                rstd = rstd_held
            mean_held = _kept(mean_next)
            rstd_held = _kept(rstd_next)
            dy_held = _kept(dy_next)
            x_held = _kept(x_next)
        zero = _after(c2, rstd)
        k2 = c2 * (1.0 / N_COLS) * rstd * rstd * rstd
        k1 = c1 * (1.0 / N_COLS) * rstd
        out = as_words(dX, PACK) + (row.to(tl.int64) * row_words + cols)
        store = mask & (row >= 0) if BEHIND > 0 else mask
        if PACK == 2:
            g0 = _half(dy, X, zero, 0) * _held(w_first, W, zero, KEEP, 0)
            g1 = _half(dy, X, zero, 1) * _held(w_second, W, zero, KEEP, 1)
            dx0 = g0 * rstd - ((_half(x, X, zero, 0) - mean) * k2 + k1)
            dx1 = g1 * rstd - ((_half(x, X, zero, 1) - mean) * k2 + k1)
            tl.store(out, pack_halves(dx0, dx1, dX), mask=store)
        else:
            g0 = dy * w_first
            tl.store(out, g0 * rstd - ((x - mean) * k2 + k1), mask=store)
    if PACK == 2:
        partial = group.to(tl.int64) * N_COLS + 2 * cols
        tl.store(dW_partial + partial, dw_first, mask=mask)
        tl.store(dW_partial + (partial + 1), dw_second, mask=mask)
        tl.store(dB_partial + partial, db_first, mask=mask)
        tl.store(dB_partial + (partial + 1), db_second, mask=mask)
    else:
        partial = group.to(tl.int64) * N_COLS + cols
        tl.store(dW_partial + partial, dw_first, mask=mask)
        tl.store(dB_partial + partial, db_first, mask=mask)


@with_loops
@triton.jit(do_not_specialize=["n_rows"])
def forward_rows(
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
    KEEP: tl.constexpr,
    BEHIND: tl.constexpr,
    WITHOUT: tl.constexpr,
):
    row_words: tl.constexpr = N_COLS // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    whole: tl.constexpr = PART == BLOCK_N
    # to learn what costs time, not to be right: 1 exchanges nothing, 2 sums nothing either
    exchanges: tl.constexpr = SPLIT > 1 and WITHOUT == 0
    part = tl.program_id(0) % SPLIT
    group = tl.program_id(0) // SPLIT
    n_groups = tl.num_programs(0) // SPLIT
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    mask = inside < PART // PACK
    cols = part * (PART // PACK) + inside
    lanes = tl.arange(0, LANES)
    x_words = as_words(X, PACK)
    w_first = _hold(W, cols, mask, PACK, KEEP, 0)
    b_first = _hold(B, cols, mask, PACK, KEEP, 0)
    if PACK == 2:
        w_second = _hold(W, cols, mask, PACK, KEEP, 1)
        b_second = _hold(B, cols, mask, PACK, KEEP, 1)
    sampled = tl.arange(0, SAMPLE)
    if BEHIND > 0:
        origin_held = 0.0
        x_held = tl.zeros([1, block_words], x_words.dtype.element_ty)
        if BEHIND > 1:
            origin_held2 = 0.0
            x_held2 = tl.zeros([1, block_words], x_words.dtype.element_ty)
    for following in pipelined(group, n_rows + BEHIND * n_groups, n_groups, num_stages=STAGES):
        start = following.to(tl.int64) * row_words
        if BEHIND > 0:
            x_next = tl.load(x_words + (start + cols), mask=mask & (following < n_rows), other=0)
            sample = tl.load(x_words + (start + sampled), mask=following + 0 * sampled < n_rows, other=0)
        else:
            x_next = tl.load(x_words + (start + cols), mask=mask, other=0)
            sample = tl.load(x_words + (start + sampled))
        row = following - BEHIND * n_groups
        slots = Exchange + tl.maximum(row, group).to(tl.int64) * SPLIT
        if BEHIND > 0 and exchanges:
            words = _peek(slots, lanes, SPLIT)
        # the sums are about the mean of a few elements: a mean far from zero costs them no digits, nor does one huge
        # element, and a row without variance has none
        if PACK == 2:
            origin_next = tl.sum(half(sample, X, 0) + half(sample, X, 1), axis=0) / (2 * SAMPLE)
        else:
            origin_next = tl.sum(sample, axis=0) / SAMPLE
        if PACK == 2:
            x0 = half(x_next, X, 0) - origin_next
            x1 = half(x_next, X, 1) - origin_next
            if not whole:
                x0 = tl.where(mask, x0, 0.0)
                x1 = tl.where(mask, x1, 0.0)
            if WITHOUT < 2:
                total, squares = sum_both(x0 + x1, x0 * x0 + x1 * x1)
        else:
            x0 = x_next - origin_next
            if not whole:
                x0 = tl.where(mask, x0, 0.0)
            if WITHOUT < 2:
                total, squares = sum_both(x0, x0 * x0)
        if WITHOUT == 2:
            total = origin_next
            squares = origin_next * origin_next
        if exchanges:
            publish(Exchange + following.to(tl.int64) * SPLIT + part, total, squares, following < n_rows)
        if BEHIND == 0:
            x = x_next
            origin = origin_next
            if exchanges:
                total, squares = _collect(_peek(slots, lanes, SPLIT), slots, lanes, SPLIT)
        else:
            if exchanges:
                total, squares = _collect(words, slots, lanes, SPLIT)
            if BEHIND > 1:
                x = x_held2
                origin = origin_held2
                x_held2 = _kept(x_held)
                origin_held2 = _kept(origin_held)
            else:
                x = x_held
                origin = origin_held
            x_held = _kept(x_next)
            origin_held = _kept(origin_next)
        offset = total * (1.0 / N_COLS)
        variance = tl.maximum(squares * (1.0 / N_COLS) - offset * offset, 0.0)
        rstd = 1 / tl.sqrt(variance + eps)
        mean = origin + offset
        tl.store(Mean + row, mean, mask=(part == 0) & (row >= 0))
        tl.store(RSTD + row, rstd, mask=(part == 0) & (row >= 0))
        zero = _negative(rstd)
        out = as_words(Y, PACK) + (row.to(tl.int64) * row_words + cols)
        store = mask & (row >= 0) if BEHIND > 0 else mask
        if PACK == 2:
            y0 = (_half(x, X, zero, 0) - mean) * rstd
            y1 = (_half(x, X, zero, 1) - mean) * rstd
            y0 = y0 * _held(w_first, W, zero, KEEP, 0) + _held(b_first, B, zero, KEEP, 0)
            y1 = y1 * _held(w_second, W, zero, KEEP, 1) + _held(b_second, B, zero, KEEP, 1)
            tl.store(out, pack_halves(y0, y1, Y), mask=store)
        else:
            tl.store(out, (x - mean) * rstd * w_first + b_first, mask=store)


@triton.jit(do_not_specialize=["n_rows"])
def forward_once(
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
    PACK: tl.constexpr,
    EARLY: tl.constexpr,
):
    """A part of one row a program, without a loop: the programs of a multiprocessor hide each other's waits."""
    row_words: tl.constexpr = N_COLS // PACK
    block_words: tl.constexpr = BLOCK_N // PACK
    whole: tl.constexpr = PART == BLOCK_N
    part = tl.program_id(0) % SPLIT
    row = (tl.program_id(0) // SPLIT).to(tl.int64)
    inside = tl.expand_dims(tl.arange(0, block_words), 0)
    mask = inside < PART // PACK
    cols = part * (PART // PACK) + inside
    lanes = tl.arange(0, LANES)
    x_words = as_words(X, PACK) + row * row_words
    # weight and bias of a part are read again by the next programs, the row is not
    x = tl.load(x_words + cols, mask=mask, other=0, eviction_policy="evict_first")
    sample = tl.load(x_words + tl.arange(0, SAMPLE))
    if EARLY:
        w_first = _hold(W, cols, mask, PACK, 1, 0)
        b_first = _hold(B, cols, mask, PACK, 1, 0)
        if PACK == 2:
            w_second = _hold(W, cols, mask, PACK, 1, 1)
            b_second = _hold(B, cols, mask, PACK, 1, 1)
    if PACK == 2:
        origin = tl.sum(half(sample, X, 0) + half(sample, X, 1), axis=0) / (2 * SAMPLE)
        x0 = half(x, X, 0) - origin
        x1 = half(x, X, 1) - origin
        if not whole:
            x0 = tl.where(mask, x0, 0.0)
            x1 = tl.where(mask, x1, 0.0)
        total, squares = sum_both(x0 + x1, x0 * x0 + x1 * x1)
    else:
        origin = tl.sum(sample, axis=0) / SAMPLE
        x0 = x - origin
        if not whole:
            x0 = tl.where(mask, x0, 0.0)
        total, squares = sum_both(x0, x0 * x0)
    if SPLIT > 1:
        slots = Exchange + row * SPLIT
        publish(slots + part, total, squares, True)
        total, squares = _collect(_peek(slots, lanes, SPLIT), slots, lanes, SPLIT)
    offset = total * (1.0 / N_COLS)
    variance = tl.maximum(squares * (1.0 / N_COLS) - offset * offset, 0.0)
    rstd = 1 / tl.sqrt(variance + eps)
    mean = origin + offset
    tl.store(Mean + row, mean, mask=part == 0)
    tl.store(RSTD + row, rstd, mask=part == 0)
    zero = _negative(rstd)
    if not EARLY:
        w_first = _hold(W, cols, mask, PACK, 1, 0)
        b_first = _hold(B, cols, mask, PACK, 1, 0)
        if PACK == 2:
            w_second = _hold(W, cols, mask, PACK, 1, 1)
            b_second = _hold(B, cols, mask, PACK, 1, 1)
    out = as_words(Y, PACK) + (row * row_words + cols)
    if PACK == 2:
        y0 = (_half(x, X, zero, 0) - mean) * rstd
        y1 = (_half(x, X, zero, 1) - mean) * rstd
        y0 = y0 * _held(w_first, W, zero, 1, 0) + _held(b_first, B, zero, 1, 0)
        y1 = y1 * _held(w_second, W, zero, 1, 1) + _held(b_second, B, zero, 1, 1)
        tl.store(out, pack_halves(y0, y1, Y), mask=mask)
    else:
        tl.store(out, (x - mean) * rstd * w_first + b_first, mask=mask)
