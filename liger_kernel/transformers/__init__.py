"""Layers built on the kernels, under the names that Liger's users import.

Importing this package imports neither torch nor triton; they come with the first layer that is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

# public name -> the module that defines it
_LAYERS = {"LigerLayerNorm": "liger_kernel.transformers.layer_norm"}

__all__ = ["LigerLayerNorm"]


def __getattr__(name: str) -> Any:
    if name not in _LAYERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAYERS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAYERS})
