"""What the programs of one row tell each other: two numbers each, through memory. For kernels that share rows.

SPLIT neighbouring programs work on the same row, each on a part of BLOCK_N columns, and need each other's two sums.
Each publishes its two fp32 numbers as one 64-bit word in a slot of its own, and reads the slots of its row until none
is empty. A word of zero is an empty slot, so the buffer is zeroed before the launch; the word holds the inverted bits
of the two numbers, so that no result of arithmetic can be mistaken for an empty slot (both numbers would have to be
NaNs with every bit set). A 64-bit word is written whole or not at all, and it is all that is exchanged, so no fence is
needed; every program adds the numbers in the same order, so a repeat gives the same bits.

Waiting is safe where the SPLIT programs of a row can all be on the device at once and programs start in the order of
their number: the rows of earlier programs finish without later ones. `geometry.can_wait` says where that holds, and the
plan refuses to share rows elsewhere.

How a program waits is the kernel's own: split kernels in a loop of Triton's, pipelined ones in one sequence of PTX,
and so do those that `peek` early and `collect` late, which read again only where a slot was empty. An interpreter runs
programs one after another, so that a row would wait for ever: no interpreter shares rows.

    Exchange      [n_rows, SPLIT], int64, zeros: the slots
"""

import triton
import triton.language as tl

from .sums import add_two

# lint: allow not-interpreted (no interpreter shares rows)


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


@triton.jit
def peek(slots, lanes, SPLIT: tl.constexpr):
    """The words of the row's slots as they are now; in lanes beyond SPLIT the last one again."""
    return tl.inline_asm_elementwise(
        "ld.relaxed.gpu.global.b64 $0, [$1];",
        "=l,l",
        [slots + tl.minimum(lanes, SPLIT - 1)],
        dtype=tl.int64,
        is_pure=False,
        pack=1,
    )


@triton.jit
def collect(words, slots, lanes, SPLIT: tl.constexpr):
    """The row's two sums, once none of its slots is empty; `words` are what `peek` read of them a while ago.

    Every thread reads the slots for itself, inside one sequence of PTX, until none is empty: a slot is written once, so
    that all see the same words, and no barrier is inside the wait.
    """
    words = tl.inline_asm_elementwise(
        """{
        .reg .pred empty;
        mov.b64 $0, $1;
        setp.eq.s64 empty, $0, 0;
        @!empty bra done;
        again:
        ld.relaxed.gpu.global.b64 $0, [$2];
        setp.eq.s64 empty, $0, 0;
        @empty bra again;
        done:
        }""",
        "=&l,l,l",
        [words, slots + tl.minimum(lanes, SPLIT - 1)],
        dtype=tl.int64,
        is_pure=False,
        pack=1,
    )
    first, second = published(words)
    first = tl.where(lanes < SPLIT, first, 0.0)
    second = tl.where(lanes < SPLIT, second, 0.0)
    return tl.reduce((first, second), 0, add_two)
