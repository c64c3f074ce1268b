"""What ``bisect`` is tried on: a LayerNorm backward whose spills depend on the Triton release."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def wide_backward(X, W, Mean, RSTD, dY, dX, dW, dB, rows_per_program, n_rows, n_cols, BLOCK_N: tl.constexpr):
    """One program takes rows_per_program rows of X, dY, dX [n_rows, n_cols] and adds up its part of dW and dB.

    W [n_cols]; Mean, RSTD [n_rows]; dW, dB [programs, n_cols], fp32. The whole row is held in registers.
    """
    program = tl.program_id(0)
    cols = tl.arange(0, BLOCK_N)
    mask = cols < n_cols
    first = program * rows_per_program
    dw = tl.zeros((BLOCK_N,), dtype=tl.float32)
    db = tl.zeros((BLOCK_N,), dtype=tl.float32)
    w = tl.load(W + cols, mask=mask, other=0.0)
    for row in range(first, min(first + rows_per_program, n_rows)):
        x = tl.load(X + row * n_cols + cols, mask=mask, other=0.0)
        dy = tl.load(dY + row * n_cols + cols, mask=mask, other=0.0)
        rstd = tl.load(RSTD + row)
        x_hat = (x - tl.load(Mean + row)) * rstd
        g = w * dy
        c1 = tl.sum(x_hat * g, axis=0) / n_cols
        c2 = tl.sum(g, axis=0) / n_cols
        tl.store(dX + row * n_cols + cols, (g - (x_hat * c1 + c2)) * rstd, mask=mask)
        dw += dy * x_hat
        db += dy
    tl.store(dW + program * n_cols + cols, dw, mask=mask)
    tl.store(dB + program * n_cols + cols, db, mask=mask)
