"""Shared memory that grows with a release until a block no longer fits the smaller GPUs of the family."""

import triton
import triton.language as tl

from .compiling import compiled
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def product(X, W, Out, k_cols, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """Out[M, N] = X[M, k_cols] @ W[N, k_cols].T by one program, K columns at a time, at fp32 accuracy from tf32."""
    rows = tl.arange(0, M)
    cols = tl.arange(0, N)
    total = tl.zeros((M, N), dtype=tl.float32)
    for start in range(0, k_cols, K):
        ks = start + tl.arange(0, K)
        x = tl.load(X + rows[:, None] * k_cols + ks[None, :]).to(tl.float32)
        w = tl.load(W + cols[None, :] * k_cols + ks[:, None])
        total += tl.dot(x, w, input_precision="tf32x3")
    tl.store(Out + rows[:, None] * N + cols[None, :], total)


def compile_it() -> Seen:
    """For the GPU of an L4 or L40, with settings that fit it on every other release that has this precision."""
    result = compiled(
        product,
        {"X": "*bf16", "W": "*fp32", "Out": "*fp32", "k_cols": "i32"},
        {"M": 64, "N": 128, "K": 64},
        "cuda:89",
        num_warps=4,
        num_stages=3,
    )
    refused = "shared memory" in result.reason
    assert result.status == "ok" or refused or "input_precision" in result.reason, result.reason
    return Seen(refused, result.reason or f"fits with {result.metrics['shared_bytes']} bytes")


INCIDENT = Incident(
    title="shared memory that outgrows the smaller GPUs",
    reference="triton-lang/triton#11526; a release before, for another kernel, #7268",
    symptom="OutOfResources: shared memory, on L40 and its like, for settings that worked a release before",
    affected="Triton 3.8.0; dots of input precision tf32x3",
    observations=(Observation("codegen", compile_it, Releases("3.8.0", "3.8.0")),),
)
