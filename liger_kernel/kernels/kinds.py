"""The kinds of kernels that cut up the matrix, one row each, and where each can run. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .device import DeviceProperties

DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class Kind:
    """What the kernels of one kind need.

    Attributes:
        directions: those that have a kernel of this kind.
        in_words: bytes of the elements that they hold as words of 32 bits, so that they take no other rows; empty: they
            take all.
        parts: whether they take rows of other lengths too, whose bodies alone are words (`geometry.is_parted`).
        shares_rows: their programs may share a row, and wait for each other.
        cuda_only: they hold PTX, or wait as only CUDA devices are known to let them.
        since: the first Triton that compiles them.
        interpreted_since: the first Triton whose interpreter runs them; None: none does.
    """

    directions: tuple[str, ...] = DIRECTIONS
    in_words: tuple[int, ...] = ()
    parts: bool = False
    shares_rows: bool = False
    cuda_only: bool = False
    since: str = "2.3"
    interpreted_since: Optional[str] = "2.3"

    def lacks(self, direction: str, device: DeviceProperties) -> str:
        """Why the device, or the Triton that compiles for it, has no kernel of this kind; "" where it has one."""
        if direction not in self.directions:
            return f"it has no {direction} kernel"
        interpreted = device.arch == "interpreter"
        here = "an interpreter" if interpreted else device.arch
        since = self.interpreted_since if interpreted else self.since
        if since is None or (self.cuda_only and not interpreted and not device.is_cuda):
            return f"it runs on CUDA devices only, and this is {here}"
        if device.compiled_before(since):
            return f"it needs Triton {since} or later on {here}, and this is Triton {device.triton}"
        return ""


KINDS = {
    # whole rows, held in registers
    "tile": Kind(),
    # forward of one row, in chunks of words of two elements
    "packed": Kind(
        directions=("forward",),
        in_words=(2, 4),
        parts=True,
        cuda_only=True,
        interpreted_since="3.0",
    ),
    # rows cut over several programs that exchange their sums
    "split": Kind(shares_rows=True, cuda_only=True, interpreted_since=None),
    # rows of words, whole or split, copied ahead to shared memory
    "pipelined": Kind(in_words=(2,), shares_rows=True, cuda_only=True, since="3.0", interpreted_since=None),
    # such rows, of fp32 too, whose sums are collected a pass or two later; forward shared ones alone
    "ahead": Kind(
        in_words=(2, 4),
        parts=True,
        shares_rows=True,
        cuda_only=True,
        since="3.0",
        interpreted_since="3.0",
    ),
    # backward of such rows of 16 bits that programs share, two a pass
    "pairs": Kind(
        directions=("backward",),
        in_words=(2,),
        shares_rows=True,
        cuda_only=True,
        since="3.0",
        interpreted_since=None,
    ),
    # rows walked in chunks and read twice
    "wide": Kind(),
    # one row at a time, whose length is no multiple of 16 bytes
    "unaligned": Kind(interpreted_since="3.0"),
}
