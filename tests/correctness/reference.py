"""Ground truth, and the one rule by which a result is close enough.

Ground truth is torch's LayerNorm in float64 on the same input. Our largest error may be at most ``MULTIPLE`` times the
largest error of torch's own float32 LayerNorm on that input, its results rounded to the dtypes asked for, plus a floor.
That is how torch's GPU kernels work for 16-bit inputs too; its CPU kernels instead add up dw and db in 16 bits, are
wrong in the second digit after 500 rows, and would excuse the same in ours.

The floor is there where torch is exact by luck, as on a row of one element. It is one rounding to the result's dtype,
and the effect on the result of a mean that is off by two roundings in fp32: its sum's and its quotient's. Nothing in
the rule depends on the cell, the level, the size or the test.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

import torch

from .api import liger_layer_norm

# Two, as in flash-attention's tests. Interpreters of Triton 3.x truncate where a bf16 is stored, which alone costs a
# factor of two over rounding.
MULTIPLE = 2
FP32_EPS = torch.finfo(torch.float32).eps


class Results(NamedTuple):
    """Outputs of one forward and backward; a gradient that was not asked for is None."""

    y: torch.Tensor
    dx: Optional[torch.Tensor]
    dw: Optional[torch.Tensor]
    db: Optional[torch.Tensor]


def torch_layer_norm(x: torch.Tensor, w: Any, b: Any, eps: float) -> torch.Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w, b, eps)


def evaluate(function: Callable[..., torch.Tensor], x, w, b, eps, dy, frozen: tuple = ()) -> Results:
    """Run ``function(x, w, b, eps)``, and its backward with ``dy``.

    Those of "x", "w" and "b" that are in ``frozen`` ask for no gradient. The arguments keep their strides.
    """

    def leaf(name, tensor):
        return None if tensor is None else tensor.detach().requires_grad_(name not in frozen)

    leaves = [leaf(name, tensor) for name, tensor in (("x", x), ("w", w), ("b", b))]
    y = function(*leaves, eps)
    if y.requires_grad:
        y.backward(dy)
    return Results(y.detach(), *(None if tensor is None else tensor.grad for tensor in leaves))


def check(x, w, b, dy, eps=1e-6, frozen: tuple = (), function=liger_layer_norm) -> Results:
    """Assert that forward and backward of ``function`` are as exact as the rule asks, and return what it gave.

    Asserts the shape and dtype of every result too, that exactly the gradients asked for are there, and that no
    argument was changed.
    """
    arguments = [(tensor, None if tensor is None else tensor.clone()) for tensor in (x, w, b, dy)]
    ours = evaluate(function, x, w, b, eps, dy, frozen)
    for name, (tensor, before) in zip(["x", "w", "b", "dy"], arguments):
        _require(tensor is None or torch.equal(tensor, before), f"{name} was changed")

    exact = [None if tensor is None else tensor.double() for tensor in (x, w, b, dy)]
    single = [None if tensor is None else tensor.float() for tensor in (x, w, b, dy)]
    truth = evaluate(torch_layer_norm, *exact[:3], eps, exact[3], frozen)
    yardstick = evaluate(torch_layer_norm, *single[:3], eps, single[3], frozen)
    mean_rounding = _effect_of_rounding_the_mean(*exact, eps)
    for name, like in zip(Results._fields, (x, x, w, b)):
        got, true, torchs = (getattr(results, name) for results in (ours, truth, yardstick))
        _require((got is None) == (true is None), f"{name} is {'missing' if got is None else 'given, but frozen'}")
        if got is None:
            continue
        _require(got.dtype == like.dtype, f"{name} is {got.dtype}, not {like.dtype}")
        _require(got.shape == like.shape, f"{name} has shape {tuple(got.shape)}, not {tuple(like.shape)}")
        _require(got.device == like.device, f"{name} is on {got.device}, not {like.device}")
        error, torchs_error = _largest(got.double() - true), _largest(torchs.to(like.dtype).double() - true)
        floor = torch.finfo(like.dtype).eps * _largest(true) + mean_rounding[name]
        _require(
            error <= MULTIPLE * torchs_error + floor,
            f"{name} is off by {error:.3g}; torch is off by {torchs_error:.3g}, so that at most {MULTIPLE} times that "
            f"plus {floor:.3g} is allowed (shape {tuple(x.shape)}, {x.dtype}, eps {eps})",
        )
    return ours


def _effect_of_rounding_the_mean(x, w, b, dy, eps) -> dict:
    """How far each result moves when each row's mean is off by two roundings in fp32; over rows as a random walk."""
    n_cols = x.shape[-1]
    x = x.reshape(-1, n_cols)
    if x.shape[0] == 0:
        return dict.fromkeys(Results._fields, 0.0)
    dy = dy.reshape(-1, n_cols)
    w = x.new_ones(n_cols) if w is None else w
    rstd = (x.var(dim=1, correction=0) + eps).rsqrt()
    x_hat_moves = 2 * FP32_EPS * x.abs().amax(dim=1) * rstd
    dy_largest = dy.abs().amax(dim=1)
    return {
        "y": _largest(x_hat_moves) * _largest(w),
        "dx": _largest(x_hat_moves * rstd * (w * dy).abs().amax(dim=1)),
        "dw": (x_hat_moves * dy_largest).norm().item(),
        "db": FP32_EPS * dy_largest.norm().item(),
    }


def _largest(tensor: torch.Tensor) -> float:
    """The largest magnitude; NaN if there is one, 0 if there is nothing."""
    return tensor.abs().max().item() if tensor.numel() else 0.0


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
