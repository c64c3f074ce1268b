"""Our goals for the kernels on an H100: shares of the copy bandwidth that the same run measures, and conditions."""

from __future__ import annotations

# (direction, dtype) -> share by the largest N that it holds up to
SHARES: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {
    ("forward", "bf16"): ((16384, 0.98), (32768, 0.97), (131072, 0.95)),
    ("forward", "fp32"): ((131072, 0.99),),
    ("backward", "bf16"): ((4096, 0.95), (6144, 0.94), (8192, 0.95), (16384, 0.93), (131072, 0.90)),
    ("backward", "fp32"): ((131072, 0.95),),
}
GPU = "H100"
# A row counts as level with another within this: the noise between two good measurements
LEVEL = 0.98
# Older Tritons against the newest, and the largest N that it is asked of
WITH_NEWEST = 0.95
WITH_NEWEST_UP_TO = 16384
# Host time of a small forward + backward against Liger's
OF_LIGER = 0.5
# From one N of a sweep to the next, a larger drop than this is a cliff
CLIFF = 0.10
