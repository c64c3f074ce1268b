"""Digests of what a result depends on: the package's sources, its suites, the cell's pins, the installed package."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

from .cells import Cell, Table


def of_wheel(table: Table) -> list[Path]:
    """The files and folders that decide what is in the wheel: the module, and the files that say how it is built."""
    named = ["pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", *filter(None, [table.package.platform])]
    modules = [folder / table.package.module for folder in (table.root, table.root / "src")]
    single = [module.with_suffix(".py") for module in modules]
    return [path for path in (*(table.root / name for name in named), *modules, *single) if path.exists()]


def package_digest(table: Table) -> str:
    """SHA-256 over what the checkout's wheel is built from: a change elsewhere makes no other wheel."""
    return digest(of_wheel(table), table.root)


def suites_digest(table: Table, folder: Path, suites: Iterable[str]) -> str:
    """SHA-256 over these suites and the Python files that they are run with: those of ``tests/``, a ``conftest.py``.

    Args:
        folder: what ``suites`` are relative to.
    """
    beside = [*(table.root / "tests").glob("*.py"), *table.root.glob("conftest.py")]
    named = [Path(os.path.normpath(folder / name)) for name in suites]
    return digest([*sorted(beside), *named], table.root)


def pins_digest(table: Table, cell: Cell) -> Optional[str]:
    """SHA-256 of the cell's pin file; None where it has none."""
    pins = table.pins(cell)
    return sha256(pins) if pins.is_file() else None


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


def digest(tops: Sequence[Path], root: Path) -> str:
    """SHA-256 over the names, from ``root``, and contents of these files and of all below these folders."""
    found = hashlib.sha256()
    for top in tops:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(root)}\0{sha256(path)}\n".encode())
    return found.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()
