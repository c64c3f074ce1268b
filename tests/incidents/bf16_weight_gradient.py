"""A weight gradient added up in bf16 over many rows: the later rows add nothing."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .incident import EVERY, Incident, NotApplicable, Observation, Seen

N_ROWS, N_COLS = 512, 16


@triton.jit
def add_rows(X, Out, n_rows, BLOCK: tl.constexpr):
    """Out[:BLOCK] += sum over n_rows rows of X, bf16 [n_rows, BLOCK], by one program; each sum is kept in Out's dtype.

    The additions are in fp32: the interpreter knows no other arithmetic for bf16.
    """
    cols = tl.arange(0, BLOCK)
    for row in range(n_rows):
        total = tl.load(Out + cols).to(tl.float32) + tl.load(X + row * BLOCK + cols).to(tl.float32)
        tl.store(Out + cols, total.to(Out.dtype.element_ty))


def _inputs() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 1.5, (N_ROWS, N_COLS)).astype(np.float32)


def _judge(half: np.ndarray, single: np.ndarray, exact: np.ndarray) -> Seen:
    errors = [float(np.max(np.abs(each - exact) / exact)) for each in (half, single)]
    assert errors[1] < 1e-4, errors
    return Seen(errors[0] > 0.02, f"off by {errors[0]:.1%} over {N_ROWS} rows in bf16, by {errors[1]:.1g} in fp32")


def interpret_it() -> Seen:
    if triton.__version__.startswith("2."):
        raise NotApplicable("the interpreter of Triton 2.3.1 has no bfloat16")
    x = standins.bfloat16(_inputs())
    half, single = standins.bfloat16(np.zeros(N_COLS)), standins.Tensor(np.zeros(N_COLS, np.float32))
    for out in (half, single):
        add_rows[(1,)](x, out, N_ROWS, BLOCK=N_COLS, num_warps=1)
    return _judge(standins.from_bfloat16(half), single.array, standins.from_bfloat16(x).astype(np.float64).sum(axis=0))


def on_a_gpu() -> Seen:
    import torch

    x = torch.from_numpy(_inputs()).to("cuda", torch.bfloat16)
    half, single = (torch.zeros(N_COLS, dtype=kind, device="cuda") for kind in (torch.bfloat16, torch.float32))
    for out in (half, single):
        add_rows[(1,)](x, out, N_ROWS, BLOCK=N_COLS, num_warps=1)
    return _judge(half.float().cpu().numpy(), single.cpu().numpy(), x.double().sum(dim=0).cpu().numpy())


INCIDENT = Incident(
    title="a weight gradient accumulated in bf16",
    reference="linkedin/Liger-Kernel#950, #830",
    symptom="weight gradients off by percents in bf16; worse with every row",
    affected="the kernel's own fault: every Triton",
    observations=(Observation("interpreter", interpret_it, EVERY), Observation("device", on_a_gpu, EVERY)),
)
