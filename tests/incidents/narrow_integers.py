"""An integer block and a constant that fits its type: the sum was wide, and is as narrow as the block from 3.2 on."""

import re

import numpy as np
import triton
import triton.language as tl

from . import standins
from .compiling import stages
from .incident import Incident, NotApplicable, Observation, Releases, Seen


@triton.jit
def lifted(X, Out, N: tl.constexpr):
    """Out[N] = X[N] + 200, by one program."""
    at = tl.arange(0, N)
    tl.store(Out + at, (tl.load(X + at) + 200).to(tl.int32))


def compile_it() -> Seen:
    """The type that the addition is compiled in."""
    result = stages(lifted, {"X": "*u8", "Out": "*i32"}, {"N": 16}, num_warps=4)
    assert result.status == "ok", result.reason
    kinds = set(re.findall(r"arith\.addi .*: tensor<16xi(\d+)", result.stages["ttir"]))
    return Seen("8" in kinds, f"the compiled sum has {min(map(int, kinds))} bits")


def interpret_it() -> Seen:
    """100 + 200, which a byte does not hold."""
    if triton.__version__.startswith("2."):
        raise NotApplicable("the interpreter of Triton 2.3.1 cannot make an int32")
    x = standins.Tensor(np.full(16, 100, np.uint8))
    out = standins.Tensor(np.zeros(16, np.int32))
    lifted[(1,)](x, out, N=16)
    return Seen(out.array[0] == 44, f"100 + 200 is {out.array[0]}")


INCIDENT = Incident(
    title="an integer block plus a constant wraps",
    reference="triton-lang/triton#4613: typecast semantics for scalars; ROCm/triton#800 meets the other side of it",
    symptom="uint8 + 200 is 44 where it was 300; nothing fails",
    affected="Triton 3.2.0 and later, on purpose",
    observations=(
        Observation("codegen", compile_it, Releases("3.2.0")),
        Observation("interpreter", interpret_it, Releases("3.2.0")),
    ),
)
