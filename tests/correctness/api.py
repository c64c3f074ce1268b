"""The only door to what is under test: names that Liger's users import, and nothing else of the package.

Another package under test needs only ``liger_kernel.ops.layer_norm.LigerLayerNormFunction``: releases of Liger differ
in what else they have, and in what their other modules import.
"""

from __future__ import annotations

import os

if os.environ.get("TRITON_MATRIX_SUBJECT"):
    from liger_kernel.ops.layer_norm import LigerLayerNormFunction

    LigerLayerNorm = infer_device = None

    def liger_layer_norm(X, W, B, eps):
        return LigerLayerNormFunction.apply(X, W, B, eps)
else:
    from liger_kernel.ops import LigerLayerNormFunction
    from liger_kernel.transformers.functional import liger_layer_norm
    from liger_kernel.transformers.layer_norm import LigerLayerNorm
    from liger_kernel.utils import infer_device

__all__ = ["LigerLayerNorm", "LigerLayerNormFunction", "infer_device", "liger_layer_norm"]
