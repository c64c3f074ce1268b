"""LayerNorm as an operator that torch.compile can put into a graph: `liger_kernel::layer_norm_forward`.

Only torch.compile goes this way: in eager mode a registered operator costs more host time than an autograd function.
torch before 2.4 has not what it takes, so that there a compiled model breaks its graph and calls the eager function.
"""

from __future__ import annotations

import operator
from typing import Any, Optional

import torch

from .layer_norm import EagerLayerNorm, _backward, _forward
from .utils import compare_version

REGISTERS = compare_version("torch", operator.ge, "2.4")


def layer_norm(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float) -> torch.Tensor:
    """Y, by the operator where torch can register it."""
    if REGISTERS:
        return torch.ops.liger_kernel.layer_norm_forward(X, W, B, eps)[0]
    return _outside_the_graph(X, W, B, eps)


@torch.compiler.disable
def _outside_the_graph(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> torch.Tensor:
    return EagerLayerNorm.apply(X, W, B, eps)


def _run_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    _, y, mean, rstd, _ = _forward(X, W, B, eps)
    return y, mean, rstd


def _fake_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    n_rows = X.numel() // X.shape[-1]
    mean = X.new_empty(n_rows, dtype=torch.float32)
    return torch.empty_like(X, memory_format=torch.contiguous_format), mean, torch.empty_like(mean)


def _run_backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    B: Optional[torch.Tensor],
    Mean: torch.Tensor,
    RSTD: torch.Tensor,
    needs_dx: bool,
    needs_dw: bool,
    needs_db: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An operator cannot return None: what is not wanted is empty."""
    b_dtype = X.dtype if B is None else B.dtype
    grads = _backward(dY, X.contiguous(), W, Mean, RSTD, b_dtype, needs_dx, needs_dw, needs_db)
    dx, dw, db = (dY.new_empty(0) if grad is None else grad for grad in grads)
    return dx, dw, db


def _fake_backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    B: Optional[torch.Tensor],
    Mean: torch.Tensor,
    RSTD: torch.Tensor,
    needs_dx: bool,
    needs_dw: bool,
    needs_db: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    nothing = dY.new_empty(0)
    dx = torch.empty_like(dY, dtype=X.dtype, memory_format=torch.contiguous_format) if needs_dx else nothing
    dw = X.new_empty(X.shape[-1], dtype=X.dtype if W is None else W.dtype) if needs_dw else dY.new_empty(0)
    db = X.new_empty(X.shape[-1], dtype=X.dtype if B is None else B.dtype) if needs_db else dY.new_empty(0)
    return dx, dw, db


def _save(ctx: Any, inputs: tuple, output: tuple) -> None:
    X, W, B, _ = inputs
    _, mean, rstd = output
    ctx.save_for_backward(X, W, B, mean, rstd)


def _differentiate(ctx: Any, dY: torch.Tensor, _dmean: Any, _drstd: Any) -> tuple[Optional[torch.Tensor], ...]:
    X, W, B, mean, rstd = ctx.saved_tensors
    needs = [bool(need) for need in ctx.needs_input_grad[:3]]
    grads = torch.ops.liger_kernel.layer_norm_backward(dY, X, W, B, mean, rstd, *needs)
    return (*(grad if need else None for grad, need in zip(grads, needs)), None)


if REGISTERS:
    torch.library.define(
        "liger_kernel::layer_norm_forward", "(Tensor X, Tensor? W, Tensor? B, float eps) -> (Tensor, Tensor, Tensor)"
    )
    torch.library.define(
        "liger_kernel::layer_norm_backward",
        "(Tensor dY, Tensor X, Tensor? W, Tensor? B, Tensor Mean, Tensor RSTD, bool needs_dx, bool needs_dw, "
        "bool needs_db) -> (Tensor, Tensor, Tensor)",
    )
    torch.library.impl("liger_kernel::layer_norm_forward", ["cuda", "cpu"], _run_forward)
    torch.library.impl("liger_kernel::layer_norm_backward", ["cuda", "cpu"], _run_backward)
    torch.library.register_fake("liger_kernel::layer_norm_forward", _fake_forward)
    torch.library.register_fake("liger_kernel::layer_norm_backward", _fake_backward)
    torch.library.register_autograd("liger_kernel::layer_norm_forward", _differentiate, setup_context=_save)
