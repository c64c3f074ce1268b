"""Whether what is installed beside Triton lets it run a level: one sentence before the run, not a failure a test."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from importlib import metadata
from typing import Optional

from ..base import pairs
from ..base.cells import Cell
from ..evidence import toolchain


def misfit(cell: Cell, level: str) -> str:
    """Why this Python cannot run a level, with the package, its version and the remedy; "" where nothing is known.

    Args:
        cell: the row that the run is for, which says whom the remedy is for.
    """
    triton = triton_version()
    pair = pairs.of(triton) if triton else None
    for requirement, why in pair.needs(level).items() if pair else ():
        name = _name(requirement)
        there = _version(name)
        if not _meets(requirement, there):
            has = f"{sys.executable} has {name} {there}" if there else f"{sys.executable} has no {name}"
            return f"Triton {triton} needs {requirement} ({why}), and {has}: {_remedy(cell, requirement)}"
    return ""


def pinned_otherwise() -> str:
    """That the installed torch pins another Triton than the one installed; "" where it does not.

    It is said and no error: suites run on such pairs on purpose, to see what Triton alone changes.
    """
    from packaging.requirements import Requirement

    triton = triton_version()
    for line in _requires("torch") if triton else ():
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        wanted = "triton" in requirement.name and applies
        if wanted and not requirement.specifier.contains(str(triton), prereleases=True):
            return (
                f"torch {_version('torch')} requires {requirement.name}{requirement.specifier}, and Triton is {triton}"
            )
    return ""


def versions() -> dict[str, str]:
    """Python, torch and Triton as they are installed, without importing them."""
    by_name = {"python": _version("python"), "torch": _version("torch"), "triton": triton_version()}
    return {name: version for name, version in by_name.items() if version}


def triton_version() -> Optional[str]:
    """The version of the distribution that holds Triton, whatever it is called; None where none says so."""
    owner = toolchain.distribution_of("triton")
    return _version(owner.split(", ")[0]) if owner else None


def _meets(requirement: str, version: Optional[str]) -> bool:
    from packaging.requirements import Requirement

    if version is None:  # one that is there and says nothing of itself is not judged
        return importlib.util.find_spec(_name(requirement)) is not None
    return bool(Requirement(requirement).specifier.contains(version, prereleases=True))


def _remedy(cell: Cell, requirement: str) -> str:
    if _name(requirement) == "python":
        return f"run it with another Python, {requirement}"
    if cell.ambient:
        return f'`{sys.executable} -m pip install "{requirement}"`'
    return f"add it to `requires` of [cell.{cell.name}] and run `nox -s lock -- {cell.name}`"


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _version(name: str) -> Optional[str]:
    if name == "python":
        return platform.python_version()
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
