"""The ends of rows whose length is no multiple of 16 bytes.

Such rows do not all start at a multiple of 16 bytes; the widest load that fits every one is a few bytes, and several
times slower. But every ALIGN-th row starts at the same place between two multiples (ALIGN: the elements in 16 bytes).
A program takes one row, or only rows that start alike, and parts them at the same columns: a head of fewer than ALIGN
elements, a body that starts at a multiple of 16 bytes and whose length is one, and a tail of fewer than ALIGN elements.
Head and tail are one small tile, the ends.

What body and ends have in common are scalars: a tensor would tie the layout of the small tile to that of the large
one, and 16 elements would then take 8 registers of each thread.
"""

import triton
import triton.language as tl


@triton.jit
def head_and_body(row, N_COLS: tl.constexpr, ALIGN: tl.constexpr):
    """Elements in the head and in the body of the row and of every ALIGN-th after it; N_COLS is at least ALIGN."""
    past = row % ALIGN * (N_COLS % ALIGN) % ALIGN  # from a multiple of 16 bytes to the start of the row
    head = (ALIGN - past) % ALIGN
    return head, (N_COLS - head) // ALIGN * ALIGN


@triton.jit
def end_columns(head, body, N_COLS: tl.constexpr, ALIGN: tl.constexpr):
    """[2 * ALIGN]: the columns of head and tail, and which of them exist."""
    lanes = tl.arange(0, 2 * ALIGN)
    cols = tl.where(lanes < ALIGN, lanes, lanes - ALIGN + head + body)
    return cols, (lanes < head) | ((lanes >= ALIGN) & (cols < N_COLS))


@triton.jit
def body_start(row, head, N_COLS: tl.constexpr, ALIGN: tl.constexpr):
    """Where the body of the row starts; the compiler sees that it is a multiple of ALIGN."""
    return (row * N_COLS + head) // ALIGN * ALIGN
