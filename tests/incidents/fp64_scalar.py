"""A Python float scalar typed fp64, as torch.compile types it: double precision in the compiled code."""

import triton
import triton.language as tl

from .compiling import compiled
from .incident import EVERY, Incident, Observation, Seen


@triton.jit
def reciprocal_roots(X, eps, BLOCK: tl.constexpr):
    """X[:BLOCK] = 1 / sqrt(X[:BLOCK] + eps), by one program."""
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, (1 / tl.sqrt(tl.load(X + cols) + eps)).to(tl.float32))


def compile_it() -> Seen:
    """Launched directly, Triton types the same number fp32, and there is none of it."""
    double, single = (_fp64_instructions(kind) for kind in ("fp64", "fp32"))
    assert single == 0
    return Seen(double > 0, f"{double} fp64 instructions with eps typed fp64, {single} with fp32")


def _fp64_instructions(eps: str) -> int:
    result = compiled(reciprocal_roots, {"X": "*fp32", "eps": eps}, {"BLOCK": 1024}, num_warps=4)
    assert result.status == "ok", result.reason
    return result.metrics["fp64_instructions"]


INCIDENT = Incident(
    title="a float scalar typed fp64 by torch.compile",
    reference="linkedin/Liger-Kernel#1358",
    symptom="a kernel is several times slower under torch.compile than launched directly",
    affected="every Triton: the type comes from torch's Inductor",
    observations=(Observation("codegen", compile_it, EVERY),),
)
