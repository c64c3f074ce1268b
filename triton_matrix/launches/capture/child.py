"""The process that a captured command runs in: a GPU is stood in for where there is none, launches are recorded."""

from __future__ import annotations

import atexit
import contextlib
import importlib.metadata
import json
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

from ...base import targets
from .. import driver_standin
from .journal import Journal
from .recorder import Recorder


def main(wanted: dict[str, Any]) -> None:
    """Run the command, and note in ``wanted["folder"]`` what it launches. The exit status is the command's."""
    target = targets.parse(wanted["target"])
    journal = Journal(Path(wanted["folder"]))
    real = _has_gpu()
    if not real:
        driver_standin.install(target)
        driver_standin.tell_backends(target)
    with contextlib.suppress(ImportError):
        if real:
            from . import zeroed

            zeroed.enter(zeroed.Zeroed())
        else:
            from . import gpu_standin

            gpu_standin.install(target, wanted["tensors"], judged=wanted["interpret"], valueless=journal.valueless)
    recorder = Recorder(journal, runs=real or wanted["interpret"], most=wanted["most"])
    recorder.install()
    atexit.register(recorder.finish)
    run(wanted["command"])


def run(command: list[str]) -> None:
    """Run a command that Python runs: a script, ``python ...``, ``-m module`` or a console script such as pytest."""
    name, *rest = command
    if Path(name).name.startswith("python"):
        name, *rest = rest
    sys.path.insert(0, "")
    if name == "-m":
        module, *rest = rest
        sys.argv = [module, *rest]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    if name == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<command>", "exec"), {"__name__": "__main__"})
        return
    sys.argv = [name, *rest]
    if Path(name).is_file():
        sys.path[0] = str(Path(name).resolve().parent)
        runpy.run_path(name, run_name="__main__")
        return
    for entry in importlib.metadata.entry_points().select(group="console_scripts"):  # type: ignore[attr-defined]
        if entry.name == name:
            sys.exit(entry.load()())
    script = shutil.which(name)
    if script is None:
        sys.exit(f"capture: there is no script {name!r} in this Python, and no such file")
    runpy.run_path(script, run_name="__main__")


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
