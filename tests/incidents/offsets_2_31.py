"""Offsets beyond 2**31 elements: row * stride of two 32-bit numbers wraps."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .incident import EVERY, Incident, Missing, Observation, Seen

ROW, STRIDE = 40_000, 65_536  # 2 621 440 000, beyond 2**31 = 2 147 483 648


@triton.jit
def offsets(Out, row, stride, BLOCK: tl.constexpr, WIDE: tl.constexpr):
    """Out[i] = row * stride + i in 64 bits, by one program; WIDE multiplies in 64 bits too."""
    cols = tl.arange(0, BLOCK)
    rows = cols * 0 + row  # a block: the interpreter of 2.3.1 converts no numbers
    if WIDE:
        rows = rows.to(tl.int64)
    tl.store(Out + cols, (rows * stride + cols).to(tl.int64))


@triton.jit
def mark(X, stride, first, WIDE: tl.constexpr):
    """X[(first + program) * stride] = 1, one program a row, for one byte an element."""
    row = first + tl.program_id(0)
    if WIDE:
        row = row.to(tl.int64)
    tl.store(X + row * stride, 1)


def interpret_it() -> Seen:
    """The interpreter's numpy wraps as the GPU does, so that it needs no 2 GiB to be seen."""
    assert _offset(wide=True) == ROW * STRIDE
    narrow = _offset(wide=False)
    return Seen(narrow != ROW * STRIDE, f"{ROW} * {STRIDE} is {narrow}")


def _offset(wide: bool) -> int:
    out = standins.Tensor(np.zeros(8, np.int64))
    with np.errstate(over="ignore"):
        offsets[(1,)](out, ROW, STRIDE, BLOCK=8, WIDE=wide, num_warps=1)
    return int(out.array[0])


def on_a_gpu() -> Seen:
    """Write one byte beyond 2**31 from the start of a row in the middle, so that an offset that wraps stays inside."""
    import torch

    if torch.cuda.mem_get_info()[0] < 6 * 2**30:
        raise Missing("needs 6 GiB of free GPU memory")
    whole = torch.zeros(2 * 2**31 + STRIDE, dtype=torch.int8, device="cuda")
    seen = {}
    for wide in (False, True):
        whole.zero_()
        middle = whole[2**31 :]
        mark[(1,)](middle, STRIDE, 2**31 // STRIDE, WIDE=wide, num_warps=1)
        torch.cuda.synchronize()
        # in pieces: torch's searches take no more than 2**31 elements at once
        pieces = enumerate(whole.split(2**30))
        (seen[wide],) = [at * 2**30 + int(piece.argmax()) - 2**31 for at, piece in pieces if piece.any()]
    assert seen[True] == 2**31
    return Seen(seen[False] != 2**31, f"element 2**31 was written at {seen[False]}")


INCIDENT = Incident(
    title="offsets beyond 2**31 elements",
    reference="linkedin/Liger-Kernel#1483, #1296, #804; triton-lang/triton#1058",
    symptom="an illegal memory access, or rows that are silently those of another place",
    affected="the kernel's own fault: every Triton",
    observations=(Observation("interpreter", interpret_it, EVERY), Observation("device", on_a_gpu, EVERY)),
)
