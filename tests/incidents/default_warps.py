"""A launch without num_warps: 4 warps cannot hold the rows that they are given, and some compilers give up on it."""

import triton
import triton.language as tl

from .compiling import compiled
from .incident import Incident, Observation, Releases, Seen

N_COLS = 8192


@triton.jit
def backward(X, W, Mean, RSTD, dX, dW, dB, dY, n_cols, n_rows, rows_per_program: tl.constexpr, BLOCK: tl.constexpr):
    """LayerNorm backward of rows_per_program rows by each program, dw and db added up in registers.

    X, dX, dY [n_rows, n_cols] and W [n_cols] in fp32; Mean, RSTD [n_rows]; dW, dB [programs, n_cols].
    """
    program = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    dw = tl.zeros([BLOCK], tl.float32)
    db = tl.zeros([BLOCK], tl.float32)
    for row in range(program * rows_per_program, min((program + 1) * rows_per_program, n_rows)):
        x = tl.load(X + row * n_cols + cols, mask=mask, other=0.0)
        w = tl.load(W + cols, mask=mask, other=0.0)
        dy = tl.load(dY + row * n_cols + cols, mask=mask, other=0.0)
        rstd = tl.load(RSTD + row)
        xhat = (x - tl.load(Mean + row)) * rstd
        g = w * dy
        c1 = tl.sum(xhat * g, axis=0) / n_cols
        c2 = tl.sum(g, axis=0) / n_cols
        tl.store(dX + row * n_cols + cols, (g - (xhat * c1 + c2)) * rstd, mask=mask)
        dw += dy * xhat
        db += dy
    tl.store(dW + program * n_cols + cols, dw, mask=mask)
    tl.store(dB + program * n_cols + cols, db, mask=mask)


def compile_it() -> Seen:
    """8192 columns of fp32 for sm_90, at the default of 4 warps, beside 16 warps, which every release compiles well."""
    default, enough = (_metrics(num_warps) for num_warps in (4, 16))
    assert enough["spill_stores"] == 0, enough
    return Seen(
        default["stack_bytes"] > 1024,
        f"4 warps: {default['registers']} registers, {default['stack_bytes']} bytes of stack, "
        f"{default['spill_stores']} bytes of spill stores; 16 warps: {enough['registers']} registers and none",
    )


def _metrics(num_warps: int) -> dict:
    pointers = dict.fromkeys(("X", "W", "Mean", "RSTD", "dX", "dW", "dB", "dY"), "*fp32")
    numbers = dict.fromkeys(("n_cols", "n_rows"), "i32")
    # every number here is a multiple of 16, as it would be in a launch
    arguments, constants = {**pointers, **numbers}, {"rows_per_program": 32, "BLOCK": N_COLS}
    result = compiled(backward, arguments, constants, hints=tuple(arguments), num_warps=num_warps)
    assert result.status == "ok", result.reason
    return result.metrics


INCIDENT = Incident(
    title="a launch without num_warps",
    reference="linkedin/Liger-Kernel#801: Layernorm backward regression in triton 3.4.0",
    symptom="LayerNorm's backward up to 4.5 times slower after an update of Triton",
    affected="Triton 3.4.0 and later, 4096 < N <= 8192",
    note=(
        "The record says 3.4.0 and later. Measured: every release spills at 4 warps, but only with 3.4.0, 3.6.0 and "
        "3.7.1 does the code collapse to 32 registers; 3.5.1, 3.8.0 and 3.9.0 are close to 3.3.1. Liger 0.5.10's own "
        "kernel shows on the same releases."
    ),
    observations=(Observation("codegen", compile_it, Releases("3.4.0", "3.7.1", but_not=("3.5.0", "3.5.1"))),),
)
