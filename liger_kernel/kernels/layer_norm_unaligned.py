"""LayerNorm kernels for rows that fit in registers, and whose length is no multiple of 16 bytes (ends.py).

Scalars made by a reduction are what the interpreter of Triton 2.3.1 cannot do: these kernels run on a device, or
interpreted from 3.0 on.

Persistent: a program holds one row and has the next one under way; w, b and its share of dw and db stay in registers.
"""

import triton
import triton.language as tl

from .ends import body_start, end_columns, head_and_body


@triton.jit
def _wide(number):
    """The number in 64 bits; in an interpreter it may be one of Python's, which has no `to`."""
    return tl.program_id(0).to(tl.int64) * 0 + number


@triton.jit
def _in_row(mask, cols, row, n_rows):
    """The mask in a row that exists; compared as a tile, since the mask of an interpreter is no scalar."""
    return mask & (tl.zeros(cols.shape, tl.int64) + row < n_rows)


@triton.jit
def _load_body(pointer, row, n_rows, head, cols, mask, N_COLS: tl.constexpr, ALIGN: tl.constexpr):
    start = body_start(row, head, N_COLS, ALIGN)
    return tl.load(pointer + start + cols, mask=_in_row(mask, cols, row, n_rows), other=0.0)


@triton.jit
def _load_ends(pointer, row, n_rows, cols, mask, N_COLS: tl.constexpr):
    return tl.load(pointer + row * N_COLS + cols, mask=_in_row(mask, cols, row, n_rows), other=0.0).to(tl.float32)


@triton.jit
def _layer_norm_forward_unaligned_kernel(
    X,
    W,
    B,
    Y,
    Mean,
    RSTD,
    n_rows,
    eps,
    N_COLS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    ALIGN: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd of one row at a time, of those that start alike.

    X, Y          [n_rows, N_COLS], fp32 / fp16 / bf16
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Settings      "unaligned": BLOCK_N holds the longest body, ALIGN is the elements in 16 bytes; programs bounds the
                  grid, which is a multiple of ALIGN
    Why           rows of an odd length, whose widest loads are a few bytes otherwise
    """
    step = tl.num_programs(0)
    head, body = head_and_body(tl.program_id(0), N_COLS, ALIGN)
    cols = tl.arange(0, BLOCK_N)
    mask = cols < body
    end_cols, end_mask = end_columns(head, body, N_COLS, ALIGN)
    if HAS_W:
        w = tl.load(W + head + cols, mask=mask, other=0.0)
        w_ends = tl.load(W + end_cols, mask=end_mask, other=0.0)
    if HAS_B:
        b = tl.load(B + head + cols, mask=mask, other=0.0)
        b_ends = tl.load(B + end_cols, mask=end_mask, other=0.0)
    x_next = _load_body(X, _wide(tl.program_id(0)), n_rows, head, cols, mask, N_COLS, ALIGN)
    ends_next = _load_ends(X, _wide(tl.program_id(0)), n_rows, end_cols, end_mask, N_COLS)
    for turn in range(tl.program_id(0), n_rows, step):
        row = _wide(turn)
        # summed about the row's first element, so that a mean far from zero costs the sum no digits
        origin = tl.load(X + row * N_COLS).to(tl.float32)
        x = tl.where(mask, x_next.to(tl.float32) - origin, 0.0)
        ends = tl.where(end_mask, ends_next - origin, 0.0)
        x_next = _load_body(X, row + step, n_rows, head, cols, mask, N_COLS, ALIGN)
        ends_next = _load_ends(X, row + step, n_rows, end_cols, end_mask, N_COLS)
        # both sums of the ends at once, so that they need not wait for the mean
        ends_sum = tl.sum(ends, axis=0)
        ends_squares = tl.sum(ends * ends, axis=0)
        mean_offset = (tl.sum(x, axis=0) + ends_sum) / N_COLS
        centred = tl.where(mask, x - mean_offset, 0.0)
        squares = tl.sum(centred * centred, axis=0)
        squares += ends_squares - mean_offset * (2 * ends_sum - mean_offset * (N_COLS - body))
        rstd = 1 / tl.sqrt(squares / N_COLS + eps)
        tl.store(Mean + row, origin + mean_offset)
        tl.store(RSTD + row, rstd)
        y = centred * rstd
        y_ends = (ends - mean_offset) * rstd
        if HAS_W:
            y = y * w.to(tl.float32)
            y_ends = y_ends * w_ends.to(tl.float32)
        if HAS_B:
            y = y + b.to(tl.float32)
            y_ends = y_ends + b_ends.to(tl.float32)
        tl.store(Y + row * N_COLS + end_cols, y_ends.to(Y.dtype.element_ty), mask=end_mask)
        tl.store(Y + body_start(row, head, N_COLS, ALIGN) + cols, y.to(Y.dtype.element_ty), mask=mask)


@triton.jit
def _layer_norm_backward_unaligned_kernel(
    dY,
    X,
    W,
    Mean,
    RSTD,
    dX,
    dW_partial,
    dB_partial,
    n_rows,
    N_COLS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    ALIGN: tl.constexpr,
    HAS_W: tl.constexpr,
    NEED_DX: tl.constexpr,
    NEED_DW: tl.constexpr,
    NEED_DB: tl.constexpr,
):
    """dx of one row at a time, and the program's share of dw and db, which stays in registers.

    dY, X, dX                 [n_rows, N_COLS], fp32 / fp16 / bf16
    W                         [N_COLS], X's dtype or fp32; read only where HAS_W
    Mean, RSTD                [n_rows], fp32: as forward stored them
    dW_partial, dB_partial    [programs, N_COLS], fp32
    Settings                  "unaligned": BLOCK_N and ALIGN as in forward; programs bounds the grid
    Why                       as in forward
    """
    step = tl.num_programs(0)
    head, body = head_and_body(tl.program_id(0), N_COLS, ALIGN)
    cols = tl.arange(0, BLOCK_N)
    mask = cols < body
    end_cols, end_mask = end_columns(head, body, N_COLS, ALIGN)
    if HAS_W:
        w = tl.load(W + head + cols, mask=mask, other=0.0)
        w_ends = tl.load(W + end_cols, mask=end_mask, other=0.0)
    dw = tl.zeros([BLOCK_N], tl.float32)
    db = tl.zeros([BLOCK_N], tl.float32)
    dw_ends = tl.zeros([2 * ALIGN], tl.float32)
    db_ends = tl.zeros([2 * ALIGN], tl.float32)
    dy_next = _load_body(dY, _wide(tl.program_id(0)), n_rows, head, cols, mask, N_COLS, ALIGN)
    x_next = _load_body(X, _wide(tl.program_id(0)), n_rows, head, cols, mask, N_COLS, ALIGN)
    dy_ends_next = _load_ends(dY, _wide(tl.program_id(0)), n_rows, end_cols, end_mask, N_COLS)
    x_ends_next = _load_ends(X, _wide(tl.program_id(0)), n_rows, end_cols, end_mask, N_COLS)
    for turn in range(tl.program_id(0), n_rows, step):
        row = _wide(turn)
        dy = dy_next.to(tl.float32)
        x = x_next.to(tl.float32)
        # Triton 2.3.1's compiler crashes on a reduction of the value that a loop carries; the sum is another one
        dy_ends = dy_ends_next + 0.0
        x_ends = x_ends_next
        dy_next = _load_body(dY, row + step, n_rows, head, cols, mask, N_COLS, ALIGN)
        x_next = _load_body(X, row + step, n_rows, head, cols, mask, N_COLS, ALIGN)
        dy_ends_next = _load_ends(dY, row + step, n_rows, end_cols, end_mask, N_COLS)
        x_ends_next = _load_ends(X, row + step, n_rows, end_cols, end_mask, N_COLS)
        mean = tl.load(Mean + row)
        rstd = tl.load(RSTD + row)
        xhat = (x - mean) * rstd
        xhat_ends = (x_ends - mean) * rstd
        # what is 0 throughout, in columns that do not exist, takes no registers
        if NEED_DW:
            dw = tl.where(mask, dw + dy * xhat, 0.0)
            dw_ends += dy_ends * xhat_ends
        if NEED_DB:
            db = tl.where(mask, db + dy, 0.0)
            db_ends += dy_ends
        if NEED_DX:
            g = dy + 0.0
            g_ends = dy_ends
            if HAS_W:
                g = dy * w.to(tl.float32)
                g_ends = dy_ends * w_ends.to(tl.float32)
            # dy is 0 in a masked column, so what xhat holds there adds nothing
            c1 = (tl.sum(g, axis=0) + tl.sum(g_ends, axis=0)) / N_COLS
            c2 = (tl.sum(g * xhat, axis=0) + tl.sum(g_ends * xhat_ends, axis=0)) / N_COLS
            dx = (g - c1 - xhat * c2) * rstd
            dx_ends = (g_ends - c1 - xhat_ends * c2) * rstd
            tl.store(dX + row * N_COLS + end_cols, dx_ends.to(dX.dtype.element_ty), mask=end_mask)
            tl.store(dX + body_start(row, head, N_COLS, ALIGN) + cols, dx.to(dX.dtype.element_ty), mask=mask)

    partial = _wide(tl.program_id(0)) * N_COLS
    if NEED_DW:
        tl.store(dW_partial + partial + head + cols, dw, mask=mask)
        tl.store(dW_partial + partial + end_cols, dw_ends, mask=end_mask)
    if NEED_DB:
        tl.store(dB_partial + partial + head + cols, db, mask=mask)
        tl.store(dB_partial + partial + end_cols, db_ends, mask=end_mask)
