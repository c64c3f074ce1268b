"""The Python of a cell: where one is, what is said where there is none, whether what was installed fits together."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from ..base import commands
from ..base.cells import Cell
from . import contents


@functools.cache
def find_python(version: str) -> Optional[str]:
    """An interpreter of ``major.minor`` that really runs (a version manager's shim may not), or None; ``3.14t`` is one
    without the GIL.

    Looks at the running one, at PATH, at uv's and at pyenv's installations; downloads none.
    """
    candidates = [sys.executable]
    number, free = version.rstrip("t"), "+freethreaded" if version.endswith("t") else ""
    for folder in filter(None, os.environ.get("PATH", "").split(os.pathsep)):
        candidates.append(os.path.join(folder, f"python{version}"))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    uv_pythons = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local" / "share" / "uv" / "python")
    candidates += map(str, sorted(pyenv.glob(f"versions/{number}.*/bin/python{version}"), reverse=True))
    of_uv = f"cpython-{number}.*{free}-*/bin/python{version}"
    candidates += map(str, sorted(uv_pythons.glob(of_uv), reverse=True))
    return next((path for path in candidates if os.access(path, os.X_OK) and _runs(path, version)), None)


def missing_python(cell: Cell) -> str:
    """The sentence for a cell whose Python is not here."""
    return f"cell {cell.name} needs {no_python(str(cell.python))}"


def no_python(version: str) -> str:
    """What is said of an interpreter that is not here."""
    reason = "none that runs was found on PATH, in pyenv or in uv"
    return f"Python {version}, and {reason}; `uv python install {version}` adds one"


def install_wheel(python: str, wheel: Path, options: Sequence[str] = ()) -> None:
    """Put a wheel, without its requirements, into the environment of ``python``, in place of the one that is there.

    Args:
        options: further options of uv, such as ``--offline``, or of pip where there is no uv.
    """
    uv = commands.find_uv()
    if uv:
        once = ["--no-cache", "--link-mode=copy"]  # it was built for this: unpacked in the cache, nothing would use it
        install = [uv, "pip", "install", "--python", python, *once, *options, "--no-deps", "--reinstall"]
    else:
        install = [python, "-m", "pip", "install", *options, "--no-deps", "--force-reinstall"]
    commands.run([*install, str(wheel)])


def check_environment(cell: Cell, python: str) -> None:
    """What installing pins without their requirements leaves to be checked.

    Raises:
        commands.ToolError: a requirement is not met; a file is not as its wheel has it, which is an edit of uv's cache;
            in a cell with an index of its own also: torch is not one for the cell's platform, or not exactly one
            distribution owns ``triton/``.
    """
    if cell.index:
        commands.run([python, "-I", str(Path(__file__).with_name("torch_check.py")), cell.platforms[0]])
    uv = commands.find_uv()
    commands.run([uv, "pip", "check", "--python", python] if uv else [python, "-m", "pip", "check"])
    contents.check(python)


def _runs(python: str, version: str) -> bool:
    free = "'t' * bool(sysconfig.get_config_var('Py_GIL_DISABLED'))"
    code = f"import sys, sysconfig; print('%d.%d' % sys.version_info[:2] + {free})"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and done.stdout.strip() == version
