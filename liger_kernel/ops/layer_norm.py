"""LayerNorm in torch: shapes and errors, launches by the plan, autograd, torch.compile.

Under autocast on a GPU the inputs are cast to fp32 and the output is fp32, as `torch.nn.functional.layer_norm` does
there; on the CPU autocast leaves both alone.
"""

from __future__ import annotations

import functools
import numbers
from typing import Any, Optional

import torch

from ..kernels import launch_plan
from .launch import PreparedLaunch, launch_all, require_device
from .launch import device_properties as _device_properties

__all__ = ["LigerLayerNormFunction", "layer_norm_backward", "layer_norm_forward"]

DTYPES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


class LigerLayerNormFunction:
    """`LigerLayerNormFunction.apply(X, W, B, eps)`: differentiable LayerNorm of the last dimension; returns Y.

    See `layer_norm_forward` for the arguments. Not itself a `torch.autograd.Function`: under torch.compile `apply` is
    the registered operator (torch 2.4 and later; before, a graph break), in eager mode an autograd function with less
    host time than an operator has.
    """

    @staticmethod
    def apply(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float) -> torch.Tensor:
        if torch.is_autocast_enabled() and isinstance(X, torch.Tensor) and X.device.type != "cpu":
            X = X.float()
            W = W if W is None else W.float()
            B = B if B is None else B.float()
        if torch.compiler.is_compiling():
            from .registration import layer_norm

            return layer_norm(X, W, B, eps)
        return EagerLayerNorm.apply(X, W, B, eps)


class EagerLayerNorm(torch.autograd.Function):
    """The autograd function of eager mode."""

    @staticmethod
    def forward(
        ctx: Any, X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
    ) -> torch.Tensor:
        X, y, mean, rstd, _ = _forward(X, W, B, eps)
        ctx.save_for_backward(X, W, mean, rstd)
        ctx.b_dtype = X.dtype if B is None else B.dtype
        return y

    @staticmethod
    def backward(ctx: Any, dY: torch.Tensor) -> tuple[Optional[torch.Tensor], ...]:
        if torch.is_grad_enabled():
            return _backward_once(ctx, dY)
        return EagerLayerNorm.gradients(ctx, dY)

    @staticmethod
    def gradients(ctx: Any, dY: torch.Tensor) -> tuple[Optional[torch.Tensor], ...]:
        X, W, mean, rstd = ctx.saved_tensors
        needs_dx, needs_dw, needs_db, _ = ctx.needs_input_grad
        return (*_backward(dY, X, W, mean, rstd, ctx.b_dtype, needs_dx, needs_dw, needs_db), None)


# once_differentiable refuses a second derivative, and costs host time that backward without create_graph need not pay
_backward_once = torch.autograd.function.once_differentiable(EagerLayerNorm.gradients)


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
    X, y, mean, rstd, launches = _forward(X, W, B, eps)
    block_n, num_warps = (launches[0].plan.constexprs["BLOCK_N"], launches[0].plan.num_warps) if launches else (0, 0)
    return y, X.view(mean.numel(), X.shape[-1]), mean, rstd, block_n, num_warps


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
    needs_dw = W is not None if needs_dw is None else needs_dw
    needs_db = B is not None if needs_db is None else needs_db
    b_dtype = X.dtype if B is None else B.dtype
    return _backward(dY, X.contiguous(), W, Mean, RSTD, b_dtype, needs_dx, needs_dw, needs_db)


def _forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, tuple[PreparedLaunch, ...]]:
    """Check, prepare once for all calls alike, and launch: (contiguous X, Y, Mean, RSTD, launches)."""
    try:
        launches, n_rows = _prepare_forward(
            X.shape, X.dtype, X.device, W if W is None else _kind(W), B if B is None else _kind(B)
        )
        eps = eps if type(eps) is float and 0.0 <= eps < float("inf") else _checked_eps(eps)
    except AttributeError:
        for name, value in (("X", X), ("W", W), ("B", B)):
            if not isinstance(value, torch.Tensor) and (name == "X" or value is not None):
                allowed = "a torch.Tensor" if name == "X" else "a torch.Tensor or None"
                raise TypeError(f"{name} is a {type(value).__name__}; it must be {allowed}") from None
        raise
    X = X.contiguous()
    y = torch.empty_like(X)
    mean = torch.empty(n_rows, dtype=torch.float32, device=X.device)
    rstd = torch.empty_like(mean)
    if launches:
        W = X if W is None else W.contiguous()
        B = X if B is None else B.contiguous()
        values = {"X": X, "W": W, "B": B, "Y": y, "Mean": mean, "RSTD": rstd, "n_rows": n_rows, "eps": eps}
        slots = launches[0].plan.exchange_slots
        if slots:
            values["Exchange"] = torch.zeros(slots, dtype=torch.int64, device=X.device)
        launch_all(launches, X.device, values)
    return X, y, mean, rstd, launches


def _backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    Mean: torch.Tensor,
    RSTD: torch.Tensor,
    b_dtype: torch.dtype,
    needs_dx: bool,
    needs_dw: bool,
    needs_db: bool,
) -> tuple[Optional[torch.Tensor], Optional[torch.Tensor], Optional[torch.Tensor]]:
    """Launch backward; X is contiguous: (dX of dY's shape, dW, dB), None for what was not wanted."""
    n_cols, device = X.shape[-1], X.device
    w_dtype = X.dtype if W is None else W.dtype
    launches, n_partials, slots, decided = _prepare_backward(
        Mean.shape[0], n_cols, X.dtype, device, w_dtype, b_dtype, W is not None, needs_dx, needs_dw, needs_db
    )
    dY = dY.contiguous()
    make = torch.empty if launches else torch.zeros
    dx = torch.empty_like(dY, dtype=X.dtype) if needs_dx else None
    dw = make(n_cols, dtype=w_dtype, device=device) if needs_dw else None
    db = make(n_cols, dtype=b_dtype, device=device) if needs_db else None
    if launches:
        W = X if W is None else W.contiguous()
        values = {"dY": dY, "X": X, "W": W, "Mean": Mean, "RSTD": RSTD, "n_rows": Mean.shape[0]}
        # a kernel does not touch what is not wanted; any tensor of the right type stands in for it
        values["dX"] = X if dx is None else dx
        values["dW"] = W if dw is None else dw
        values["dB"] = torch.empty(0, dtype=b_dtype, device=device) if db is None else db
        for name, wanted in (("dW_partial", needs_dw), ("dB_partial", needs_db)):
            values[name] = torch.empty(n_partials, n_cols, dtype=torch.float32, device=device) if wanted else Mean
        if slots:
            values["Exchange"] = torch.zeros(slots, dtype=torch.int64, device=device)
        elif launches[0].plan.args.get("Exchange"):
            values["Exchange"] = torch.empty(0, dtype=torch.int64, device=device)
        values.update(decided)
        launch_all(launches, device, values)
    return dx, dw, db


def _kind(vector: torch.Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return vector.shape, vector.dtype, vector.device


@functools.lru_cache(maxsize=4096)
def _prepare_forward(
    shape: torch.Size, dtype: torch.dtype, device: torch.device, w: Optional[tuple], b: Optional[tuple]
) -> tuple[tuple[PreparedLaunch, ...], int]:
    """Check shapes, dtypes and devices, and prepare the launches: (launches, number of rows).

    Raises:
        TypeError, ValueError, RuntimeError: in one sentence that names the argument, its value and what is allowed.
    """
    if dtype not in DTYPES:
        raise TypeError(f"X has dtype {dtype}; it must be float32, float16 or bfloat16")
    if not shape:
        raise ValueError("X has no dimensions; it must have at least one, the last of which is normalised")
    n_cols = shape[-1]
    if n_cols == 0:
        raise ValueError(f"X has shape {tuple(shape)}; its last dimension must have at least one element")
    for name, vector in (("W", w), ("B", b)):
        if vector is None:
            continue
        if vector[0] != (n_cols,):
            raise ValueError(f"{name} has shape {tuple(vector[0])}; it must be ({n_cols},), the last dimension of X")
        if vector[1] not in (dtype, torch.float32):
            raise TypeError(f"{name} has dtype {vector[1]}; it must be X's ({dtype}) or float32")
        if vector[2] != device:
            raise ValueError(f"{name} is on {vector[2]}; it must be on X's device, {device}")
    require_device(device)
    n_rows = shape[:-1].numel()
    plan = launch_plan.forward_plan(
        n_rows,
        n_cols,
        DTYPES[dtype],
        _device_properties(device),
        w_dtype=None if w is None else DTYPES[w[1]],
        b_dtype=None if b is None else DTYPES[b[1]],
        has_w=w is not None,
        has_b=b is not None,
    )
    return tuple(map(PreparedLaunch, plan)), n_rows


@functools.lru_cache(maxsize=4096)
def _prepare_backward(
    n_rows: int,
    n_cols: int,
    dtype: torch.dtype,
    device: torch.device,
    w_dtype: torch.dtype,
    b_dtype: torch.dtype,
    has_w: bool,
    needs_dx: bool,
    needs_dw: bool,
    needs_db: bool,
) -> tuple[tuple[PreparedLaunch, ...], int, int, dict[str, int]]:
    """(launches, number of partial rows of dw and db, slots to exchange sums in, integers that the plan decided)."""
    plan = launch_plan.backward_plan(
        n_rows,
        n_cols,
        DTYPES[dtype],
        _device_properties(device),
        w_dtype=DTYPES[w_dtype],
        b_dtype=DTYPES[b_dtype],
        has_w=has_w,
        need_dx=needs_dx,
        need_dw=needs_dw,
        need_db=needs_db,
    )
    n_partials = max((launch.values.get("n_partials", 0) for launch in plan), default=0)
    slots = max((launch.exchange_slots for launch in plan), default=0)
    decided = {name: value for launch in plan for name, value in launch.values.items()}
    return tuple(map(PreparedLaunch, plan)), n_partials, slots, decided


def _checked_eps(eps: object) -> float:
    if not isinstance(eps, numbers.Real):
        raise TypeError(f"eps is a {type(eps).__name__}; it must be a number")
    if not 0 <= float(eps) < float("inf"):
        raise ValueError(f"eps is {eps}; it must be finite and at least 0")
    return float(eps)
