"""Helpers under the names that Liger's users import; the kernels here take their settings from the launch plan."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Callable

import torch

from ..kernels.device import release_numbers
from ..kernels.geometry import next_power_of_2

__all__ = ["calculate_settings", "compare_version", "ensure_contiguous", "is_hip"]

MAX_FUSED_SIZE = 65536


def is_hip() -> bool:
    """Whether this torch is built for ROCm (`torch.cuda.is_available()` is True there as well)."""
    return torch.version.hip is not None


def ensure_contiguous(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate `fn(ctx, *args, **kwargs)` so that every tensor argument arrives contiguous."""

    def contiguous(value: Any) -> Any:
        return value.contiguous() if isinstance(value, torch.Tensor) else value

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(ctx, *map(contiguous, args), **{name: contiguous(value) for name, value in kwargs.items()})

    return wrapper


def calculate_settings(n: int) -> tuple[int, int]:
    """The block size (next power of two) and number of warps that Liger gives a kernel holding a row of n elements.

    Kept for kernels written against it; LayerNorm here asks `liger_kernel.kernels.plan` instead.

    Raises:
        RuntimeError: n is above 65536, the widest block.
    """
    block_size = next_power_of_2(n)
    if block_size > MAX_FUSED_SIZE:
        raise RuntimeError(f"n is {n}; a row held in one block can have at most {MAX_FUSED_SIZE} elements")
    if block_size >= 32768:
        return block_size, 16 if is_hip() else 32
    if block_size >= 8192:
        return block_size, 16
    return block_size, 8 if block_size >= 2048 else 4


def compare_version(package: str, operator: Callable[[Any, Any], bool], target: str) -> bool:
    """Whether `operator(version of package, target)` holds by the release numbers; False where package is missing.

    Example: `compare_version("torch", operator.ge, "2.4.0")`. Suffixes ("rc1", "+cu121") are not compared.
    """
    try:
        version = importlib.import_module(package).__version__
    except ImportError:
        return False
    return operator(release_numbers(version), release_numbers(target))
