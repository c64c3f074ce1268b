"""What 3.9 took away from tl.load: block pointers, and every argument by position after ``other``."""

import triton
import triton.language as tl

from .compiling import refused
from .incident import Incident, Observation, Releases, Seen


@triton.jit
def double_by_block_pointer(X, n, BLOCK: tl.constexpr):
    """X[:BLOCK] *= 2, by one program."""
    block = tl.make_block_ptr(X, shape=(n,), strides=(1,), offsets=(0,), block_shape=(BLOCK,), order=(0,))
    tl.store(block, tl.load(block, boundary_check=(0,)) * 2, boundary_check=(0,))


@triton.jit
def double_by_position(X, n, BLOCK: tl.constexpr):
    """X[:n] *= 2, by one program; the fourth and fifth argument of tl.load are boundary_check and padding_option."""
    cols = tl.arange(0, BLOCK)
    x = tl.load(X + cols, cols < n, 0.0, (), "")
    tl.store(X + cols, x * 2, mask=cols < n)


ARGUMENTS = ({"X": "*fp32", "n": "i32"}, {"BLOCK": 8})


def compile_block_pointer() -> Seen:
    return refused(double_by_block_pointer, *ARGUMENTS, num_warps=1)


def compile_positional() -> Seen:
    return refused(double_by_position, *ARGUMENTS, num_warps=1)


INCIDENT = Incident(
    title="block pointers, and arguments of tl.load by position",
    reference="triton/language/core.py, read in the wheels of 3.8.0 and 3.9.0",
    symptom="AttributeError or TypeError when the kernel is compiled",
    affected="Triton 3.9.0 and later",
    observations=(
        Observation("codegen", compile_block_pointer, Releases("3.9.0"), "block-pointer"),
        Observation("codegen", compile_positional, Releases("3.9.0"), "by-position"),
    ),
)
