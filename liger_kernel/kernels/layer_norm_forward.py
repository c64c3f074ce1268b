"""Forward kernels of LayerNorm: y = (x - mean) * rstd * w + b, rstd = 1 / sqrt(var + eps), var with divisor N_COLS.

All kernels keep to the subset of Triton that 2.3.1 and every later release share, compiled and interpreted alike:
two-dimensional [ROWS, BLOCK_N] tiles, `tl.expand_dims` instead of indexing with None, sums in fp32, no scalar made by
a reduction, and no parameter named like a compile option (Triton 2.3.1 would drop it from the call).

Tensors are contiguous. N_COLS is a constant of every kernel, so that the compiler knows how rows are aligned and drops
registers that no column needs.
"""

import triton
import triton.language as tl


@triton.jit
def _layer_norm_forward_kernel(
    X,
    W,
    B,
    Y,
    Mean,
    RSTD,
    n_rows,
    eps,
    N_COLS: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd of ROWS whole rows a program, held in registers between the two passes of the variance.

    X, Y          [n_rows, N_COLS], fp32 / fp16 / bf16
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Settings      "tile": ROWS is rows, BLOCK_N is block_n, at least N_COLS
    Why           the default: such a row is read once, and several short ones fill a program
    """
    # 64-bit from the first product on: n_rows * N_COLS may pass 2**31, and so may n_rows alone. A tile from the start,
    # since a scalar of Triton 2.3.1's interpreter has no `to`
    rows = tl.full([ROWS], ROWS, tl.int64) * tl.program_id(0) + tl.arange(0, ROWS)
    cols = tl.expand_dims(tl.arange(0, BLOCK_N), 0)
    row_mask = rows < n_rows
    col_mask = cols < N_COLS
    mask = tl.expand_dims(row_mask, 1) & col_mask
    offsets = tl.expand_dims(rows * N_COLS, 1) + cols

    x = tl.load(X + offsets, mask=mask, other=0.0).to(tl.float32)
    # summed about the row's first element, so that a mean far from zero costs the sum no digits
    origin = tl.load(X + rows * N_COLS, mask=row_mask, other=0.0).to(tl.float32)
    # a masked column holds 0, so its difference is not 0 and must not enter a sum
    offset = tl.where(mask, x - tl.expand_dims(origin, 1), 0.0)
    mean_offset = tl.sum(offset, axis=1) / N_COLS
    centred = tl.where(mask, offset - tl.expand_dims(mean_offset, 1), 0.0)
    mean = origin + mean_offset
    variance = tl.sum(centred * centred, axis=1) / N_COLS
    rstd = 1 / tl.sqrt(variance + eps)
    tl.store(Mean + rows, mean, mask=row_mask)
    tl.store(RSTD + rows, rstd, mask=row_mask)

    y = centred * tl.expand_dims(rstd, 1)
    if HAS_W:
        y = y * tl.load(W + cols, mask=col_mask, other=0.0).to(tl.float32)
    if HAS_B:
        y = y + tl.load(B + cols, mask=col_mask, other=0.0).to(tl.float32)
    tl.store(Y + offsets, y.to(Y.dtype.element_ty), mask=mask)


@triton.jit
def _layer_norm_forward_wide_kernel(
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
    HAS_W: tl.constexpr,
    HAS_B: tl.constexpr,
):
    """y, mean and rstd of one row after another, in chunks of BLOCK_N.

    X, Y          [n_rows, N_COLS], fp32 / fp16 / bf16
    W, B          [N_COLS], X's dtype or fp32; read only where HAS_W / HAS_B
    Mean, RSTD    [n_rows], fp32: kept for backward
    Settings      "wide": BLOCK_N is block_n; programs bounds the grid
    Why           rows too wide for registers, where no programs may share one: on ROCm, interpreted, with few
                  multiprocessors. The row is read twice

    Every lane runs Welford's update over its own columns, so no chunk waits for a reduction; the lanes are combined
    once at the end (Chan, Golub, LeVeque 1979). The second read of the row goes from its end to its start: what was
    read last is what the L2 still holds.
    """
    lanes = tl.expand_dims(tl.arange(0, BLOCK_N), 0)
    n_chunks: tl.constexpr = (N_COLS + BLOCK_N - 1) // BLOCK_N
    lane_count = tl.where(lanes + (n_chunks - 1) * BLOCK_N < N_COLS, n_chunks * 1.0, n_chunks - 1.0)
    for row in range(tl.program_id(0), n_rows, tl.num_programs(0)):
        # a tile, since a scalar of Triton 2.3.1's interpreter has no `to`
        rows = tl.full([1], 0, tl.int64) + row
        row_start = tl.expand_dims(rows * N_COLS, 1)

        lane_mean = tl.zeros([1, BLOCK_N], tl.float32)
        lane_m2 = tl.zeros([1, BLOCK_N], tl.float32)
        for chunk in range(n_chunks):
            cols = lanes + chunk * BLOCK_N
            mask = cols < N_COLS
            x = tl.load(X + row_start + cols, mask=mask, other=0.0).to(tl.float32)
            delta = tl.where(mask, x - lane_mean, 0.0)
            lane_mean = lane_mean + delta * (1.0 / (chunk + 1))
            lane_m2 = lane_m2 + delta * (x - lane_mean)
        # summed about the row's first element, so that a mean far from zero costs the sum no digits
        origin = tl.load(X + rows * N_COLS, mask=rows < n_rows, other=0.0).to(tl.float32)
        shift = tl.where(lane_count > 0.0, lane_mean - tl.expand_dims(origin, 1), 0.0)
        mean_offset = tl.sum(shift * lane_count, axis=1) / N_COLS
        mean = origin + mean_offset
        shift = shift - tl.expand_dims(mean_offset, 1)
        variance = tl.sum(lane_m2 + lane_count * shift * shift, axis=1) / N_COLS
        rstd = 1 / tl.sqrt(variance + eps)
        tl.store(Mean + rows, mean)
        tl.store(RSTD + rows, rstd)

        for chunk in range(n_chunks):
            cols = lanes + (n_chunks - 1 - chunk) * BLOCK_N
            mask = cols < N_COLS
            x = tl.load(X + row_start + cols, mask=mask, other=0.0).to(tl.float32)
            y = (x - tl.expand_dims(mean, 1)) * tl.expand_dims(rstd, 1)
            if HAS_W:
                y = y * tl.load(W + cols, mask=mask, other=0.0).to(tl.float32)
            if HAS_B:
                y = y + tl.load(B + cols, mask=mask, other=0.0).to(tl.float32)
            tl.store(Y + row_start + cols, y.to(Y.dtype.element_ty), mask=mask)
