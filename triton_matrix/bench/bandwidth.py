"""What a device copy moves: the rate that memory-bound kernels are measured by, in the same process."""

from __future__ import annotations

from typing import Any, Optional

from .timing import Timer

COPY_ELEMENTS = 2**28  # bf16: 512 MiB read and as much written


def copy_bytes_per_second(timer: Timer, n_elements: int = COPY_ELEMENTS) -> Optional[float]:
    """What ``y.copy_(x)`` moves on the timer's device, read and written bytes together; None on a CPU.

    Args:
        timer: what times every other row too.
        n_elements: of bf16; far more than any L2 cache holds.
    """
    if timer.device == "cpu":
        return None
    import torch

    x = torch.randn(n_elements, dtype=torch.bfloat16, device=timer.device)
    y = torch.empty_like(x)
    return 4 * n_elements / timer(lambda: y.copy_(x)).median


def rates(n_bytes: int, seconds: float, copy: Optional[float]) -> dict[str, Any]:
    """``gb_per_s``, ``copy_gb_per_s`` and ``share_of_copy``; each None without a copy, that is without a GPU.

    Args:
        n_bytes: the fewest that must go through device memory.
        seconds: the row's median.
        copy: as of :func:`copy_bytes_per_second`.
    """
    if copy is None:  # the interpreter's seconds as a bandwidth would only mislead
        return {"gb_per_s": None, "copy_gb_per_s": None, "share_of_copy": None}
    rate = n_bytes / seconds
    return {"gb_per_s": rate / 1e9, "copy_gb_per_s": copy / 1e9, "share_of_copy": rate / copy}
