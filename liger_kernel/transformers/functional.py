"""Functional forms of the layers, under the names that Liger's users import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

import torch

from liger_kernel.ops.layer_norm import LigerLayerNormFunction

__all__ = ["liger_layer_norm"]


def liger_layer_norm(
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    B: Optional[torch.Tensor],
    eps: float,
    normalized_shape: Union[int, Sequence[int], None] = None,
) -> torch.Tensor:
    """Normalise the last dimension of ``X`` to zero mean and unit variance, then scale by ``W`` and shift by ``B``.

    ``Y = (X - mean) / sqrt(var + eps) * W + B`` with the biased variance, as in https://arxiv.org/abs/1607.06450 and
    :func:`torch.nn.functional.layer_norm`. Differentiable in ``X``, ``W`` and ``B``; statistics are kept in fp32.

    Args:
        X: shape ``(..., hidden_size)``, float32, float16 or bfloat16, any strides.
        W: shape ``(hidden_size,)``, of ``X``'s dtype or float32; None scales by one.
        B: shape ``(hidden_size,)``, of ``X``'s dtype or float32; None shifts by zero.
        eps: added to the variance, which is in units of ``X`` squared.
        normalized_shape: lengths of the last dimensions, which are normalised together; ``W`` and ``B`` then have this
            shape. None normalises the last dimension alone.

    Returns:
        A tensor of ``X``'s shape and dtype.

    Raises:
        TypeError: an argument is no tensor, or has a dtype that is not supported.
        ValueError: an argument has the wrong shape or device. Nothing is launched on bad input.
    """
    if normalized_shape is None:
        return LigerLayerNormFunction.apply(X, W, B, eps)
    return LigerLayerNormFunction.apply(X, W, B, eps, normalized_shape)
