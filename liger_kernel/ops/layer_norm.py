"""LayerNorm in torch: shapes and errors, launches by the plan, autograd, torch.compile.

Under autocast on a GPU the inputs are cast to fp32 and the output is fp32, as `torch.nn.functional.layer_norm` does
there; on the CPU autocast leaves both alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

import torch

from . import eager
from .problem import flat, problem_of, run_backward, run_forward

__all__ = ["LigerLayerNormFunction", "layer_norm_backward", "layer_norm_forward"]


class LigerLayerNormFunction:
    """`LigerLayerNormFunction.apply(X, W, B, eps)`: differentiable LayerNorm of the last dimension; returns Y.

    See `layer_norm_forward` for the arguments. With `normalized_shape` as a fifth argument it normalises as many last
    dimensions as that has, and W and B have that shape, as in `torch.nn.functional.layer_norm`.

    Not itself a `torch.autograd.Function`: under torch.compile `apply` is the registered operator (torch 2.4 and later;
    before, a graph break), in eager mode an autograd function with less host time than an operator has, and none at
    all where nothing is to be differentiated.
    """

    @staticmethod
    def apply(
        X: torch.Tensor,
        W: Optional[torch.Tensor],
        B: Optional[torch.Tensor],
        eps: float,
        normalized_shape: Union[int, Sequence[int], None] = None,
    ) -> torch.Tensor:
        if normalized_shape is not None and isinstance(X, torch.Tensor):
            shape = torch.Size([normalized_shape] if isinstance(normalized_shape, int) else normalized_shape)
            rows = as_rows(X, W, B, shape)
            return LigerLayerNormFunction.apply(*rows, eps).view(X.shape)
        if torch.is_autocast_enabled() and isinstance(X, torch.Tensor) and X.device.type != "cpu":
            X = X.float()
            W = W if W is None else W.float()
            B = B if B is None else B.float()
        if torch.compiler.is_compiling():
            # imported here: it takes all of torch.compile, which does not import with a Triton other than torch's own
            from . import registration

            if registration.REGISTERS:
                return registration.layer_norm(X, W, B, eps)
            return registration.outside_the_graph(X, W, B, eps)
        return eager.layer_norm(X, W, B, eps)


def as_rows(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], shape: torch.Size
) -> tuple[torch.Tensor, Optional[torch.Tensor], Optional[torch.Tensor]]:
    """X with its last dimensions, which are `shape`, as one; W and B with all of theirs as one.

    Raises:
        ValueError: the shapes do not go together; one sentence that names the argument.
    """
    if not shape or min(shape) < 1:
        raise ValueError(f"normalized_shape is {tuple(shape)}; it must have a dimension, and each must be at least 1")
    if X.shape[-len(shape) :] != shape:
        raise ValueError(f"X has shape {tuple(X.shape)}; its last dimensions must be normalized_shape, {tuple(shape)}")
    for name, vector in (("W", W), ("B", B)):
        if isinstance(vector, torch.Tensor) and vector.shape != shape:
            raise ValueError(f"{name} has shape {tuple(vector.shape)}; it must be normalized_shape, {tuple(shape)}")
    if len(shape) == 1:
        return X, W, B
    vectors = (vector.flatten() if isinstance(vector, torch.Tensor) else vector for vector in (W, B))
    return (X.flatten(-len(shape)), *vectors)


def layer_norm_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int, int]:
    """Y = (X - mean) / sqrt(var + eps) * W + B over the last dimension, with the biased variance.

    Args:
        X: shape (..., n_cols), float32, float16 or bfloat16, any strides.
        W, B: shape (n_cols,), of X's dtype or float32; None scales by one, shifts by zero.
        eps: added to the variance; finite and at least 0.

    Returns:
        (Y, X, Mean, RSTD, BLOCK_N, num_warps): Y of X's shape and dtype, X as a contiguous matrix (n_rows, n_cols), the
        statistics of shape (n_rows,) in float32, and the settings of the launch. `layer_norm_backward` takes the middle
        three.

    Raises:
        TypeError, ValueError: an argument that is not as above, named; nothing is launched then.
        RuntimeError: there is no device to run on.
    """
    problem, X, y, statistics = run_forward(X, W, B, eps)
    plan = problem.forward().launches.plan
    block_n, num_warps = (plan[0].constexprs["BLOCK_N"], plan[0].num_warps) if plan else (0, 0)
    return y, X.view(problem.n_rows, problem.n_cols), *problem.split(statistics), block_n, num_warps


def layer_norm_backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    B: Optional[torch.Tensor],
    Mean: torch.Tensor,
    RSTD: torch.Tensor,
    needs_dw: Optional[bool] = None,
    needs_db: Optional[bool] = None,
    needs_dx: bool = True,
) -> tuple[Optional[torch.Tensor], Optional[torch.Tensor], Optional[torch.Tensor]]:
    """The gradients of `layer_norm_forward`.

    Args:
        dY: shape (..., n_cols), in Y's dtype.
        X, Mean, RSTD: as `layer_norm_forward` returned them.
        W, B: as given to it.
        needs_dx, needs_dw, needs_db: which gradients to compute; None means: where W (B) is given.

    Returns:
        (dX, dW, dB): dX of dY's shape in X's dtype, dW and dB in W's and B's dtype; None for what was not wanted.

    Raises:
        ValueError: dY does not hold as many elements, in rows as long, as X.
    """
    if dY.shape[-1:] != X.shape[-1:] or dY.numel() != X.numel():
        raise ValueError(f"dY has shape {tuple(dY.shape)}; it must hold the {tuple(X.shape)} elements of the output")
    needs = (needs_dx, W is not None if needs_dw is None else needs_dw, B is not None if needs_db is None else needs_db)
    return run_backward(problem_of(X, W, B), needs, dY, flat(X), W, Mean, RSTD)
