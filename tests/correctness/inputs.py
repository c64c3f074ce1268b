"""Inputs of the suites: drawn on the CPU from a fixed seed, so that every cell, level and GPU sees the same values."""

from __future__ import annotations

from typing import NamedTuple, Optional

import pytest
import torch

# as parameters of a test; bfloat16 is a gap of some cells
FP32 = pytest.param(torch.float32, id="fp32")
FP16 = pytest.param(torch.float16, id="fp16")
BF16 = pytest.param(torch.bfloat16, id="bf16", marks=pytest.mark.needs("bfloat16"))
DTYPES = (FP32, FP16, BF16)
HALF_DTYPES = (FP16, BF16)


class Problem(NamedTuple):
    """Arguments of one LayerNorm and the gradient of its output: x and dy (..., n_cols), w and b (n_cols,)."""

    x: torch.Tensor
    w: Optional[torch.Tensor]
    b: Optional[torch.Tensor]
    dy: torch.Tensor


def normal(*shape: int, dtype=torch.float32, device="cpu", mean=0.0, std=1.0, seed=0) -> torch.Tensor:
    """Draws from a normal distribution, rounded to ``dtype``."""
    draws = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return (draws * std + mean).to(dtype).to(device)


def problem(*shape: int, dtype=torch.float32, param_dtype=None, device="cpu", seed=0, mean=0.0, std=1.0) -> Problem:
    """A problem with x and dy of ``shape``; w near one and b near zero, as in a trained model."""
    param_dtype = param_dtype or dtype
    return Problem(
        x=normal(*shape, dtype=dtype, device=device, mean=mean, std=std, seed=seed),
        w=normal(shape[-1], dtype=param_dtype, device=device, mean=1.0, std=0.5, seed=seed + 1),
        b=normal(shape[-1], dtype=param_dtype, device=device, std=0.5, seed=seed + 2),
        dy=normal(*shape, dtype=dtype, device=device, seed=seed + 3),
    )
