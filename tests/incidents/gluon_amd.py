"""The first Gluon asks AMD's options for one that only NVIDIA's have: no kernel compiles for an AMD GPU."""

import triton

from triton_matrix.launches.loading import GLUON_SINCE, has_gluon

from .compiling import refused
from .incident import Incident, NotApplicable, Observation, Releases, Seen

if has_gluon():
    from triton.experimental import gluon
    from triton.experimental.gluon import language as gl

    @gluon.jit
    def double(X, BLOCK: gl.constexpr):
        """X[:BLOCK] *= 2, by one program of four warps."""
        at = gl.arange(0, BLOCK, layout=gl.BlockedLayout([1], [32], [4], [0]))
        gl.store(X + at, gl.load(X + at) * 2)


def compile_it() -> Seen:
    """For a GPU with 32 lanes a warp, which is what that release takes for granted."""
    if not has_gluon():
        raise NotApplicable(f"Triton has Gluon from {GLUON_SINCE} on, and this is {triton.__version__}")
    return refused(double, {"X": "*fp32"}, {"BLOCK": 512}, target="hip:gfx1100", num_warps=4)


INCIDENT = Incident(
    title="Gluon that does not compile for AMD",
    reference="found while these incidents were written",
    symptom="AttributeError: 'HIPOptions' object has no attribute 'maxnreg'",
    affected="Triton 3.4.0, every kernel of Gluon on an AMD GPU",
    observations=(Observation("codegen", compile_it, Releases("3.4.0", "3.4.0")),),
)
