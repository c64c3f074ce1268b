"""What a cell really ran on: the resolved versions, not the pins asked for. Written as ``environment.json``."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from ..base import commands, compiler_variables, env_vars, files, per_gpu
from ..base.cells import load
from ..base.display_text import masked
from . import schemas

SCHEMA = schemas.ENVIRONMENT


def record(cell: str, root: Optional[Path] = None) -> dict[str, Any]:
    """Everything a reader needs to know about this Python; imports torch and triton.

    Args:
        cell: the cell's name.
        root: the repo root, for the commit; None where the checkout is not at hand.

    Returns:
        The content of ``environment.json`` (schema ``triton-matrix/environment/1``). ``torch`` or ``triton`` holds
        ``{"error": ...}`` instead of a version where its import fails.
    """
    commit, dirty = git_state(root)
    return {
        "schema": SCHEMA,
        "cell": cell,
        "date": now(),
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "platform": {"system": platform.system(), "machine": platform.machine(), "release": platform.release()},
        "torch": _torch(),
        "triton": _triton(),
        "gpus": gpus(),
        "distributions": {
            item.metadata["Name"]: item.version for item in metadata.distributions() if item.metadata["Name"]
        },
        "variables": {name: masked(value) for name, value in compiler_variables.of_run(os.environ).items()},
        "package": _package(root),
        "subject": _subject(),
    }


def now() -> str:
    """The current time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def git_state(root: Optional[Path]) -> tuple[Optional[str], Optional[bool]]:
    """The checkout's commit and whether tracked files differ from it; (None, None) where neither can be known.

    Where the sources were copied without their git history (a container, a GPU machine), ``TRITON_MATRIX_COMMIT`` says
    which commit they are.
    """
    told = os.environ.get(env_vars.COMMIT)
    if told or root is None:
        return told or None, None
    try:
        git = ["git", "-C", str(root)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=30, check=True)
        status = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    return commit.stdout.strip(), bool(status.stdout.strip())


def gpus() -> list[dict[str, Any]]:
    """The GPUs that torch sees: name, architecture as a target (``cuda:90``, ``hip:gfx942``), driver, size, UUID.

    In a process that ``--devices`` started there is one, with the number that it has there as ``device``.
    """
    try:
        import torch

        if not torch.cuda.is_available():
            return []
    except Exception:  # a torch that does not import is reported under "torch"
        return []
    devices = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        if torch.version.hip:
            arch = "hip:" + properties.gcnArchName.split(":")[0]
        else:
            arch = f"cuda:{properties.major}{properties.minor}"
        devices.append(
            {
                "name": properties.name,
                "arch": arch,
                "driver": _driver(),
                "multiprocessors": properties.multi_processor_count,
                "memory_bytes": properties.total_memory,
                "uuid": str(getattr(properties, "uuid", "")),
                **({"device": int(os.environ[per_gpu.DEVICE])} if per_gpu.DEVICE in os.environ else {}),
            }
        )
    return devices


def called(gpu: Mapping[str, Any]) -> str:
    """What a GPU of :func:`gpus` is called: its name, with its number where several were asked for."""
    return f"{gpu['name']} (GPU {gpu['device']})" if "device" in gpu else str(gpu["name"])


def distribution_of(module: str) -> Optional[str]:
    """The distribution that owns ``module/`` here: on ROCm, Triton's is ``pytorch-triton-rocm`` or ``triton-rocm``."""
    owners = set()
    for item in metadata.distributions():
        listed = module in (item.read_text("top_level.txt") or "").split()
        owns = listed or f"\n{module}/" in f"\n{item.read_text('RECORD') or ''}"
        if owns and item.metadata["Name"]:  # to read the metadata takes longer than all else
            owners.add(item.metadata["Name"])
    return ", ".join(sorted(owners)) or None


def _torch() -> dict[str, Any]:
    module = _import("torch")
    if isinstance(module, dict):
        return module
    return {
        "version": str(module.__version__),
        "cuda": module.version.cuda,
        "hip": module.version.hip,
        "distribution": distribution_of("torch"),
    }


def _triton() -> dict[str, Any]:
    module = _import("triton")
    if isinstance(module, dict):
        return module
    return {"version": str(module.__version__), "distribution": distribution_of("triton")}


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever an import raises is the finding
        return {"error": f"{type(error).__name__}: {error}"}


def _package(root: Optional[Path]) -> dict[str, Any]:
    """The package that the table is for: from its wheel (the normal case) or from a source tree on the path."""
    if root is None or not (root / "constraints" / "cells.toml").is_file():
        return {"version": None, "origin": "unknown", "requires": []}
    package = load(root / "constraints" / "cells.toml").package
    name, module = os.environ.get(env_vars.SUBJECT_NAME, package.name), package.module
    imported = _import(module)
    if isinstance(imported, dict):
        return {"version": None, "origin": "absent", "requires": [], **imported}
    places = [*getattr(imported, "__path__", ()), getattr(imported, "__file__", None)]  # a namespace has no file
    folder = Path(str(places[0])).resolve()  # a package's, or one module's
    in_wheel = "site-packages" in folder.parts or "dist-packages" in folder.parts
    requires: list[str] = []
    version: Optional[str] = getattr(imported, "__version__", None)
    if in_wheel:
        dist = metadata.distribution(name)
        version = dist.version
        requires = [line for line in dist.requires or [] if "extra ==" not in line]
    return {"version": version, "origin": "wheel" if in_wheel else "tree", "requires": requires}


def _subject() -> Optional[dict[str, str]]:
    """The package under test where it is not ours: set by the run that put it here."""
    requirement = os.environ.get(env_vars.SUBJECT)
    if not requirement:
        return None
    dist = metadata.distribution(os.environ[env_vars.SUBJECT_NAME])
    return {"requirement": requirement, "name": dist.metadata["Name"], "version": dist.version}


def _driver() -> Optional[str]:
    for path in ("/sys/module/nvidia/version", "/sys/module/amdgpu/version"):
        if Path(path).is_file():
            return Path(path).read_text().strip()
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return None
    return next((word for word in text.split() if word[0].isdigit() and word.count(".") >= 1), None)


@commands.exit_status("environment")
def main(argv: list[str]) -> int:
    """``environment``: write (or print) this Python's ``environment.json``. Exit status 0; 2 for a bad table."""
    parser = argparse.ArgumentParser(prog="python -m triton_matrix environment", description=main.__doc__)
    parser.add_argument("--cell", default="ambient", help="the cell's name (default: ambient)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repo root (default: the current folder)")
    parser.add_argument("--json", type=Path, help="write to this file instead of standard output")
    options = parser.parse_args(argv)
    environment = record(options.cell, options.root)
    if options.json:
        files.write_json(options.json, environment)
    else:
        print(json.dumps(environment, indent=1, sort_keys=True))
    return 0
