"""``tl.sum`` of bf16: it was promoted to fp32 without being asked, and is not any more."""

import numpy as np
import triton
import triton.language as tl

from . import standins
from .compiling import stages
from .incident import Incident, NotApplicable, Observation, Releases, Seen


@triton.jit
def row_sums(X, Out, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Out[r] = sum(X[r, :]) for ROWS rows of BLOCK columns, X in bf16 and Out in fp32, by one program."""
    rows = tl.arange(0, ROWS)
    cols = tl.arange(0, BLOCK)
    x = tl.load(X + tl.expand_dims(rows, 1) * BLOCK + tl.expand_dims(cols, 0))
    tl.store(Out + rows, tl.sum(x, axis=1).to(tl.float32))


def compile_it() -> Seen:
    """The type that the compiled reduction works in."""
    result = stages(row_sums, {"X": "*bf16", "Out": "*fp32"}, {"ROWS": 1, "BLOCK": 1024}, num_warps=4)
    assert result.status == "ok", result.reason
    text = result.stages["ttir"]
    region = text[text.index("tt.reduce") :]
    kind = "bf16" if "bf16" in region[: region.index("tt.reduce.return")] else "f32"
    return Seen(kind == "bf16", f"the compiled reduction adds in {kind}")


def interpret_it() -> Seen:
    """1 + 1023 * 2**-9, of which fp32 loses nothing. Interpreters hold bf16 as its bits and add those as integers."""
    if triton.__version__.startswith("2."):
        raise NotApplicable("the interpreter of Triton 2.3.1 has no bfloat16")
    values = np.full((2, 1024), 2.0**-9, np.float32)
    values[:, 0] = 1
    out = standins.Tensor(np.zeros(2, np.float32))
    row_sums[(1,)](standins.bfloat16(values), out, ROWS=2, BLOCK=1024, num_warps=4)
    exact = 1 + 1023 * 2.0**-9
    return Seen(abs(out.array[0] - exact) > 0.01, f"the sum is {out.array[0]:.4f}; exactly it is {exact:.4f}")


def on_a_gpu() -> Seen:
    """Random sums need more digits than bf16 has, so that all of them having no more tells what they were added in."""
    import torch

    x = torch.rand(64, 1024, device="cuda").to(torch.bfloat16)
    out = torch.zeros(64, device="cuda")
    row_sums[(1,)](x, out, ROWS=64, BLOCK=1024, num_warps=4)
    error = ((out.double() - x.double().sum(dim=1)).abs() / out).max().item()
    short = bool(torch.equal(out, out.to(torch.bfloat16).float()))
    return Seen(short, f"off by up to {error:.1g}; the sums have {'only' if short else 'more than'} bf16's digits")


INCIDENT = Incident(
    title="tl.sum of bf16 accumulates in bf16",
    reference="triton-lang/triton#5763, #6974; linkedin/Liger-Kernel#950",
    symptom="sums of bf16 blocks lose their last digits; nothing fails",
    affected="Triton 3.3.0 and later",
    observations=(
        Observation("codegen", compile_it, Releases("3.3.0")),
        Observation("interpreter", interpret_it, Releases("3.3.0")),
        Observation("device", on_a_gpu, Releases("3.3.0")),
    ),
)
