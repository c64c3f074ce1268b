"""A scan over bf16, which one release lowers as if its elements were integers."""

import triton
import triton.language as tl

from .compiling import COMPILES, apart, stages
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def add(a, b):
    """What the scan combines with."""
    return a + b


@triton.jit
def running_total(X, Y, N: tl.constexpr):
    """Y[i] = X[0] + ... + X[i], by one program."""
    at = tl.arange(0, N)
    tl.store(Y + at, tl.associative_scan(tl.load(X + at), 0, add))


def main() -> None:
    """Compile for an H100 in this process, which may not live to print what came of it."""
    result = stages(running_total, {"X": "*bf16", "Y": "*bf16"}, {"N": 128}, num_warps=4)
    print(result.reason or COMPILES)


def compile_it() -> Seen:
    """In a process of its own."""
    return apart("bf16_scan")


INCIDENT = Incident(
    title="a scan of bf16 does not compile",
    reference="triton-lang/triton#3398: associative_scan failedLLVM ERROR with bf16",
    symptom="LLVM ERROR: Failed to translate TritonGPU to LLVM IR; fp32 and fp16 work",
    affected="Triton 2.2.0, and 3.0.0 as it was built from source in March 2024",
    note="Measured: 2.3.1 alone; the released 3.0.0 compiles it.",
    observations=(Observation("codegen", compile_it, Releases("2.3.1", "2.3.1")),),
)
