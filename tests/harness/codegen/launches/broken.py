"""Kernels that cannot be compiled, each in its own way."""

import triton
import triton.language as tl


@triton.jit
def copy_with_a_typo(x_ptr, BLOCK: tl.constexpr):
    cols = tl.arange(0, BLOCK)
    tl.store(x_ptr + cols, tl.no_such_function(cols))


@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr):
    cols = tl.arange(0, BLOCK)
    tl.store(x_ptr + cols, tl.load(x_ptr + cols, mask=cols < n) + 1, mask=cols < n)


def not_a_kernel():
    """A plain function."""
