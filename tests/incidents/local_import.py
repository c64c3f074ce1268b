"""triton.language imported inside the function that defines the kernel, as tests and lazily loaded packages do."""

from .compiling import refused
from .incident import Incident, Observation, Releases, Seen


def kernel():
    """A kernel whose ``tl`` is no global of its module."""
    import triton
    import triton.language as tl

    @triton.jit
    def double(X, BLOCK: tl.constexpr):
        cols = tl.arange(0, BLOCK)
        tl.store(X + cols, tl.load(X + cols) * 2)

    return double


def compile_it() -> Seen:
    return refused(kernel(), {"X": "*fp32"}, {"BLOCK": 8}, num_warps=1)


INCIDENT = Incident(
    title="triton.language imported inside a function",
    reference="pytorch/pytorch#132534: triton import inside function doesn't work",
    symptom="NameError: tl is not defined",
    affected="Triton 3.3 and before",
    observations=(Observation("codegen", compile_it, Releases(None, "3.3.1")),),
)
