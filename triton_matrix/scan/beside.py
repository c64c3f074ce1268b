"""Another package whose kernels those of a package use: its sources are laid beside, so that they load."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from ..environments.pins import name_of
from ..init import modules
from . import package


def lay(module: str, root: Path, dependencies: Iterable[str]) -> Optional[str]:
    """Bring a module that is not here into the folder ``root``; the requirement that gave it, None where none does.

    It is taken from a dependency that is called so, or that begins or ends so, and only where it has Triton kernels.

    Args:
        module: its import name.
        dependencies: requirements of the package.
    """
    if (root / module).exists():
        return None
    named = {each: name_of(each).replace("-", "_") for each in dependencies}
    wanted = module.lower()
    alike = [each for each, name in named.items() if name.startswith(wanted) or name.endswith(wanted)]
    for requirement in sorted(alike, key=lambda each: named[each] != wanted):
        with tempfile.TemporaryDirectory() as scratch:
            try:
                brought = package.bring(requirement.partition(";")[0].strip(), Path(scratch) / "source")
            except ValueError:
                continue
            homes = [home / module for home in modules.homes_of(brought.root) if (home / module).is_dir()]
            if homes and any(modules.imports_triton(path) for path in homes[0].rglob("*.py")):
                shutil.copytree(homes[0], root / module)
                return requirement
    return None
