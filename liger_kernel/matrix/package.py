"""The package that a table is for: what is built, what its suites need, which platform it is on.

A table without ``[package]`` is this repository's. One with it belongs to another package that takes the matrix for its
own kernels (docs/adopt.md): its ``pyproject.toml`` says all of that, and the harness is carried into its cells.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from . import tools
from .cells import Cell, Package, Table

NAME = "liger-kernel"
SOURCES = ("pyproject.toml", "build_helpers.py", "MANIFEST.in", "README.md", "LICENSE", "liger_kernel")
# what lies in a checkout and is no source of its wheel
NOT_SOURCES = ("build", "dist", "reports", "tests", "docs", "constraints", "*.egg-info")
HARNESS = ("__init__.py", "matrix")


def name(table: Table) -> str:
    """The distribution's name."""
    return table.package.name if table.package else NAME


def sources(table: Table) -> list[Path]:
    """The files and folders of the checkout that the package is built from."""
    if table.package is None:
        return [table.root / each for each in SOURCES if (table.root / each).exists()]
    found = [path for path in sorted(table.root.iterdir()) if not path.name.startswith(".")]
    return [path for path in found if not any(path.match(pattern) for pattern in NOT_SOURCES)]


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
        source.mkdir()
        for path in sources(table):
            if path.is_dir():
                shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(path, source / path.name)
        uv = tools.find_uv()
        build = [uv, "build", "--wheel", "--out-dir"] if uv else [python, "-m", "pip", "wheel", "--no-deps", "-w"]
        tools.run([*build, str(folder), "-C", f"platform={platform}", "-C", f"triton={triton}", *options, str(source)])
    return next(folder.glob("*.whl"))


def platform_of(table: Table, cell: Cell) -> str:
    """The platform that the cell's wheel is built for: this machine's where the cell can exist on it."""
    if table.package is not None:
        return cell.platforms[0]
    import build_helpers

    here = build_helpers.detect_platform().platform
    return here if here in cell.platforms else cell.platforms[0]


def suite_requirements(table: Table) -> list[str]:
    """What the suites need beside the package and the cell's own pins."""
    if table.package is not None:
        return list(table.package.test)
    import build_helpers

    return list(build_helpers.get_optional_dependencies()["test"])


def wheel_requirements(table: Table, cell: Cell) -> list[str]:
    """What the wheel requires on the cell's platform, without Triton: the cell's torch brings that."""
    if table.package is not None:
        return []
    import build_helpers

    return list(build_helpers.get_platform_dependencies(cell.platforms[0], "none"))


def carry_harness(package: Optional[Package], python: str) -> None:
    """Copy this harness into the environment of ``python``, where another package is tested with it.

    Installing liger-kernel there would bring what it requires, and its pins are not the cell's.

    Raises:
        ValueError: the environment has a distribution that owns the name liger_kernel.
    """
    if package is None:
        return
    folder = tools.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    if list(Path(folder).glob("liger_kernel-*.dist-info")):
        raise ValueError(f"package {package.name} brings liger-kernel into its cell, where the harness has its place")
    target, here = Path(folder, "liger_kernel"), Path(__file__).parent.parent
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for each in HARNESS:
        source = here / each
        if source.is_dir():
            shutil.copytree(source, target / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / each)
