"""LayerNorm as a torch operation over the kernels. Importing this package imports neither torch nor triton."""

from __future__ import annotations

__all__ = ["LigerLayerNormFunction"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from . import layer_norm

        return getattr(layer_norm, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
