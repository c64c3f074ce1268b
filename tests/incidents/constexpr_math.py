"""A constant computed with Python's own math inside a kernel."""

import math

import triton
import triton.language as tl

from .compiling import refused
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def power(X, BLOCK: tl.constexpr):
    """X[:BLOCK] = exp(X[:BLOCK]), by one program."""
    log2e: tl.constexpr = math.log2(math.e)
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, tl.exp(tl.load(X + cols) * log2e))


def compile_it() -> Seen:
    """A launch asks for the kernel's key first, and that is where newer releases look at what it calls."""
    try:
        power.cache_key  # noqa: B018
    except Exception as problem:  # whatever it raises is the finding
        return Seen(True, f"{type(problem).__name__}: {problem}"[:200])
    return refused(power, {"X": "*fp32"}, {"BLOCK": 8}, num_warps=1)


INCIDENT = Incident(
    title="math.log2 as a constexpr",
    reference="triton-lang/triton#4321: breaking change to constexpr in triton 3.0.0",
    symptom='a function "is being called from a Triton function but is not a Triton function itself"',
    affected="Triton 3.0.0 and 3.1.0; 2.3.1 computes it",
    note="The record names 3.0.0 and is open. Measured: 3.2.0 and later compile it again.",
    observations=(Observation("codegen", compile_it, Releases("3.0.0", "3.1.0")),),
)
