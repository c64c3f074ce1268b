"""LayerNorm as a module, a drop-in for Liger's."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Union

import torch

from liger_kernel.transformers.functional import liger_layer_norm

__all__ = ["LigerLayerNorm"]

# the values that `init_fn` may name, and what fills the weight with each
_WEIGHT_INIT = {"ones": torch.ones, "zeros": torch.zeros}


class LigerLayerNorm(torch.nn.Module):
    """Normalise the last dimension of the input, then scale by ``weight`` and shift by ``bias``.

    The constructor and attributes are those of Liger's module of this name, so that checkpoints and patched models of
    either load into the other. That includes one surprise: there is always a trainable ``bias``; the ``bias`` argument
    says how it starts.

    Args:
        hidden_size: length of the input's last dimension, at least 1; or the lengths of several last dimensions, which
            are then normalised together, as ``normalized_shape`` of :class:`torch.nn.LayerNorm`.
        eps: added to the variance, which is in units of the input squared.
        bias: False starts the bias at zero, True at draws from the standard normal distribution.
        init_fn: ``"ones"`` or ``"zeros"``, what the weight starts at.

    Attributes:
        hidden_size: as given, a sequence as a tuple.
        normalized_shape: the same, always a tuple.
        weight: parameter of shape ``normalized_shape``.
        bias: parameter of shape ``normalized_shape``.
        variance_epsilon: ``eps``, read at each call.

    Raises:
        TypeError: ``hidden_size`` is neither an integer nor a sequence of integers.
        ValueError: ``hidden_size`` is or has a number below 1, or has none, or ``init_fn`` is neither name.
    """

    def __init__(
        self, hidden_size: Union[int, Sequence[int]], eps: float = 1e-6, bias: bool = False, init_fn: str = "ones"
    ):
        super().__init__()
        self.normalized_shape = _lengths(hidden_size)
        self.hidden_size = self.normalized_shape if isinstance(hidden_size, Sequence) else self.normalized_shape[0]
        if init_fn not in _WEIGHT_INIT:
            raise ValueError(f"init_fn is {init_fn!r}, but must be one of {', '.join(map(repr, _WEIGHT_INIT))}.")
        self.weight = torch.nn.Parameter(_WEIGHT_INIT[init_fn](self.normalized_shape))
        fill = torch.randn if bias else torch.zeros
        self.bias = torch.nn.Parameter(fill(self.normalized_shape))
        self.variance_epsilon = eps

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Return the normalised ``hidden_states``.

        Args:
            hidden_states: shape ``(..., *normalized_shape)``, float32, float16 or bfloat16, on the parameters' device
                and of their dtype; with float32 parameters a 16-bit input is fine too.

        Returns:
            A tensor of the input's shape and dtype.

        Raises:
            TypeError, ValueError: as :func:`liger_kernel.transformers.functional.liger_layer_norm`.
        """
        weight = self.weight
        # a weight of one dimension says by itself what is normalised, with less host time
        shape = weight.shape if weight is not None and weight.dim() > 1 else None
        return liger_layer_norm(hidden_states, weight, self.bias, self.variance_epsilon, shape)

    def extra_repr(self) -> str:
        return f"{self.hidden_size}, eps={self.variance_epsilon}"


def _lengths(hidden_size: Union[int, Sequence[int]]) -> tuple[int, ...]:
    try:
        lengths = tuple(map(operator.index, hidden_size if isinstance(hidden_size, Sequence) else [hidden_size]))
    except TypeError:
        raise TypeError(f"hidden_size is {hidden_size!r}, but must be an integer of at least 1, or several.") from None
    if not lengths or min(lengths) < 1:
        raise ValueError(f"hidden_size is {hidden_size}, but must be at least 1, and one number or more.")
    return lengths
