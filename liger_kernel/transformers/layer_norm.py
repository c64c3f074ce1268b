"""LayerNorm as a module, a drop-in for Liger's."""

from __future__ import annotations

import operator

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
        hidden_size: length of the input's last dimension, at least 1.
        eps: added to the variance, which is in units of the input squared.
        bias: False starts the bias at zero, True at draws from the standard normal distribution.
        init_fn: ``"ones"`` or ``"zeros"``, what the weight starts at.

    Attributes:
        weight: parameter of shape ``(hidden_size,)``.
        bias: parameter of shape ``(hidden_size,)``.
        variance_epsilon: ``eps``, read at each call.

    Raises:
        TypeError: ``hidden_size`` is not an integer.
        ValueError: ``hidden_size`` is below 1, or ``init_fn`` is neither name.
    """

    def __init__(self, hidden_size: int, eps: float = 1e-6, bias: bool = False, init_fn: str = "ones"):
        super().__init__()
        try:
            self.hidden_size = operator.index(hidden_size)
        except TypeError:
            raise TypeError(f"hidden_size is {hidden_size!r}, but must be an integer of at least 1.") from None
        if self.hidden_size < 1:
            raise ValueError(f"hidden_size is {hidden_size}, but must be at least 1.")
        if init_fn not in _WEIGHT_INIT:
            raise ValueError(f"init_fn is {init_fn!r}, but must be one of {', '.join(map(repr, _WEIGHT_INIT))}.")
        self.weight = torch.nn.Parameter(_WEIGHT_INIT[init_fn](self.hidden_size))
        self.bias = torch.nn.Parameter(torch.randn(self.hidden_size) if bias else torch.zeros(self.hidden_size))
        self.variance_epsilon = eps

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Return the normalised ``hidden_states``.

        Args:
            hidden_states: shape ``(..., hidden_size)``, float32, float16 or bfloat16, on the parameters' device and
                of their dtype; with float32 parameters a 16-bit input is fine too.

        Returns:
            A tensor of the input's shape and dtype.

        Raises:
            TypeError, ValueError: as :func:`liger_kernel.transformers.functional.liger_layer_norm`.
        """
        return liger_layer_norm(hidden_states, self.weight, self.bias, self.variance_epsilon)

    def extra_repr(self) -> str:
        return f"{self.hidden_size}, eps={self.variance_epsilon}"
