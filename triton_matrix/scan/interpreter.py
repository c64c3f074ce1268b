"""The Python that a package's files are read with and its kernels compiled in: one that the package allows and that is
here, else one that uv may bring.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from ..base import cells, commands, pairs, versions
from ..environments import interpreters, project, stamped
from ..init import choice

_NEWEST = 14  # minor of Python 3


def of_pair(pair: pairs.Pair, package: project.Project, oldest: str = "3.0") -> Optional[str]:
    """``major.minor`` for this Triton; None where it has wheels for none, from ``oldest`` on, that the package allows.

    Raises:
        ValueError: ``requires-python`` is no specifier.
    """

    def allowed(python: str) -> bool:
        return choice.runs_on(package, python) and versions.key(python) >= versions.key(oldest)

    here = pair.python(lambda each: allowed(each) and interpreters.find_python(each) is not None)
    return here or pair.python(allowed)


def releases(package: project.Project, oldest: str = "3.0") -> tuple[dict[str, cells.Release], list[str]]:
    """Every known Triton, each with its Python; and why one is not among them.

    Raises:
        ValueError: as of :func:`of_pair`.
    """
    rows, missing = {}, []
    for pair in pairs.known():
        python = of_pair(pair, package, oldest)
        if python:
            rows[pair.triton] = cells.Release(pair.triton, python, pair.torch[0], pair.requires)
        else:
            missing.append(pair.triton)
    needs = f"the files need Python {oldest}" if oldest != "3.0" else f"requires-python is {package.requires_python!r}"
    return rows, [f"not asked: triton {', '.join(missing)}, which has no wheels for it: {needs}"] if missing else []


def newer(package: project.Project, unread: bool) -> Optional[str]:
    """A newer Python than this one to read the files with: where the package asks for one, or files are not parsed.

    Raises:
        ValueError: as of :func:`of_pair`.
    """
    own = sys.version_info[1]
    if choice.runs_on(package, f"3.{own}") and not unread:
        return None
    fit = [f"3.{minor}" for minor in range(own + 1, _NEWEST + 1) if choice.runs_on(package, f"3.{minor}")]
    return next((each for each in fit if interpreters.find_python(each)), None)


def again(python: str, argv: Sequence[str], envs: Path) -> int:
    """Scan in this Python, which the files need; the exit status.

    Raises:
        commands.ToolError, ValueError: as of :func:`triton_matrix.environments.stamped.make`.
    """
    made = stamped.make(envs / f"scan-py{python.replace('.', '')}", python, ["packaging"])
    print(f"scan: in Python {python}, which the package needs", file=sys.stderr, flush=True)
    env = {**os.environ, "UV": commands.uv(), "PYTHONPATH": ""}
    command = [str(made), "-m", "triton_matrix", "scan", *argv, "--python", python]
    return commands.run_group(command, cwd=Path.cwd(), env=env)
