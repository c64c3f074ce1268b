"""The autograd function of eager mode: less host time than a registered operator has."""

from __future__ import annotations

from typing import Any, Optional

import torch

from .problem import run_backward, run_forward


class EagerLayerNorm(torch.autograd.Function):
    """`apply(X, W, B, eps)`; arguments and errors are those of `layer_norm.layer_norm_forward`."""

    @staticmethod
    def forward(
        ctx: Any, X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
    ) -> torch.Tensor:
        ctx.problem, X, y, statistics = run_forward(X, W, B, eps)
        ctx.save_for_backward(X, W, statistics)
        return y

    @staticmethod
    def backward(ctx: Any, dY: torch.Tensor) -> tuple[Optional[torch.Tensor], ...]:
        if torch.is_grad_enabled():
            return _backward_once(ctx, dY)
        return EagerLayerNorm.gradients(ctx, dY)

    @staticmethod
    def gradients(ctx: Any, dY: torch.Tensor) -> tuple[Optional[torch.Tensor], ...]:
        X, W, statistics = ctx.saved_tensors
        dx, dw, db = run_backward(ctx.problem, ctx.needs_input_grad[:3], dY, X, W, statistics)
        return dx, dw, db, None


# once_differentiable refuses a second derivative, and costs host time that backward without create_graph need not pay
_backward_once = torch.autograd.function.once_differentiable(EagerLayerNorm.gradients)
