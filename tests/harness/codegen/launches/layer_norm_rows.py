"""LayerNorm backward as it is written first: a program takes a run of rows, one at a time, all of it in registers.

With x_hat = (x - mean) * rstd and wdy = w * dy: dx = rstd * (wdy - mean(wdy) - x_hat * mean(x_hat * wdy)), and each
program writes its share of dw = sum(dy * x_hat) and db = sum(dy). It is compiled by the tests, and never run.
"""

import triton
import triton.language as tl


@triton.jit
def layer_norm_backward_rows(
    X,
    W,
    Mean,
    RSTD,
    dX,
    dW,
    dB,
    dY,
    stride_x,
    stride_dx,
    stride_dw,
    stride_db,
    stride_dy,
    n_rows,
    n_cols,
    rows_per_program,
    BLOCK_SIZE: tl.constexpr,
):
    row_block = tl.program_id(0)
    start = row_block * rows_per_program
    end = min((row_block + 1) * rows_per_program, n_rows)
    cols = tl.arange(0, BLOCK_SIZE)
    mask = cols < n_cols
    dw = tl.zeros((BLOCK_SIZE,), dtype=tl.float32)
    db = tl.zeros((BLOCK_SIZE,), dtype=tl.float32)
    X += start * stride_x
    Mean += start
    RSTD += start
    dX += start * stride_dx
    dY += start * stride_dy
    for _ in range(start, end):
        x = tl.load(X + cols, mask=mask, other=0.0)
        w = tl.load(W + cols, mask=mask, other=0.0)
        dy = tl.load(dY + cols, mask=mask, other=0.0)
        mean = tl.load(Mean)
        rstd = tl.load(RSTD)
        x_hat = (x - mean) * rstd
        wdy = w * dy
        c1 = tl.sum(x_hat * wdy, axis=0) / n_cols
        c2 = tl.sum(wdy, axis=0) / n_cols
        tl.store(dX + cols, (wdy - (x_hat * c1 + c2)) * rstd, mask=mask)
        dw += dy * x_hat
        db += dy
        X += stride_x
        Mean += 1
        RSTD += 1
        dX += stride_dx
        dY += stride_dy
    tl.store(dW + row_block * stride_dw + cols, dw, mask=mask)
    tl.store(dB + row_block * stride_db + cols, db, mask=mask)
