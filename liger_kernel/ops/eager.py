"""LayerNorm in eager mode: an autograd function, which has less host time than a registered operator, or none."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.autograd import forward_ad

from .problem import run_backward, run_forward


def layer_norm(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float) -> torch.Tensor:
    """Y; arguments and errors are those of `layer_norm.layer_norm_forward`.

    An autograd function costs the host as much as a launch, so none is called where nothing is to be differentiated. A
    third of it, in torch up to 2.13, is Python of its `apply` for transforms of torch.func. That is called only where
    there is such a transform, or a tensor left over by one, which has no memory until it is unwrapped there.
    """
    if forward_ad._current_level < 0 and not torch._C._are_functorch_transforms_active():
        try:
            return _apply(X, W, B, eps) if _is_differentiated(X, W, B) else run_forward(X, W, B, eps)[2]
        except RuntimeError:
            pass  # what was wrong otherwise is so again
    return EagerLayerNorm.apply(X, W, B, eps)


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


_apply: Any = super(torch.autograd.Function, EagerLayerNorm).apply
# once_differentiable refuses a second derivative, and costs host time that backward without create_graph need not pay
_backward_once = torch.autograd.function.once_differentiable(EagerLayerNorm.gradients)


def _is_differentiated(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor]) -> bool:
    if not torch.is_grad_enabled():
        return False
    try:
        return X.requires_grad or (W is not None and W.requires_grad) or (B is not None and B.requires_grad)
    except AttributeError:
        return True  # what is no tensor is refused later on
