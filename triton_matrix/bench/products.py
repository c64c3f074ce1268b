"""What torch's matrix products compute: the rate that kernels with dots are measured by, in the same process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from .timing import Timer

# rows and columns of the factors: enough work for the largest GPUs, and on those with few such units a minute's at most
_SIZE, _SLOW = 8192, 4096
SIZES = {"fp16": _SIZE, "bf16": _SIZE, "tf32": _SIZE, "fp8": _SIZE, "int8": _SIZE, "fp32": _SLOW, "fp64": _SLOW}
# what a dot does that is several products of another kind
SEVERAL = {"tf32x3": ("tf32", 3), "bf16x3": ("bf16", 3), "bf16x6": ("bf16", 6)}


def operations_per_second(timer: Timer, kind: str) -> Optional[float]:
    """What a product of two square matrices computes on the timer's device; None on a CPU.

    Args:
        timer: what times every other row too.
        kind: of input, a key of SIZES: as :mod:`triton_matrix.values.dots` counts; ``fp32`` is IEEE.

    Raises:
        ValueError: torch has no such product here.
    """
    if timer.device == "cpu":
        return None
    if kind not in SIZES:
        raise ValueError(f"torch has no matrix product of {kind}; allowed are {', '.join(SIZES)}")
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if kind == "tf32" else "highest")
    try:
        seconds = timer(_product(torch, kind, timer.device)).median
    except (RuntimeError, AttributeError, NotImplementedError) as problem:
        said = (str(problem).strip().splitlines() or [""])[0]
        raise ValueError(f"torch {torch.__version__} has no matrix product of {kind} here: {said}") from None
    finally:
        torch.set_float32_matmul_precision(before)
    return float(2 * SIZES[kind] ** 3 / seconds)


def _product(torch: Any, kind: str, device: str) -> Callable[[], Any]:
    """A call that multiplies; numbers are by lot, since equal ones take less power and run faster."""
    n = SIZES[kind]
    if kind == "int8":
        x = torch.randint(-128, 128, (n, n), dtype=torch.int8, device=device)
        return lambda: torch._int_mm(x, x.t())
    if kind == "fp8":
        x = torch.randn(n, n, dtype=torch.bfloat16, device=device).to(torch.float8_e4m3fn)
        one = torch.ones((), dtype=torch.float32, device=device)
        settings = {"scale_a": one, "scale_b": one, "out_dtype": torch.bfloat16, "use_fast_accum": True}
        return lambda: torch._scaled_mm(x, x.t(), **settings)
    names = {"fp16": "float16", "bf16": "bfloat16", "tf32": "float32", "fp32": "float32", "fp64": "float64"}
    x = torch.randn(n, n, dtype=getattr(torch, names[kind]), device=device)
    y = torch.empty_like(x)
    return lambda: torch.matmul(x, x, out=y)
