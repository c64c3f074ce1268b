"""The calls whose launches are captured: LayerNorm forward and backward, at each dtype and length of rows.

    calls.py PROBLEMS.json N_COLS ...

What stops the package before it launches goes to PROBLEMS.json, a row each.
"""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

MODULE = "liger_kernel.ops.layer_norm"
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
ROWS = 64


def main(problems: Path, sizes: list[int]) -> None:
    """Call it, and write what was raised."""
    rows: list[dict[str, Any]] = []
    try:
        apply = importlib.import_module(MODULE).LigerLayerNormFunction.apply
    except Exception as error:  # a package that does not import on this Triton is the finding
        rows.append(_row("any", "", f"import: {type(error).__name__}: {error}"))
    else:
        for dtype, n_cols in itertools.product(DTYPES.values(), sizes):
            try:
                _call(apply, dtype, n_cols)
            except Exception as error:
                rows.append(_row(n_cols, dtype, f"{type(error).__name__}: {error}"))
    problems.write_text(json.dumps(rows), encoding="utf-8")


def _call(apply: Any, dtype: str, n_cols: int) -> None:
    import torch

    shapes = ((ROWS, n_cols), (n_cols,), (n_cols,))
    x, w, b = (torch.ones(shape, dtype=getattr(torch, dtype), device="cuda", requires_grad=True) for shape in shapes)
    y = apply(x, w, b, 1e-6)
    y.backward(torch.ones_like(y))


def _row(n_cols: Any, dtype: str, reason: str) -> dict[str, Any]:
    return {"kernel": "", "n_cols": n_cols, "dtype": dtype, "status": "error", "reason": reason}


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
