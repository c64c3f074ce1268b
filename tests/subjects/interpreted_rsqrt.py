"""An rsqrt for interpreters. In a file of its own: deferred annotations and kernels do not go together."""

import triton
import triton.language as tl


@triton.jit
def rsqrt(x):
    """1 / sqrt(x), of a block or a number."""
    return 1 / tl.sqrt(x)
