"""A matrix product of fp32 on a Turing GPU, which has no tf32: the lowering looks for what is not there."""

import triton
import triton.language as tl

from .compiling import COMPILES, stages
from .incident import Incident, NotApplicable, Observation, Releases, Seen


@triton.jit
def product(A, B, Out, K: tl.constexpr):
    """Out[K, K] = A[K, K] @ B[K, K] by one program."""
    at = tl.arange(0, K)[:, None] * K + tl.arange(0, K)[None, :]
    tl.store(Out + at, tl.dot(tl.load(A + at), tl.load(B + at)))


def compile_it() -> Seen:
    """For the GPU of an RTX 2080 Ti or a T4."""
    result = stages(product, {"A": "*fp32", "B": "*fp32", "Out": "*fp32"}, {"K": 16}, "cuda:75", num_warps=4)
    if "No module named 'torch'" in result.reason:
        raise NotApplicable("tl.dot of Triton 2.3.1 imports torch")
    assert result.status == "ok" or "map::at" in result.reason, result.reason
    return Seen(result.status != "ok", result.reason or COMPILES)


INCIDENT = Incident(
    title="a matrix product of fp32 does not compile for Turing",
    reference="triton-lang/triton#4813, #3787; state-spaces/mamba#361: IndexError: map::at",
    symptom="IndexError: map::at, on RTX 2080 Ti, T4 and their like, and on no newer GPU; fp16 works",
    affected="Triton 2.3.1 and a nightly of April 2024; of a fix the threads say nothing",
    note="Measured: every release to 3.2.0; 3.3.1 and later compile it. 2.3.1 where torch is installed.",
    observations=(Observation("codegen", compile_it, Releases("2.3.1", "3.2.0")),),
)
