"""Every LayerNorm kernel under one name: what the plan calls `Launch.kernel` is an attribute of this module."""

from .layer_norm_ahead import _layer_norm_backward_ahead_kernel, _layer_norm_forward_ahead_kernel
from .layer_norm_backward import (
    _layer_norm_backward_kernel,
    _layer_norm_backward_reduce_kernel,
    _layer_norm_backward_wide_kernel,
)
from .layer_norm_forward import _layer_norm_forward_kernel, _layer_norm_forward_wide_kernel
from .layer_norm_packed import _layer_norm_forward_packed_kernel
from .layer_norm_pairs import _layer_norm_backward_pairs_kernel
from .layer_norm_pipelined import _layer_norm_backward_pipelined_kernel, _layer_norm_forward_pipelined_kernel
from .layer_norm_split import _layer_norm_backward_split_kernel, _layer_norm_forward_split_kernel
from .layer_norm_unaligned import _layer_norm_backward_unaligned_kernel, _layer_norm_forward_unaligned_kernel

__all__ = [
    "_layer_norm_backward_ahead_kernel",
    "_layer_norm_backward_kernel",
    "_layer_norm_backward_pairs_kernel",
    "_layer_norm_backward_pipelined_kernel",
    "_layer_norm_backward_reduce_kernel",
    "_layer_norm_backward_split_kernel",
    "_layer_norm_backward_unaligned_kernel",
    "_layer_norm_backward_wide_kernel",
    "_layer_norm_forward_ahead_kernel",
    "_layer_norm_forward_kernel",
    "_layer_norm_forward_packed_kernel",
    "_layer_norm_forward_pipelined_kernel",
    "_layer_norm_forward_split_kernel",
    "_layer_norm_forward_unaligned_kernel",
    "_layer_norm_forward_wide_kernel",
]
