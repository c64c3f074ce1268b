"""32 warps are 1024 threads on NVIDIA and 2048 on AMD's CDNA, whose waves have 64 lanes and whose limit is 1024."""

import re

import triton
import triton.language as tl

from triton_matrix.base import targets
from triton_matrix.codegen import adapters
from triton_matrix.codegen.compile import unknown_to
from triton_matrix.launches.signing import sign

from .incident import EVERY, Incident, NotApplicable, Observation, Seen


@triton.jit
def double(X, BLOCK: tl.constexpr):
    """X[:BLOCK] *= 2, by one program."""
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, tl.load(X + cols) * 2)


def compile_it() -> Seen:
    """Compile past the matrix's own check of the launch, to see what the compiler itself makes of 32 warps."""
    target = targets.parse("hip:gfx942")
    why = unknown_to(target, triton.__version__)
    if why:
        raise NotApplicable(why)
    adapter, _ = adapters.choose(triton.__version__)
    signature = sign(double, {"X": "*fp32"}, {"BLOCK": 65536}, ["X"])
    try:
        made = adapter.compile(double, signature, {"num_warps": 32}, target)
    except Exception as error:  # a compiler that refuses says so in its own way, and nothing is launched
        return Seen(False, f"the compiler refuses: {type(error).__name__}: {str(error).strip().splitlines()[-1][:120]}")
    allowed = int(re.search(r"\.max_flat_workgroup_size:\s*(\d+)", made.stages["amdgcn"]).group(1))
    threads = made.num_warps * target.warp_size
    return Seen(threads > allowed, f"compiles, though a launch has {threads} threads and the code is for {allowed}")


INCIDENT = Incident(
    title="32 warps of 64 lanes on AMD",
    reference="linkedin/Liger-Kernel#231",
    symptom="launches fail on AMD GPUs from 32768 columns on",
    affected="the kernel's own settings: every Triton with a HIP backend",
    observations=(Observation("codegen", compile_it, EVERY),),
)
