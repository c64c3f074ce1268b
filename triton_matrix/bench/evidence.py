"""What a result is evidence of: resolved versions, GPU, commit, and the launch settings that were really used."""

from __future__ import annotations

import datetime
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from ..evidence import toolchain
from .rows import Row

SCHEMA = "triton-matrix/benchmark/1"
GENERAL, TUNED = "general rule", "tuned table"  # who chose the launch settings


def header(cell: str, level: str, selection: str, root: Optional[Path]) -> dict[str, Any]:
    """The part of a file's header that every level has."""
    commit, dirty = toolchain.git_state(root)
    return {
        "schema": SCHEMA,
        "cell": cell,
        "level": level,
        "selection": selection,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit,
        "dirty": dirty,
        "gpus": toolchain.gpus(),
        "versions": versions(),
    }


def versions() -> dict[str, Optional[str]]:
    """What is resolved in this process, not what was asked for."""
    found: dict[str, Optional[str]] = {"python": platform.python_version()}
    for name in ("torch", "triton"):
        module = sys.modules.get(name)
        found[name] = str(module.__version__) if module else _distribution(name)  # type: ignore[attr-defined]
    found["pytest-benchmark"] = _distribution("pytest-benchmark")
    return found


def launches(row: Row, device: str) -> list[dict[str, Any]]:
    """What our LayerNorm launches for a row, from its launch plan: kernel, grid, constexprs, num_warps, num_stages."""
    from liger_kernel.kernels import plan as launch_plan

    properties = _properties(device)
    plans: dict[str, Any] = {"forward": launch_plan.forward_plan, "backward": launch_plan.backward_plan}
    return [
        {
            "kernel": launch.kernel,
            "grid": list(launch.grid),
            "constexprs": dict(launch.constexprs),
            **launch.options,
        }
        for direction in row.direction.split("+")
        for launch in plans[direction](row.n_rows, row.n_cols, row.dtype, properties)
    ]


def settings(device: str) -> str:
    """Who chose the launch settings: ``TUNED``, measured on this GPU, or ``GENERAL``.

    The plan is asked, so the environment variable LIGER_KERNEL_TUNED counts as it does for a launch.
    """
    from liger_kernel.kernels import plan as launch_plan

    tuned = launch_plan.tuned_settings("forward", 4096, "bf16", _properties(device))
    return GENERAL if tuned is None else TUNED


def _properties(device: str) -> Any:
    import torch

    from liger_kernel.ops.launch import device_properties

    return device_properties(torch.device(device, 0) if device == "cuda" else torch.device(device))


def _distribution(name: str) -> Optional[str]:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
