"""What the programs of one row tell each other: two numbers each, through memory. For the split and pipelined kernels.

SPLIT neighbouring programs work on the same row, each on a part of BLOCK_N columns, and need each other's two sums.
Each publishes its two fp32 numbers as one 64-bit word in a slot of its own, and reads the slots of its row until none
is empty. A word of zero is an empty slot, so the buffer is zeroed before the launch; the word holds the inverted bits
of the two numbers, so that no result of arithmetic can be mistaken for an empty slot (both numbers would have to be
NaNs with every bit set). A 64-bit word is written whole or not at all, and it is all that is exchanged, so no fence is
needed; every program adds the numbers in the same order, so a repeat gives the same bits.

Waiting is safe where the SPLIT programs of a row can all be on the device at once and programs start in the order of
their number: the rows of earlier programs finish without later ones. `geometry.can_wait` says where that holds, and the
plan refuses to share rows elsewhere.

How a program waits is the kernel's own: split kernels in a loop of Triton's, pipelined ones in one sequence of PTX. An
interpreter runs programs one after another, so that a row would wait for ever: these kernels run on a device only.

    Exchange      [n_rows, SPLIT], int64, zeros: the slots
"""

import triton
import triton.language as tl


@triton.jit
def publish(slot, first, second, wanted):
    """Write two fp32 scalars to the slot, where wanted."""
    first_bits = first.to(tl.int32, bitcast=True).to(tl.int64) << 32
    second_bits = second.to(tl.int32, bitcast=True).to(tl.int64) & 0xFFFFFFFF
    tl.store(slot, (first_bits | second_bits) ^ -1, mask=wanted)


@triton.jit
def published(slots):
    """The two numbers in the word of each slot; of an empty slot, two NaNs."""
    bits = slots ^ -1
    first = (bits >> 32).to(tl.int32).to(tl.float32, bitcast=True)
    second = bits.to(tl.int32).to(tl.float32, bitcast=True)
    return first, second
