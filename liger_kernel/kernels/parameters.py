"""The run-time parameters of every kernel in the order of its signature, and their Triton types. Standard library only.

One name is one thing in all kernels. This is the only list: the plan takes the arguments of a launch from it, the torch
side builds its tuples by it, and a test holds it against the signatures of the kernels.
"""

from __future__ import annotations

from typing import NamedTuple

_BACKWARD = ("dY", "X", "W", "Mean", "RSTD", "dX")
_PARTIALS = ("dW_partial", "dB_partial")

PARAMETERS: dict[str, tuple[str, ...]] = {
    "_layer_norm_forward_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "n_rows", "eps"),
    "_layer_norm_forward_wide_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "n_rows", "eps"),
    "_layer_norm_forward_packed_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "n_rows", "eps"),
    "_layer_norm_forward_pipelined_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "Exchange", "n_rows", "eps"),
    "_layer_norm_forward_ahead_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "Exchange", "n_rows", "eps"),
    "_layer_norm_forward_unaligned_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "n_rows", "eps"),
    "_layer_norm_forward_split_kernel": ("X", "W", "B", "Y", "Mean", "RSTD", "Exchange", "n_rows", "eps"),
    "_layer_norm_backward_kernel": (*_BACKWARD, *_PARTIALS, "n_rows"),
    "_layer_norm_backward_pipelined_kernel": (*_BACKWARD, *_PARTIALS, "Exchange", "n_rows"),
    "_layer_norm_backward_ahead_kernel": (*_BACKWARD, *_PARTIALS, "Exchange", "n_rows"),
    "_layer_norm_backward_pairs_kernel": (*_BACKWARD, *_PARTIALS, "Exchange", "n_rows"),
    "_layer_norm_backward_unaligned_kernel": (*_BACKWARD, *_PARTIALS, "n_rows"),
    "_layer_norm_backward_split_kernel": (*_BACKWARD, *_PARTIALS, "Exchange", "n_rows"),
    "_layer_norm_backward_wide_kernel": (
        *(*_BACKWARD, *_PARTIALS, "dW", "dB"),
        *("n_rows", "rows_per_program", "n_partials"),
    ),
    "_layer_norm_backward_reduce_kernel": (*_PARTIALS, "dW", "dB", "n_partials"),
}


class Types(NamedTuple):
    """The Triton types of one problem's tensors: "fp32", "fp16" or "bf16"."""

    x: str
    w: str
    b: str


def parameter_types(kernel: str, types: Types, n_rows: int) -> dict[str, str]:
    """Triton type ("*bf16", "i32", "fp32") of every run-time parameter of the kernel, in order."""
    x, w, b = (f"*{name}" for name in types)
    of_name = {"X": x, "Y": x, "dY": x, "dX": x, "W": w, "dW": w, "B": b, "dB": b, "Exchange": "*i64", "eps": "fp32"}
    of_name.update(dict.fromkeys(("Mean", "RSTD", *_PARTIALS), "*fp32"))
    of_name.update(n_rows="i32" if n_rows < 2**31 else "i64", n_partials="i32", rows_per_program="i32")
    return {name: of_name[name] for name in PARAMETERS[kernel]}
