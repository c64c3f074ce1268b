"""Digests of what a result depends on: the package's sources, its suites, the cell's pins, the installed package."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Optional

from .cells import Cell, Table

# what lies in a checkout and is no source of its wheel
NOT_SOURCES: tuple[str, ...] = ("build", "constraints", "dist", "docs", "reports", "results", "tests", "*.egg-info")
NOT_SOURCES += ("node_modules", "triton_matrix")
# and what is one only where it is a package itself
_BESIDE = ("bench*", "doc*", "example*", "notebook*", "script*", "test*", "tool*")
_TESTS = ("test_*", "*_test.py", "bench_*")  # files that are run, and not imported
_SETTINGS = ("conftest.py", "pytest.ini", "tox.ini")  # of pytest; those in pyproject.toml count with the wheel
_CODE = {".py", ".pyi", ".pyx", ".pxd", ".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".hip", ".rs"}


def of_build(root: Path) -> list[Path]:
    """The files and folders at ``root`` that a build of the package there may read."""
    found = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    found = [path for path in found if not any(path.match(pattern) for pattern in NOT_SOURCES)]
    return [path for path in found if not (path / "pyvenv.cfg").is_file()]


def of_wheel(table: Table) -> list[Path]:
    """The files and folders that decide what is in the wheel.

    The module with all that lies in it, the files that say how it is built, and the code of all other folders that a
    build may take into the wheel: ``python/``, a second package, ``csrc/``.
    """
    named = ["pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", *filter(None, [table.package.platform])]
    modules = [folder / table.package.module for folder in (table.root, table.root / "src")]
    single = [module.with_suffix(".py") for module in modules]
    found = [path for path in (*(table.root / name for name in named), *modules, *single) if path.exists()]
    return [*found, *_other_code(table.root, found)]


def _other_code(root: Path, found: Sequence[Path]) -> list[Path]:
    folders = [path for path in of_build(root) if path.is_dir()]
    packages = [path for path in folders if (path / "__init__.py").is_file()]
    folders = [path for path in folders if path in packages or not any(path.match(pattern) for pattern in _BESIDE)]
    code = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in _CODE]
    return [path for path in code if not set(found) & {path, *path.parents}]


def package_digest(table: Table) -> str:
    """SHA-256 over what the checkout's wheel is built from: a change elsewhere makes no other wheel."""
    return digest(of_wheel(table), table.root)


def suites_digest(table: Table, folder: Path, suites: Iterable[str]) -> str:
    """SHA-256 over these suites and what decides how they run: pytest's files, and the helpers that lie beside them.

    Args:
        folder: what ``suites`` are relative to.
    """
    named = [Path(os.path.normpath(folder / name)) for name in suites]
    beside = {table.root / "tests", *(path.parent for path in named)} - {table.root}
    helpers = {path for parent in beside for path in [*parent.glob("*.py"), *_helpers(parent)]}
    settings = [parent / name for parent in (table.root, table.root / "tests") for name in _SETTINGS]
    tops = [*sorted({*filter(Path.is_file, settings), *helpers}), *named]
    return digest(tops, table.root, without=(table.known, table.accepted))  # they judge results, and make none


def _helpers(folder: Path) -> Iterable[Path]:
    """The Python files of those folders in ``folder`` that are no suites of their own: they hold no test."""
    for below in folder.iterdir() if folder.is_dir() else ():
        files = list(below.rglob("*.py")) if below.is_dir() else []
        if not any(fnmatch(path.name, pattern) for path in files for pattern in _TESTS):
            yield from files


def pins_digest(table: Table, cell: Cell) -> Optional[str]:
    """SHA-256 of the cell's pin file and of what its row says of a run; None where it has neither pins nor gaps.

    A row may be changed and not locked again: what ran is then not what it asks for.
    """
    pins = table.pins(cell)
    if not pins.is_file() and not cell.gaps:
        return None
    row = {name: getattr(cell, name) for name in ("python", "torch", "triton", "requires", "index")}
    row["gaps"] = [vars(gap) for gap in cell.gaps]
    row["needs_gpu"] = table.package.needs_gpu
    said = json.dumps([row, sha256(pins) if pins.is_file() else ""], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def installed_digest(module: str) -> Optional[str]:
    """SHA-256 over the files of an importable module, which is not imported; None where this Python has none."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations)))
        return digest([folder], folder.parent)
    return sha256(Path(spec.origin)) if spec.origin and Path(spec.origin).is_file() else None


def digest(tops: Sequence[Path], root: Path, without: Collection[Path] = ()) -> str:
    """SHA-256 over the names, from ``root``, and contents of these files and of all below these folders.

    Hidden files are no part of it: tools keep theirs there, as Hypothesis does when it runs.
    """
    found = hashlib.sha256()
    for top in tops:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            inside = path.relative_to(root).parts
            hidden = "__pycache__" in inside or any(part.startswith(".") for part in inside)
            if path.is_file() and not hidden and path not in without:
                found.update(f"{path.relative_to(root)}\0{sha256(path)}\n".encode())
    return found.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()
