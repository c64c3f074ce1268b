"""A reduction over several blocks of a cluster: compiled as if each block were alone, then a crash, then a cluster."""

import triton
import triton.language as tl

from .compiling import compiled
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def row_sum(X, Out, N: tl.constexpr):
    """Out[row] = sum(X[row, :N]), one row of fp32 by the blocks of one cluster."""
    row = tl.program_id(0)
    x = tl.load(X + row * N + tl.arange(0, N))
    tl.store(Out + row, tl.sum(x, axis=0))


def _two_blocks():
    return compiled(row_sum, {"X": "*fp32", "Out": "*fp32"}, {"N": 8192}, num_warps=4, num_ctas=2)


def look_for_the_cluster() -> Seen:
    """Shown where two blocks are launched for each row and none waits for the other: each reads the whole row."""
    result = _two_blocks()
    if result.status != "ok":
        return Seen(False, "it does not compile")
    found = result.metrics
    alone = found["cluster_barriers"] == 0
    read = found["global_load_bits"] // 8 * found["threads"]
    blocks = "the blocks do not meet" if alone else f"the blocks meet {found['cluster_barriers']} times"
    return Seen(alone, f"{blocks}, and each reads {read} of the row's {8192 * 4} bytes")


def compile_it() -> Seen:
    result = _two_blocks()
    return Seen(result.status != "ok", result.reason or "it compiles")


INCIDENT = Incident(
    title="a cluster that is none, and then a compiler that crashes",
    reference="found while these incidents were written",
    symptom="num_ctas=2 does the whole work twice and is no faster; later, RuntimeError: PassManager::run failed",
    affected="num_ctas > 1 with a reduction, on Hopper and later, before Triton 3.8",
    observations=(
        Observation("codegen", look_for_the_cluster, Releases(None, "3.4.0"), "no-cluster"),
        Observation("codegen", compile_it, Releases("3.5.0", "3.7.1"), "crash"),
    ),
)
