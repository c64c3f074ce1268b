"""``tl.program_id(0).cast(tl.int64)``: the way to 64-bit offsets that the oldest Triton lacks."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .compiling import refused
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def row_starts(Out, stride):
    """Out[row] = row * stride in 64 bits, one program a row."""
    row = tl.program_id(0).cast(tl.int64)
    tl.store(Out + row, row * stride)


def compile_it() -> Seen:
    return refused(row_starts, {"Out": "*i64", "stride": "i32"}, {}, num_warps=1)


def interpret_it() -> Seen:
    out = standins.Tensor(np.zeros(2, np.int64))
    try:
        row_starts[(2,)](out, 7, num_warps=1)
    except Exception as error:  # AttributeError, from 3.x wrapped in the interpreter's own
        return Seen(True, f"{type(error).__name__}: {str(error)[:120]}")
    assert out.array.tolist() == [0, 7]
    return Seen(False, "it runs")


INCIDENT = Incident(
    title="program_id().cast",
    reference="linkedin/Liger-Kernel#274",
    symptom="AttributeError: 'tensor' object has no attribute 'cast'",
    affected="Triton 2.3.1 and before",
    observations=(
        Observation("codegen", compile_it, Releases(None, "2.3.1")),
        Observation("interpreter", interpret_it, Releases(None, "2.3.1")),
    ),
)
