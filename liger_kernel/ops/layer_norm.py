"""LayerNorm in torch: shapes and errors, launches by the plan, autograd.

Under CUDA autocast the inputs are cast to fp32 and the output is fp32, as `torch.nn.functional.layer_norm` does there.
"""

from __future__ import annotations

import functools
import numbers
import os
from typing import Any, Optional

import torch

from ..kernels import launch_plan
from ..kernels.launch_plan import DeviceProperties, Launch

__all__ = ["LigerLayerNormFunction", "layer_norm_backward", "layer_norm_forward"]

DTYPES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


def layer_norm_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int, int]:
    """Y = (X - mean) / sqrt(var + eps) * W + B over the last dimension, with the biased variance.

    Args:
        X: shape (..., n_cols), float32, float16 or bfloat16.
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
    eps = _check_forward(X, W, B, eps)
    X = X.contiguous()
    y, mean, rstd = _forward(X, _contiguous(W), _contiguous(B), eps)
    launches = _forward_launches(X, W, B)
    block_n, num_warps = (launches[0].constexprs["BLOCK_N"], launches[0].num_warps) if launches else (0, 0)
    return y, X.view(_n_rows(X), X.shape[-1]), mean, rstd, block_n, num_warps


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
    """
    if dY.shape[-1:] != X.shape[-1:] or dY.numel() != X.numel():
        raise ValueError(f"dY has shape {tuple(dY.shape)}; it must hold the {tuple(X.shape)} elements of the output")
    needs_dw = W is not None if needs_dw is None else needs_dw
    needs_db = B is not None if needs_db is None else needs_db
    w_dtype = W.dtype if W is not None else X.dtype
    b_dtype = B.dtype if B is not None else X.dtype
    return _backward(
        dY.contiguous(), X.contiguous(), _contiguous(W), Mean, RSTD, w_dtype, b_dtype, needs_dx, needs_dw, needs_db
    )


class LigerLayerNormFunction(torch.autograd.Function):
    """`LigerLayerNormFunction.apply(X, W, B, eps)`: see `layer_norm_forward` for the arguments; returns Y."""

    @staticmethod
    def forward(
        ctx: Any, X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
    ) -> torch.Tensor:
        if _autocast_enabled(X):
            X, W, B = (None if tensor is None else tensor.float() for tensor in (X, W, B))
        eps = _check_forward(X, W, B, eps)
        X = X.contiguous()
        y, mean, rstd = _forward(X, _contiguous(W), _contiguous(B), eps)
        ctx.save_for_backward(X, W, B, mean, rstd)
        return y

    @staticmethod
    def backward(ctx: Any, dY: torch.Tensor) -> tuple[Optional[torch.Tensor], ...]:
        X, W, B, mean, rstd = ctx.saved_tensors
        needs_dx, needs_dw, needs_db, _ = ctx.needs_input_grad
        dx, dw, db = layer_norm_backward(dY, X, W, B, mean, rstd, needs_dw, needs_db, needs_dx)
        return dx, dw, db, None


def _check_forward(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float) -> float:
    """Raise on what the kernels cannot take, in one sentence that names the argument; return eps as a float."""
    if not isinstance(X, torch.Tensor):
        raise TypeError(f"X is a {type(X).__name__}; it must be a torch.Tensor")
    if X.dtype not in DTYPES:
        raise TypeError(f"X has dtype {X.dtype}; it must be float32, float16 or bfloat16")
    if X.dim() == 0:
        raise ValueError("X has no dimensions; it must have at least one, the last of which is normalised")
    n_cols = X.shape[-1]
    if n_cols == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}; its last dimension must have at least one element")
    for name, vector in (("W", W), ("B", B)):
        if vector is None:
            continue
        if not isinstance(vector, torch.Tensor):
            raise TypeError(f"{name} is a {type(vector).__name__}; it must be a torch.Tensor or None")
        if vector.shape != (n_cols,):
            raise ValueError(f"{name} has shape {tuple(vector.shape)}; it must be ({n_cols},), the last dimension of X")
        if vector.dtype != X.dtype and vector.dtype != torch.float32:
            raise TypeError(f"{name} has dtype {vector.dtype}; it must be X's ({X.dtype}) or float32")
        if vector.device != X.device:
            raise ValueError(f"{name} is on {vector.device}; it must be on X's device, {X.device}")
    if not isinstance(eps, numbers.Real):
        raise TypeError(f"eps is a {type(eps).__name__}; it must be a number")
    if not 0 <= eps < float("inf"):
        raise ValueError(f"eps is {eps}; it must be finite and at least 0")
    _check_device(X.device)
    return float(eps)


def _check_device(device: torch.device) -> None:
    if device.type not in ("cuda", "cpu"):
        raise ValueError(f"X is on {device}; it must be on a GPU, or on the CPU with TRITON_INTERPRET=1")
    if device.type == "cpu" and not _interpreted():
        raise RuntimeError(
            "X is on the CPU, where the kernels run in Triton's interpreter only: "
            "put the tensors on a GPU, or set TRITON_INTERPRET=1 before triton is imported"
        )


def _contiguous(vector: Optional[torch.Tensor]) -> Optional[torch.Tensor]:
    return None if vector is None else vector.contiguous()


def _n_rows(X: torch.Tensor) -> int:
    rows = 1
    for length in X.shape[:-1]:
        rows *= length
    return rows


def _autocast_enabled(X: torch.Tensor) -> bool:
    # torch's autocast runs layer_norm in fp32 on a GPU and leaves it alone on the CPU
    return torch.is_autocast_enabled() and X.device.type != "cpu"


def _forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Launch forward on contiguous tensors: (Y, Mean, RSTD)."""
    n_rows = _n_rows(X)
    y = torch.empty_like(X)
    mean = torch.empty(n_rows, dtype=torch.float32, device=X.device)
    rstd = torch.empty_like(mean)
    tensors = {"X": X, "W": X if W is None else W, "B": X if B is None else B, "Y": y, "Mean": mean, "RSTD": rstd}
    scalars = {"n_rows": n_rows, "n_cols": X.shape[-1], "eps": eps}
    for launch in _forward_launches(X, W, B):
        _launch(launch, X.device, {**tensors, **scalars})
    return y, mean, rstd


def _backward(
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    Mean: torch.Tensor,
    RSTD: torch.Tensor,
    w_dtype: torch.dtype,
    b_dtype: torch.dtype,
    needs_dx: bool,
    needs_dw: bool,
    needs_db: bool,
) -> tuple[Optional[torch.Tensor], Optional[torch.Tensor], Optional[torch.Tensor]]:
    """Launch backward on contiguous tensors: (dX of dY's shape, dW, dB)."""
    n_rows, n_cols = _n_rows(X), X.shape[-1]
    launches = _plan(
        launch_plan.backward_plan,
        n_rows,
        n_cols,
        DTYPES[X.dtype],
        _device_properties(X.device),
        w_dtype=DTYPES[w_dtype],
        b_dtype=DTYPES[b_dtype],
        has_w=W is not None,
        need_dx=needs_dx,
        need_dw=needs_dw,
        need_db=needs_db,
    )
    make = torch.empty if launches else torch.zeros
    dx = torch.empty_like(dY, dtype=X.dtype) if needs_dx else None
    dw = make(n_cols, dtype=w_dtype, device=X.device) if needs_dw else None
    db = make(n_cols, dtype=b_dtype, device=X.device) if needs_db else None
    values = {"dY": dY, "X": X, "W": X if W is None else W, "Mean": Mean, "RSTD": RSTD}
    values.update(dX=X if dx is None else dx, dW=X if dw is None else dw, dB=X if db is None else db)
    values.update(n_rows=n_rows, n_cols=n_cols, dW_partial=Mean, dB_partial=Mean)
    for launch in launches:
        n_partials = launch.values.get("n_partials")
        if n_partials is not None:
            partials = torch.empty(needs_dw + needs_db, n_partials, n_cols, dtype=torch.float32, device=X.device)
            values.update(dW_partial=partials[0], dB_partial=partials[-1])
    for launch in launches:
        _launch(launch, X.device, {**values, **launch.values})
    return dx, dw, db


def _forward_launches(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor]) -> tuple[Launch, ...]:
    return _plan(
        launch_plan.forward_plan,
        _n_rows(X),
        X.shape[-1],
        DTYPES[X.dtype],
        _device_properties(X.device),
        w_dtype=DTYPES[W.dtype] if W is not None else None,
        b_dtype=DTYPES[B.dtype] if B is not None else None,
        has_w=W is not None,
        has_b=B is not None,
    )


@functools.lru_cache(maxsize=1024)
def _plan(plan: Any, *args: Any, **kwargs: Any) -> tuple[Launch, ...]:
    return plan(*args, **kwargs)


def _launch(launch: Launch, device: torch.device, values: dict) -> None:
    """Launch on the current stream of `device`."""
    from ..kernels import layer_norm as kernels

    kernel = getattr(kernels, launch.kernel)[launch.grid]
    arguments = [values[name] for name in launch.args]
    options = {"num_warps": launch.num_warps, "num_stages": launch.num_stages}
    if device.type == "cpu":
        # Triton 2.3.1's interpreter writes every tensor back, which autograd must not take for a change of an input
        arguments = [value.data if isinstance(value, torch.Tensor) else value for value in arguments]
        kernel(*arguments, **launch.constexprs, **options)
    else:
        # Triton launches on the current device, whatever device the tensors are on
        with torch.cuda.device(device):
            kernel(*arguments, **launch.constexprs, **options)


@functools.cache
def _device_properties(device: torch.device) -> DeviceProperties:
    if device.type == "cpu":
        return launch_plan.TARGETS["interpreter"]
    properties = torch.cuda.get_device_properties(device)
    if torch.version.hip is not None:
        arch = "hip:" + properties.gcnArchName.split(":")[0]
        warp_size = getattr(properties, "warp_size", 32 if arch.startswith("hip:gfx1") else 64)
    else:
        arch = f"cuda:{properties.major}{properties.minor}"
        warp_size = 32
    return DeviceProperties(arch, properties.multi_processor_count, warp_size)


def _interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET", "0") == "1"
