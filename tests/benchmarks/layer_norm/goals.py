"""Our goals for the kernels, by GPU: shares of the copy bandwidth that the same run measures, and conditions."""

from __future__ import annotations

from typing import Optional

# (direction, dtype) -> share by the largest N that it holds up to
Shares = dict[tuple[str, str], tuple[tuple[int, float], ...]]
# by what a GPU's name holds; the first stands first on every page
GPUS: dict[str, Shares] = {
    "H200": {
        ("forward", "bf16"): ((16384, 0.96), (32768, 0.93), (131072, 0.90)),
        ("forward", "fp32"): ((16384, 0.98), (32768, 0.96), (131072, 0.93)),
        ("backward", "bf16"): ((1024, 0.93), (8192, 0.95), (16384, 0.90), (32768, 0.88), (131072, 0.87)),
        ("backward", "fp32"): ((8192, 0.96), (16384, 0.93), (32768, 0.90), (131072, 0.88)),
    },
    "H100": {
        ("forward", "bf16"): ((16384, 0.98), (32768, 0.97), (131072, 0.95)),
        ("forward", "fp32"): ((131072, 0.99),),
        ("backward", "bf16"): ((4096, 0.95), (6144, 0.94), (8192, 0.95), (16384, 0.93), (131072, 0.90)),
        ("backward", "fp32"): ((131072, 0.95),),
    },
}
# A row counts as level with another within this: the noise between two good measurements
LEVEL = 0.98
# Older Tritons against the newest, and the largest N that it is asked of
WITH_NEWEST = 0.95
WITH_NEWEST_UP_TO = 16384
# Host time of a small forward + backward against Liger's
OF_LIGER = 0.5
# From one N of a sweep to the next, a larger drop than this is a cliff
CLIFF = 0.10


def place(gpu: str) -> int:
    """Where a GPU stands among those that have goals; behind them where it has none."""
    return next((number for number, name in enumerate(GPUS) if name in gpu), len(GPUS))


def shares(gpu: str) -> Optional[Shares]:
    """The goals for the GPU of this name; None where it has none."""
    return next((of for name, of in GPUS.items() if name in gpu), None)
