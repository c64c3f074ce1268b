"""The launches that the verb ``tune`` sweeps for liger_kernel/kernels/tuned.json, as a hook. Needs no Triton.

A launch for each way to cut up rows of a size; the verb varies the rest. From the repo root, on a GPU:

python -m triton_matrix tune --hook tests/atlas/candidates.py:launches --vary num_warps,STAGES=1:3:4:5,maxnreg=128:255

Programs that share a row wait for each other, and more warps could leave one of them without a place: such ways are
none of these candidates, and their rows of the table stay as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from liger_kernel.kernels.geometry import BYTES, elements_in_a_word, next_power_of_2
from liger_kernel.kernels.plan import Settings, backward_plan, forward_plan
from triton_matrix.base import hooks

# a hook is a file of its own, and knows no module beside it
atlas: Any = hooks.module_of(Path(__file__).resolve().parents[2], "tests/atlas/layer_norm.py", "candidates")
ELEMENTS = 1 << 25  # of a matrix: in bf16 a little more than the L2 cache of an H200 holds
SIZES = (512, 1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 12288, 16384)
DTYPES = ("bf16", "fp32")
MOST_HELD = 16384  # elements of a tile
NO_LIMIT = 255  # registers: as many as a thread can have, so that a limit is there to be varied
PLANS = {"forward": forward_plan, "backward": backward_plan}


def launches(target_names: list[str]) -> list[dict[str, Any]]:
    """Every candidate at every size, as the atlas's hook gives launches."""
    return [
        _launch(direction, n_cols, dtype, settings, target)
        for target in target_names
        for direction, n_cols, dtype in itertools.product(PLANS, SIZES, DTYPES)
        for settings in _settings(direction, n_cols, dtype)
    ]


def _settings(direction: str, n_cols: int, dtype: str) -> Iterator[Settings]:
    block_n = next_power_of_2(n_cols)
    for rows in (1, 2, 4):
        if rows == 1 or rows * block_n <= MOST_HELD // 2:
            num_warps = min(32, max(2, rows * block_n // 1024))
            for programs in (1, 2, 4) if direction == "backward" else (1,):
                yield Settings("tile", rows, block_n, num_warps, programs=programs, max_registers=NO_LIMIT)
    if direction == "forward" and elements_in_a_word(n_cols, dtype) == 2:
        for chunk in (2048, 4096, 8192):
            if chunk <= block_n and n_cols <= 6 * chunk and n_cols > 4096:
                yield Settings("packed", 1, chunk, 8, max_registers=NO_LIMIT)


def _launch(direction: str, n_cols: int, dtype: str, settings: Settings, target: str) -> dict[str, Any]:
    """The launch that walks the rows; what reduces dw and db has no settings of its own."""
    n_rows = ELEMENTS // n_cols // (BYTES[dtype] // 2)
    launch = PLANS[direction](n_rows, n_cols, dtype, atlas.device_of(target), settings=settings)[0]
    about = {"direction": direction, "dtype": dtype, "n_cols": n_cols, "kind": settings.kind, "rows": settings.rows}
    about |= {"block_n": settings.block_n, "programs": settings.programs}
    made = atlas.configuration(launch, n_cols, dtype, target)
    made["label"] = f"{launch.kernel}[{','.join(f'{name}={value}' for name, value in about.items())}]"
    return {**made, "grid": list(launch.grid), "values": atlas.values_of(launch, n_cols, n_rows)}
