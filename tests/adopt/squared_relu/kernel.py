"""The kernel. It imports no torch, so any Triton release can compile it alone."""

import triton
import triton.language as tl


@triton.jit
def squared_relu_kernel(x_ptr, y_ptr, n_elements, BLOCK: tl.constexpr):
    """y[i] = max(x[i], 0) ** 2 for n_elements elements; one program does BLOCK of them.

    Args:
        x_ptr, y_ptr: (n_elements,), contiguous, of one dtype.
    """
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask, other=0.0)
    tl.store(y_ptr + offsets, tl.where(x > 0, x * x, 0.0), mask=mask)
