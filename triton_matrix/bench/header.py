"""What a result is evidence of: cell, level, resolved versions, GPUs, commit."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from ..base import compiler_variables
from ..evidence import schemas, toolchain


def header(cell: str, level: str, selection: str, root: Optional[Path]) -> dict[str, Any]:
    """The header that every file has; a suite may add keys of its own (``benchmark_file.HEADER``)."""
    commit, dirty = toolchain.git_state(root)
    return {
        "schema": schemas.BENCHMARK,
        "cell": cell,
        "level": level,
        "selection": selection,
        "date": toolchain.now(),
        "commit": commit,
        "dirty": dirty,
        "variables": compiler_variables.of_shell(os.environ),
        "gpus": toolchain.gpus(),
        "versions": versions(),
    }


def versions() -> dict[str, Optional[str]]:
    """What is resolved in this process, not what was asked for."""
    by_name: dict[str, Optional[str]] = {"python": platform.python_version()}
    for name in ("torch", "triton"):
        module: Any = sys.modules.get(name)
        by_name[name] = str(module.__version__) if module else _distribution(name)
    by_name["pytest-benchmark"] = _distribution("pytest-benchmark")
    return by_name


def _distribution(name: str) -> Optional[str]:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
