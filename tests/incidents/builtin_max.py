"""Python's ``max`` inside a kernel: ``min`` was there from the start, ``max`` came later."""

import triton
import triton.language as tl

from .compiling import refused
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def clamp(X, low, BLOCK: tl.constexpr):
    """X[:BLOCK] = max(X[:BLOCK], low), by one program; low is a number, not a block."""
    cols = tl.arange(0, BLOCK)
    first = max(low, 0)
    tl.store(X + cols, tl.load(X + cols) + first)


def compile_it() -> Seen:
    return refused(clamp, {"X": "*fp32", "low": "i32"}, {"BLOCK": 8}, num_warps=1)


INCIDENT = Incident(
    title="the builtin max in a kernel",
    reference="builtin_namespace in triton/compiler/code_generator.py, read in the wheels of 2.3.1 and 3.0.0",
    symptom="NameError: max is not defined, or Python's own max asking a tensor for its truth",
    affected="Triton 2.3.1 and before",
    observations=(Observation("codegen", compile_it, Releases(None, "2.3.1")),),
)
