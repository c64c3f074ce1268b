"""The language table of one Triton: every operation, in its interpreter or compiled on this machine's GPU."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .. import compare, computing, dtypes, filling
from ..outcomes import ABOUT, Outcome
from ..repairs import REPAIRS
from . import frontend, inputs, source
from .operations import Operation, operations

UNWRITTEN = 77  # what the memory of results holds before
SIZES = {"row": 32, "pairs": 64, "tile": 1024}
_NAMES = {code: name for name, code in source.CODES.items()}
_S, _K = 0.1, 3  # the arguments s and k


def label(operation: Operation, dtype: str) -> str:
    """A row's name: the expression, the types, and the values that it was asked with."""
    second = "" if operation.second == "same" else f", {operation.second}"
    return f"{operation.expression} | {dtype}{second} | {operation.inputs}"


def rows(only: str = "") -> Iterator[tuple[Operation, str]]:
    """Every (operation, type of x); with ``only``, those whose label has this text."""
    for operation in operations():
        for dtype in operation.dtypes:
            if only in label(operation, dtype):
                yield operation, dtype


def launches(asked: Sequence[tuple[Operation, str]], folder: Path) -> list[dict[str, Any]]:
    """The rows as launches; the module of their kernels is written into ``folder``."""
    text, names = source.module(operation for operation, _ in asked)
    path = folder / "language.py"
    path.write_text(text, encoding="utf-8")
    return [
        _launch(operation, dtype, f"{path}:{names[operation.expression, operation.shape]}")
        for operation, dtype in asked
    ]


def _launch(operation: Operation, dtype: str, kernel: str) -> dict[str, Any]:
    size = SIZES[operation.shape]
    second = dtype if operation.second == "same" else operation.second
    args: dict[str, Any] = {}
    for place, (name, kind) in enumerate((("a", dtype), ("b", second), ("c", dtype))):
        args[name] = _tensor(kind, inputs.values(operation.inputs, place, size, dtypes.find(kind)))
    args["m"] = _tensor(dtype, inputs.values("plain", 1, size, dtypes.find(dtype)))
    for name, kind in (("of", "fp64"), ("oi", "i64")):
        args[name] = _tensor(kind, np.full(max(1024, 2 * size), UNWRITTEN, dtypes.find(kind).storage))
    args["t"] = _tensor("i32", np.zeros(1, np.int32))
    n, warps = (32, 4) if operation.shape == "tile" else (size, 1)
    return {
        "name": label(operation, dtype),
        "kernel": kernel,
        # a number that nothing asks for would go through the repair of arguments
        "args": {**args, "s": _S if re.search(r"\bs\b", operation.expression) else _K, "k": _K},
        "constexprs": {"N": n},
        "options": {"num_warps": warps},
        "grid": [1],
    }


def _tensor(dtype: str, values: Any) -> dict[str, Any]:
    return {"tensor": {"dtype": dtype, "shape": [len(values)], "fill": filling.packed(values)}}


def run(level: str, *, repaired: bool, jobs: int, only: str = "") -> dict[str, Any]:
    """Ask the Triton of this Python for every row.

    Args:
        level: ``interpreter``, ``device``, or ``codegen``: the frontend alone, which says types and no values.
        repaired: whether the interpreter's executor is.
        jobs: processes side by side; on a device each compiles and runs its share.
        only: rows whose label has this text.

    Returns:
        ``about`` (versions, level, GPU) and ``rows``: label -> ``type``, ``values`` (fp64 of floats, int64 of integers;
        packed as :func:`filling.packed` does), ``repairs``, or ``error`` or ``n/a`` with the reason.

    Raises:
        ToolError: a child ended outside of every row.
    """
    asked = list(rows(only))
    if not asked:
        raise ValueError(f"--only is {only!r}, which no row has")
    with tempfile.TemporaryDirectory(prefix="triton-matrix-semantics-") as scratch:
        folder = Path(scratch)
        made = launches(asked, folder)
        if level == "codegen":
            return {"about": {"triton": frontend.version(), "level": level}, "rows": frontend.types(made)}
        without = [] if repaired else [repair.row.name for repair in REPAIRS]
        settings = {"level": level, "without": without, "seconds": 60, "most": 1}
        shares = [made[number::jobs] for number in range(jobs) if made[number::jobs]]
        outcomes = computing.shared(sys.executable, shares, folder / "out", **settings)
        about = json.loads(next((folder / "out").rglob(ABOUT)).read_text(encoding="utf-8"))
        results = {label(*row): _result(*row, outcomes[label(*row)]) for row in asked}
    return {"about": {**about, "level": level, "repaired": repaired}, "rows": results}


def _result(operation: Operation, dtype: str, outcome: Outcome) -> dict[str, Any]:
    if outcome.status != "computed":
        kind = "n/a" if outcome.status in ("n/a", "late") else "error"
        return {kind: str(outcome.row["reason"])}
    arrays = {each.argument: each for each in compare.written(outcome)}
    kind = _NAMES.get(int(arrays["t"].bits[0]) if "t" in arrays else 0, "?")
    size, storage = SIZES[operation.shape], np.float64 if kind.startswith(("fp", "bf")) else np.int64
    values = _whole(
        arrays.get("of" if storage is np.float64 else "oi"), np.full(max(1024, 2 * size), UNWRITTEN, storage)
    )
    result = {"type": kind, "repairs": outcome.row["repairs"], "values": filling.packed(values[: 2 * size])["data"]}
    if operation.memory:
        before = inputs.values("plain", 1, size, dtypes.find(dtype))
        result["memory"] = filling.packed(_whole(arrays.get("m"), before))["data"]
    return result


def _whole(written: Optional[compare.Written], before: Any) -> Any:
    """A storage as the launch left it."""
    if written is not None:
        before[written.places] = written.bits
    return before
