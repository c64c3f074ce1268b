"""The only door to what is under test: names that Liger's users import, and nothing else of the package."""

from __future__ import annotations

from liger_kernel.ops import LigerLayerNormFunction
from liger_kernel.transformers.functional import liger_layer_norm
from liger_kernel.transformers.layer_norm import LigerLayerNorm
from liger_kernel.utils import infer_device

__all__ = ["LigerLayerNorm", "LigerLayerNormFunction", "infer_device", "liger_layer_norm"]
