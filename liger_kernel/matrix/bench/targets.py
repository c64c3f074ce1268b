"""What the kernels aim at on an H100: shares of the copy bandwidth that the same run measures."""

from __future__ import annotations

# (direction, dtype) -> share by the largest N that it holds up to
TARGETS: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {
    ("forward", "bf16"): ((16384, 0.96), (32768, 0.92), (131072, 0.80)),
    ("forward", "fp32"): ((16384, 0.96), (32768, 0.92), (131072, 0.75)),
    ("backward", "bf16"): ((8192, 0.88), (16384, 0.82), (32768, 0.70), (131072, 0.60)),
    ("backward", "fp32"): ((8192, 0.92), (16384, 0.80), (32768, 0.70), (131072, 0.60)),
}
# A row counts as at least as fast as the best peer within this: the noise between two good measurements
LEVEL_WITH_PEERS = 0.98
GPU = "H100"


def target(direction: str, dtype: str, n_cols: int) -> float:
    """The share aimed at for a size; KeyError where nothing is aimed at."""
    return next(share for largest, share in TARGETS[direction, dtype] if n_cols <= largest)
