"""Several sums in one reduction, so that the warps of a program wait for each other once and not once a sum."""

import triton
import triton.language as tl


@triton.jit
def add_two(a0, a1, b0, b1):
    """For `tl.reduce`: two sums side by side."""
    return a0 + b0, a1 + b1


@triton.jit
def add_three(a0, a1, a2, b0, b1, b2):
    """For `tl.reduce`: three sums side by side."""
    return a0 + b0, a1 + b1, a2 + b2


@triton.jit
def variance_about(total, squares, N_COLS: tl.constexpr):
    """The variance out of both sums of a row about one number; NaN where they are, as rows with an infinity have it."""
    offset = total * (1.0 / N_COLS)
    variance = squares * (1.0 / N_COLS) - offset * offset
    return tl.where(variance < 0.0, 0.0, variance)  # a maximum would be 0 of NaN


@triton.jit
def sum_all(tile):
    """The sum of a tile of two dimensions, as a scalar; the first dimension lies within threads."""
    return tl.sum(tl.sum(tile, axis=0), axis=0)


@triton.jit
def sum_both(first, second):
    """The sums of two such tiles, as scalars."""
    first, second = tl.reduce((first, second), 0, add_two)
    return tl.reduce((first, second), 0, add_two)


@triton.jit
def add_four(a0, a1, a2, a3, b0, b1, b2, b3):
    """For `tl.reduce`: four sums side by side."""
    return a0 + b0, a1 + b1, a2 + b2, a3 + b3


@triton.jit
def sum_four(first, second, third, fourth):
    """The sums of four such tiles, as scalars."""
    first, second, third, fourth = tl.reduce((first, second, third, fourth), 0, add_four)
    return tl.reduce((first, second, third, fourth), 0, add_four)
