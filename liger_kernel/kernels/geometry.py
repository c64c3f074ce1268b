"""Tiles, blocks and grids: how many programs take which elements of the matrix. Standard library only."""

from __future__ import annotations

from .device import DeviceProperties

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
REGISTERS = 65536  # of an NVIDIA multiprocessor, from compute capability 5.0 on (CUDA C++ Programming Guide)
MOST_REGISTERS = 255  # that a thread may have
SHORTEST_PARTED = 64  # columns of a row whose ends lie apart from a body (ends.py)
STREAM_PRIORITIES = 6  # that CUDA tells apart: 0 to -5


def cdiv(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def next_power_of_2(n: int) -> int:
    """The smallest power of two that is at least n (n >= 1)."""
    return 1 << (n - 1).bit_length()


def branch_sizes() -> tuple[int, ...]:
    """Numbers of columns that reach every branch of the plans for every dtype and target, lengths odd too."""
    others = (1, 17, 127, 1000, 1023, 2560, 3072, 4097, 5120, 6144, 7000, 8191, 10000, 12288, 24576, 49152, 65535)
    return tuple(sorted({*others, 100000, *(2**k for k in range(9, 18))}))


def is_aligned(n_cols: int, dtype: str) -> bool:
    """Whether rows start at multiples of 8 bytes, which loads can be as wide as without loss."""
    return n_cols * BYTES[dtype] % 8 == 0


def align(dtype: str) -> int:
    """Elements in 16 bytes."""
    return 16 // BYTES[dtype]


def rows_alike(groups: int, dtype: str) -> int:
    """What a persistent kernel takes as ALIGN (ends.py) where it stores as much as it can of rows that are not aligned.

    That is the elements in 32 bytes, which memory is written in; or in 16, where of so many groups of programs, which
    are to be a multiple of it, more than a sixteenth would be missing.
    """
    fewest, alike = align(dtype), 2 * align(dtype)
    left, most = groups // alike * alike, groups // fewest * fewest
    return alike if left > 0 and 16 * left >= 15 * most else fewest


def is_parted(n_cols: int, dtype: str) -> bool:
    """Whether kernels of words take rows of this length apart, into ends and a body (ends.py)."""
    return not is_aligned(n_cols, dtype) and n_cols >= SHORTEST_PARTED


def longest_body(n_cols: int, dtype: str) -> int:
    """Columns in the longest body of rows that are not aligned."""
    return n_cols // align(dtype) * align(dtype)


def body_block(n_cols: int, dtype: str) -> int:
    """The block that holds the longest body of an unaligned row."""
    return next_power_of_2(max(1, longest_body(n_cols, dtype)))


def elements_in_a_word(n_cols: int, dtype: str) -> int:
    """Elements that a kernel can hold in one 32-bit register: two of 16 bits, unless rows start between words."""
    return 2 if BYTES[dtype] == 2 and n_cols % 2 == 0 else 1


def part(n_cols: int, split: int, multiple: int) -> int:
    """Columns of each of the `split` programs of a row: equal shares, of a shared row in multiples of so many."""
    return n_cols if split == 1 else cdiv(cdiv(n_cols, split), multiple) * multiple


def lanes(split: int, device: DeviceProperties, num_warps: int) -> int:
    """Words that a program reads of its row's slots at once: all of them, and at least two for every thread."""
    return max(2 * device.warp_size * num_warps, next_power_of_2(split))


def can_wait(
    n_cols: int, block_n: int, num_warps: int, programs: int, max_registers: int, device: DeviceProperties
) -> bool:
    """Whether programs that each take `block_n` columns of a row, and wait for those of their row, never wait for ever.

    Programs start in the order of their number, so that of one launch at most one row is on the device in part; and
    those of a launch start before those of a later one with the same stream priority. So at most one row for each
    priority is there in part, without one program. If these cannot fill the device, whoever is waited for gets a place.
    """
    resident = min(programs, REGISTERS // (32 * num_warps * (max_registers or MOST_REGISTERS)))
    incomplete = STREAM_PRIORITIES * (cdiv(n_cols, block_n) - 1)
    return device.is_cuda and incomplete < device.n_multiprocessors * resident


def groups(n_rows: int, rows: int, split: int, programs: int, device: DeviceProperties, alike: int = 1) -> int:
    """Groups of `split` programs in a persistent grid of `programs` a multiprocessor; a group takes `rows` a turn.

    Where every `alike`-th row starts alike, and a group takes only such rows: a multiple of that, or one for each row.
    """
    wanted = max(alike, device.n_multiprocessors * programs // split // alike * alike)
    return min(cdiv(n_rows, rows), wanted)
