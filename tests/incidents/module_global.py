"""A plain module global used in a kernel: it was compiled in, and is refused since."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .compiling import refused
from .incident import NONE, Incident, Observation, Releases, Seen

FACTOR = 3


@triton.jit
def scale(X, BLOCK: tl.constexpr):
    """X[:BLOCK] *= FACTOR, by one program."""
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, tl.load(X + cols) * FACTOR)


def compile_it() -> Seen:
    return refused(scale, {"X": "*fp32"}, {"BLOCK": 8}, num_warps=1)


def interpret_it() -> Seen:
    """To an interpreter it is Python, so that a suite which only interprets does not see it."""
    x = standins.Tensor(np.ones(8, np.float32))
    scale[(1,)](x, BLOCK=8, num_warps=1)
    assert x.array.tolist() == [3.0] * 8
    return Seen(False, "it runs")


INCIDENT = Incident(
    title="a plain module global used in a kernel",
    reference="triton-lang/triton#3762",
    symptom="NameError: Cannot access global variable FACTOR from within @jit'ed function",
    affected="compiled kernels of Triton 3.0.0 and later",
    observations=(
        Observation("codegen", compile_it, Releases("3.0.0")),
        Observation("interpreter", interpret_it, NONE),
    ),
)
