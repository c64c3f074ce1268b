"""`pipelined(start, stop, step, num_stages=n)`: a loop whose loads Triton, from 3.0 on, copies ahead to shared memory.

With n stages the loads of the next n - 1 passes are under way, without registers. Triton copies only what is loaded and
used in the same pass: a loaded value that the loop carries keeps it from copying anything, without a word.

An address is (pointer + row) + column where registers are few: a column that is added to the row first is a number of
64 bits for each lane, which LLVM keeps over the loop. Pairs spill more that way, and add it first.
"""

from __future__ import annotations

import os
from typing import Any

import triton.language as tl


def _interpreted(start: Any, stop: Any, step: Any, num_stages: int) -> range:
    """The same steps, where nothing is copied ahead."""
    return range(start, stop, step)


# Triton before 3.0 has no range with stages
pipelined: Any = _interpreted if os.environ.get("TRITON_INTERPRET", "0") == "1" else getattr(tl, "range", range)


def with_loops(kernel: Any) -> Any:
    """Let Triton before 3.0 launch a jit function that names `pipelined`.

    It takes a loop over Python's range alone, of which it ignores the stages, and refuses a global that is a foreign
    function. So there the loop is named `range`, in the source that a jit function may be given.
    """
    if pipelined is range:
        kernel.src = kernel.src.replace("pipelined(", "range(")
    return kernel
