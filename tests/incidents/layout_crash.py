"""A conversion between layouts of a matrix product that the compiler cannot lower for one GPU: it ends the process."""

import triton
import triton.language as tl

from .compiling import COMPILES, apart, stages
from .incident import Incident, NotApplicable, Observation, Releases, Seen


@triton.jit
def scaled(Out, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr):
    """Out[M, D] = (1 + scale) * (Y @ X), all of them zero, by one program."""
    x = tl.zeros([N, D], dtype=tl.float16)
    y = tl.zeros([M, N], dtype=tl.float16)
    p = tl.dot(y, x)
    scale = tl.zeros([M], dtype=tl.float16)
    out = scale[:, None] * p + p
    tl.store(Out + tl.arange(0, M)[:, None] * D + tl.arange(0, D)[None, :], out)


def main() -> None:
    """Compile for an H100 in this process, which may not live to print what came of it."""
    result = stages(scaled, {"Out": "*fp32"}, {"M": 64, "N": 64, "D": 64}, num_warps=4)
    print(result.reason or COMPILES)


def compile_it() -> Seen:
    """In a process of its own."""
    seen = apart("layout_crash")
    if "No module named 'torch'" in seen.detail:
        raise NotApplicable("tl.dot of Triton 2.3.1 imports torch")
    return seen


INCIDENT = Incident(
    title="a crash in the lowering of a layout",
    reference="triton-lang/triton#4418: Layout conversion error on H100",
    symptom="the process ends with a failed assertion or LLVM ERROR, on H100 alone",
    affected="Triton 3.0.0 on Hopper",
    note="The record quotes an assertion of a build from source. Measured: the wheels of 2.3.1 to 3.2.0 all end here; "
    "2.3.1 where torch is installed, which its tl.dot imports.",
    observations=(Observation("codegen", compile_it, Releases("2.3.1", "3.2.0")),),
)
