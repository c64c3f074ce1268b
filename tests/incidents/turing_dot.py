"""A 16-bit matrix product on Turing: tensor cores, then no compilation, then plain multiplies without a word."""

import triton
import triton.language as tl

from .compiling import compiled, refused
from .incident import Incident, NotApplicable, Observation, Releases, Seen

ARGS, CONSTEXPRS = {"X": "*fp16", "Y": "*fp16", "Out": "*fp32"}, {"N": 32}


@triton.jit
def product(X, Y, Out, N: tl.constexpr):
    """Out[N, N] = X[N, N] @ Y[N, N] by one program."""
    cols = tl.arange(0, N)
    at = cols[:, None] * N + cols[None, :]
    tl.store(Out + at, tl.dot(tl.load(X + at), tl.load(Y + at)))


def compile_it() -> Seen:
    return _with_dot(refused(product, ARGS, CONSTEXPRS, target="cuda:75", num_warps=4))


def look_for_tensor_cores() -> Seen:
    """Shown where it compiles for a T4 and none of its instructions is the tensor cores'."""
    result = compiled(product, ARGS, CONSTEXPRS, "cuda:75", num_warps=4)
    if result.status != "ok":
        return _with_dot(Seen(False, result.reason))
    used = result.metrics["mma_instructions"]
    return Seen(not used, f"{used} instructions of tensor cores among {result.metrics['instructions']}")


def _with_dot(seen: Seen) -> Seen:
    if "No module named 'torch'" in seen.detail:
        raise NotApplicable("tl.dot of Triton 2.3.1 imports torch")
    return seen


INCIDENT = Incident(
    title="a matrix product on Turing without tensor cores",
    reference="triton-lang/triton#5066; woct0rdho's report, triton-lang/triton-windows#28",
    symptom="models on T4 and RTX 20 fail with LLVM ERROR; a release later they run again, several times slower",
    affected="Triton 3.3 and later on compute capability 7.5, which its README no longer lists",
    observations=(
        Observation("codegen", compile_it, Releases("3.3.0", "3.3.1"), "refused"),
        Observation("codegen", look_for_tensor_cores, Releases("3.4.0"), "plain-multiplies"),
    ),
)
