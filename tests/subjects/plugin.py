"""pytest plugin of a subject's run: what Liger's kernels need beside an interpreter, so that the suites see past it.

Published Liger kernels were never run without a GPU, and two things stop every one of them at once in Triton's
interpreter, on every release: libdevice's ``rsqrt``, which no interpreter has, and a question to the GPU about tensors
on the CPU. Both are answered here, at level interpreter only. What then fails is the kernel's own.
"""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import Any

import pytest

# What only our own package promises: W and B that may be None, and a LigerLayerNorm that imports without Hugging Face.
OWN = {
    "test_a_module_under_autocast_takes_what_the_layer_before_it_gives",
    "test_absent_parameters",
    "test_absent_parameters_beside_frozen_ones",
}
MULTIPROCESSORS = 4  # of the GPU that is not there: few, so that each program of a backward has several rows


def pytest_configure(config: pytest.Config) -> None:
    """Answer both before the first test, and refuse to test our own package under another's name."""
    ensure_subject()
    if os.environ.get("TRITON_INTERPRET") == "1":
        answer_for_the_gpu(MULTIPROCESSORS)
        replace_rsqrt()


def ensure_subject() -> None:
    """Raise RuntimeError where ``liger_kernel`` is this checkout's although a subject was asked for."""
    import liger_kernel

    folder, ours = (
        Path(next(iter(liger_kernel.__path__))).resolve(),
        Path(__file__).resolve().parents[2] / "liger_kernel",
    )
    if os.environ.get("TRITON_MATRIX_SUBJECT") and folder == ours:
        raise RuntimeError(
            f"the subject is {os.environ['TRITON_MATRIX_SUBJECT']}, but liger_kernel is found in {folder}"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list) -> None:
    """Leave out what only our own package promises."""
    own = [item for item in items if item.originalname in OWN]
    items[:] = [item for item in items if item.originalname not in OWN]
    config.hook.pytest_deselected(items=own)


def answer_for_the_gpu(multiprocessors: int) -> None:
    """Let torch describe a GPU where it is asked about the CPU."""
    import torch

    described = torch.cuda.get_device_properties

    def describe(device: Any = None) -> Any:
        if device is not None and torch.device(device).type == "cpu":
            return types.SimpleNamespace(multi_processor_count=multiprocessors)
        return described(device)

    torch.cuda.get_device_properties = describe


def replace_rsqrt() -> None:
    """Give the subject's LayerNorm an rsqrt that an interpreter can run; one that does not import is left alone."""
    try:
        from liger_kernel.ops import layer_norm
    except Exception:  # the suites report it
        return
    if hasattr(layer_norm, "rsqrt"):
        from .interpreted_rsqrt import rsqrt

        layer_norm.rsqrt = rsqrt
