"""A kernel parameter named like a compile option: the call that this project started from."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def scale(X, n, BLOCK: tl.constexpr, num_warps: tl.constexpr):
    """X[:n] *= num_warps, by one program."""
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, tl.load(X + cols, mask=cols < n, other=0.0) * num_warps, mask=cols < n)


def compiled_launch() -> Seen:
    """Bind and compile as a launch does, for a GPU that a stand-in driver names."""
    with standins.driver():
        return _refusal(lambda x: scale.run(x, 8, grid=(1,), warmup=True, BLOCK=8, num_warps=2))


def interpreted_launch() -> Seen:
    return _refusal(lambda x: scale[(1,)](x, 8, BLOCK=8, num_warps=2))


def _refusal(launch) -> Seen:
    x = standins.Tensor(np.ones(8, np.float32))
    try:
        launch(x)
    except TypeError as error:
        if "num_warps" not in str(error):
            raise
        return Seen(True, f"TypeError: {error}")
    return Seen(False, "the launch binds num_warps")


INCIDENT = Incident(
    title="a compile option declared as a kernel parameter",
    reference="linkedin/Liger-Kernel#215, triton-lang/triton#5164",
    symptom="TypeError: missing a required argument: 'num_warps'",
    affected="compiled launches of Triton 2.2.0 to 2.3.1; interpreters up to 3.2.0",
    observations=(
        Observation("codegen", compiled_launch, Releases(None, "2.3.1")),
        Observation("interpreter", interpreted_launch, Releases(None, "3.2.0")),
    ),
)
