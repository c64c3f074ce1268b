"""Deferred annotations above a kernel: tl.constexpr becomes text, which the first interpreters do not read."""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from . import standins
from .compiling import refused
from .incident import NONE, Incident, Observation, Releases, Seen


@triton.jit
def double(X, BLOCK: tl.constexpr):
    """X[:BLOCK] *= 2, by one program."""
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, tl.load(X + cols) * 2)


def interpret_it() -> Seen:
    x = standins.Tensor(np.ones(8, np.float32))
    try:
        double[(1,)](x, BLOCK=8, num_warps=1)
    except Exception as error:  # what an interpreter raises differs from release to release
        return Seen(True, f"{type(error).__name__}: {str(error)[:120]}")
    assert x.array.tolist() == [2.0] * 8
    return Seen(False, "it runs")


def compile_it() -> Seen:
    return refused(double, {"X": "*fp32"}, {"BLOCK": 8}, num_warps=1)


INCIDENT = Incident(
    title="deferred annotations above a kernel",
    reference="found while these incidents were written",
    symptom="ValueError: arange's arguments must be of type tl.constexpr",
    affected="interpreters up to Triton 3.1.0; compiled, it is fine",
    observations=(
        Observation("interpreter", interpret_it, Releases(None, "3.1.0")),
        Observation("codegen", compile_it, NONE),
    ),
)
