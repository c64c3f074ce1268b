"""The package that a table is for: what is built, what its suites need, which platform it is on.

Its ``pyproject.toml`` says how it is built. A package whose wheel differs by platform names the file that knows the
platforms as its ``platform`` hook.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Optional

from ..base import commands, hooks
from ..base.cells import Cell, Table
from . import copying, project

OF_THE_HARNESS = ("pytest>=8", "pytest-timeout")  # what running any suite needs, whatever its package says


def name(table: Table) -> str:
    """The distribution's name."""
    return table.package.name


def build_wheel(
    table: Table,
    platform: str,
    folder: Path,
    python: str = sys.executable,
    triton: str = "triton",
    options: Sequence[str] = (),
) -> Path:
    """Build this checkout's wheel for ``platform`` into ``folder``; return its path. Without uv, ``python``'s pip does.

    ``triton`` is the distribution that owns ``import triton`` where the wheel goes; ``options`` say where the build's
    own requirements come from.
    Built from a copy of the sources: a package that takes the matrix has a backend of its own, and that of setuptools
    leaves build/ and *.egg-info in the folder that it builds. Sessions side by side would share them, and a module that
    was deleted would come back out of them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        copying.copy_sources(table.root, source)
        uv = commands.find_uv()
        build = [uv, "build", "--wheel", "--out-dir"] if uv else [python, "-m", "pip", "wheel", "--no-deps", "-w"]
        said = ["-C", f"platform={platform}", "-C", f"triton={triton}"] if table.package.platform else []
        commands.run([*build, str(folder), *said, *options, str(source)])
    return next(folder.glob("*.whl"))


def platform_of(table: Table, cell: Cell) -> str:
    """The platform that the cell's wheel is built for: this machine's where the cell can exist on it."""
    knows = _platform_hook(table)
    here = str(knows.detect_platform().platform) if knows else ""
    return here if here in cell.platforms else cell.platforms[0]


def suite_requirements(table: Table) -> list[str]:
    """What the suites need beside the package and the cell's own pins."""
    knows = _platform_hook(table)
    asked = knows.get_optional_dependencies()["test"] if knows else table.package.test
    return list(dict.fromkeys([*OF_THE_HARNESS, *asked]))


def own_requirements(table: Table, cell: Cell) -> list[str]:
    """What the package's wheel requires on the cell's platform."""
    knows = _platform_hook(table)
    if knows:
        return list(knows.get_platform_dependencies(cell.platforms[0], "triton"))
    return list(project.read(table.root).dependencies)


def wheel_requirements(table: Table, cell: Cell) -> list[str]:
    """The same without torch and Triton, where a cell's index decides which distributions those are."""
    knows = _platform_hook(table)
    if knows:
        return list(knows.get_platform_dependencies(cell.platforms[0], "none"))
    return [each for each in own_requirements(table, cell) if not re.match(r"(torch|triton)\b(?!-)", each)]


def _platform_hook(table: Table) -> Optional[ModuleType]:
    file = table.package.platform
    return hooks.module_of(table.root, file, f"{table.path.name} [package] platform") if file else None
