"""What this machine has to run kernels on."""

from __future__ import annotations

import torch

__all__ = ["infer_device"]

# In the order asked. torch calls AMD GPUs "cuda" too. "npu" exists only once Ascend's torch_npu is imported, and "xpu"
# only from torch 2.3 on.
_ACCELERATORS = ("cuda", "npu", "xpu")


def infer_device() -> str:
    """Return the ``torch.device`` type to run on: ``"cuda"`` (NVIDIA or AMD), ``"npu"``, ``"xpu"`` or ``"cpu"``.

    ``"cpu"`` means that there is no accelerator: the kernels then run only in Triton's interpreter.
    """
    for name in _ACCELERATORS:
        backend = getattr(torch, name, None)
        if backend is not None and backend.is_available():
            return name
    return "cpu"
