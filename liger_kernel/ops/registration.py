"""LayerNorm as an operator that torch.compile can put into a graph: `liger_kernel::layer_norm_forward`.

Only torch.compile goes this way: in eager mode a registered operator costs more host time than an autograd function.
torch before 2.4 has not what it takes; there a compiled model breaks its graph and calls the eager function.
"""

from __future__ import annotations

import operator
from typing import Any, Optional

import torch

from . import eager
from .problem import aligned, flat, problem_of, run_backward, run_forward
from .utils import compare_version

REGISTERS = compare_version("torch", operator.ge, "2.4")


def layer_norm(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float) -> torch.Tensor:
    """Y, by the operator; only where `REGISTERS`."""
    return torch.ops.liger_kernel.layer_norm_forward(X, W, B, eps)[0]


@torch.compiler.disable
def outside_the_graph(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> torch.Tensor:
    """Y, by the eager function; under torch.compile the graph breaks here."""
    return eager.layer_norm(X, W, B, eps)


def _run_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    _, _, y, statistics = run_forward(X, W, B, eps)
    return y, statistics


def _fake_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    n_rows = X.numel() // X.shape[-1]
    y = torch.empty_like(X, memory_format=torch.contiguous_format)
    return y, X.new_empty(2 * aligned(n_rows), dtype=torch.float32)


def _run_backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    B: Optional[torch.Tensor],
    statistics: torch.Tensor,
    *needs: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An operator cannot return None: what is not wanted is empty."""
    grads = run_backward(problem_of(X, W, B), needs, dY, flat(X), W, statistics)
    dx, dw, db = (dY.new_empty(0) if grad is None else grad for grad in grads)
    return dx, dw, db


def _fake_backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    B: Optional[torch.Tensor],
    statistics: torch.Tensor,
    *needs: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    needs_dx, needs_dw, needs_db = needs
    dx = torch.empty_like(dY, dtype=X.dtype, memory_format=torch.contiguous_format) if needs_dx else dY.new_empty(0)
    dw = X.new_empty(X.shape[-1], dtype=X.dtype if W is None else W.dtype) if needs_dw else dY.new_empty(0)
    db = X.new_empty(X.shape[-1], dtype=X.dtype if B is None else B.dtype) if needs_db else dY.new_empty(0)
    return dx, dw, db


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
    X, W, B, _ = inputs
    _, statistics = output
    ctx.save_for_backward(X, W, B, statistics)


def _differentiate(ctx: Any, dY: torch.Tensor, _dstatistics: Any) -> tuple[Optional[torch.Tensor], ...]:
    X, W, B, statistics = ctx.saved_tensors
    needs = [bool(need) for need in ctx.needs_input_grad[:3]]
    grads = torch.ops.liger_kernel.layer_norm_backward(dY, X, W, B, statistics, *needs)
    return (*(grad if need else None for grad, need in zip(grads, needs)), None)


if REGISTERS:
    torch.library.define(
        "liger_kernel::layer_norm_forward", "(Tensor X, Tensor? W, Tensor? B, float eps) -> (Tensor, Tensor)"
    )
    torch.library.define(
        "liger_kernel::layer_norm_backward",
        "(Tensor dY, Tensor X, Tensor? W, Tensor? B, Tensor statistics, bool needs_dx, bool needs_dw, bool needs_db) "
        "-> (Tensor, Tensor, Tensor)",
    )
    torch.library.impl("liger_kernel::layer_norm_forward", ["cuda", "cpu"], _run_forward)
    torch.library.impl("liger_kernel::layer_norm_backward", ["cuda", "cpu"], _run_backward)
    torch.library.register_fake("liger_kernel::layer_norm_forward", _fake_forward)
    torch.library.register_fake("liger_kernel::layer_norm_backward", _fake_backward)
    torch.library.register_autograd("liger_kernel::layer_norm_forward", _differentiate, setup_context=_save)
