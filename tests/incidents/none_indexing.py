"""``block[:, None]``: the way that every tutorial makes a column, which the first interpreter made a numpy array of."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .compiling import refused
from .incident import NONE, Incident, Observation, Releases, Seen


@triton.jit
def double(X, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """X[:ROWS, :BLOCK] *= 2, by one program."""
    offsets = tl.arange(0, ROWS)[:, None] * BLOCK + tl.arange(0, BLOCK)[None, :]
    tl.store(X + offsets, tl.load(X + offsets) * 2)


def interpret_it() -> Seen:
    x = standins.Tensor(np.ones((2, 8), np.float32))
    try:
        double[(1,)](x, ROWS=2, BLOCK=8, num_warps=1)
    except Exception as error:  # what an interpreter raises differs from release to release
        return Seen(True, f"{type(error).__name__}: {str(error)[:120]}")
    assert (x.array == 2).all()
    return Seen(False, "it runs")


def compile_it() -> Seen:
    return refused(double, {"X": "*fp32"}, {"ROWS": 2, "BLOCK": 8}, num_warps=1)


INCIDENT = Incident(
    title="indexing a block with None",
    reference="triton-lang/triton#3715",
    symptom="AttributeError or TypeError from a numpy array where a block should be",
    affected="the interpreter of Triton 2.3.1; compiled, it is fine",
    observations=(
        Observation("interpreter", interpret_it, Releases(None, "2.3.1")),
        Observation("codegen", compile_it, NONE),
    ),
)
