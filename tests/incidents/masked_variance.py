"""The variance of a row whose length is no power of two: masked lanes count with (0 - mean) ** 2."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .incident import EVERY, Incident, Observation, Seen


@triton.jit
def variances(X, Out, n_cols, ROWS: tl.constexpr, BLOCK: tl.constexpr, MASKED: tl.constexpr):
    """Out[r] = biased variance of X[r, :n_cols], ROWS rows by one program; MASKED leaves out the rest."""
    rows = tl.arange(0, ROWS)
    cols = tl.expand_dims(tl.arange(0, BLOCK), 0)
    mask = (cols < n_cols) & (tl.expand_dims(rows, 1) >= 0)
    x = tl.load(X + tl.expand_dims(rows, 1) * n_cols + cols, mask=mask, other=0.0)
    centred = x - tl.expand_dims(tl.sum(x, axis=1) / n_cols, 1)
    if MASKED:
        centred = tl.where(mask, centred, 0.0)
    tl.store(Out + rows, tl.sum(centred * centred, axis=1) / n_cols)


def interpret_it() -> Seen:
    """Wrong at 100 columns without the mask; right with it, and right without it at 128, which needs none."""
    wrong = _error(100, masked=False)
    assert _error(100, masked=True) < 1e-4
    assert _error(128, masked=False) < 1e-4
    return Seen(wrong > 1e-4, f"off by {wrong:.3g} of itself at 100 columns, exact at 128")


def _error(n_cols: int, masked: bool) -> float:
    x = np.random.default_rng(0).normal(1, 1, (2, n_cols)).astype(np.float32)
    out = standins.Tensor(np.zeros(2, np.float32))
    variances[(1,)](standins.Tensor(x), out, n_cols, ROWS=2, BLOCK=128, MASKED=masked, num_warps=1)
    exact = x.astype(np.float64).var(axis=1)
    return float(np.max(np.abs(out.array - exact) / exact))


INCIDENT = Incident(
    title="variance over masked lanes",
    reference="linkedin/Liger-Kernel#518",
    symptom="LayerNorm is wrong for every hidden size that is no power of two",
    affected="the kernel's own fault: every Triton",
    observations=(Observation("interpreter", interpret_it, EVERY),),
)
