"""What ``bisect`` is tried on: a kernel that declares a parameter with the name of a compile option.

Not collected with the suites (its name does not begin with ``test``): before Triton 3.3 it fails in the interpreter.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.jit
def add_one(X, BLOCK: tl.constexpr, num_warps: tl.constexpr):
    """One program adds 1 to BLOCK elements of X, [BLOCK] fp32."""
    offsets = tl.arange(0, BLOCK)
    tl.store(X + offsets, tl.load(X + offsets) + 1.0)


def test_a_declared_num_warps_is_bound(device):
    x = torch.zeros(64, device=device)
    add_one[(1,)](x, BLOCK=64, num_warps=4)
    assert torch.equal(x, torch.ones_like(x))
