"""Under which names kernels that are launched are found again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ...base import sources
from .. import local_kernels
from ..packages import PROJECT_FILES


def python_function(kernel: Any) -> Any:
    while hasattr(kernel, "fn"):
        kernel = kernel.fn
    return kernel


def reference_of(kernel: Any, function: Any) -> str:
    """Under which name of its module a kernel is found again; a name of the very object first.

    Raises:
        LocalError: under none.
    """
    module = sys.modules.get(function.__module__)
    file = sources.file_of(module)
    if module is None or not file:
        raise local_kernels.LocalError("has no file; no reference names it")
    names = {name: value for name, value in vars(module).items() if hasattr(value, "fn")}
    same = [name for name, value in names.items() if value is kernel]
    same += [name for name, value in names.items() if python_function(value) is function]
    if same:
        return f"{checkouts_own(Path(file))}:{same[0]}"
    name = function.__qualname__
    if "<locals>" in name:
        local_kernels.source(Path(file), name)
    else:
        member: Any = module
        for part in name.split("."):
            member = getattr(member, part, None)
        if member is None or python_function(member) is not function:
            raise local_kernels.LocalError("is not what its module calls so; no reference names it")
    return f"{checkouts_own(Path(file))}:{name}"


def checkouts_own(file: Path) -> Path:
    """The checkout's file of which an installed copy was imported; the file itself where it is not one.

    The checkout is the project that the current folder lies in.
    """
    file = file.resolve()
    installed = next((each for each in file.parents if each.name in ("site-packages", "dist-packages")), None)
    here = Path.cwd().resolve()
    root = next((each for each in (here, *here.parents) if any((each / name).exists() for name in PROJECT_FILES)), here)
    if installed is None:
        return file
    inside = file.relative_to(installed)
    module = ".".join(inside.with_suffix("").parts)
    own = (home / inside for home in sources.homes(root, module))
    return next((each for each in own if each.is_file()), file)


def names_it(reference: str, kernel: Any) -> bool:
    """Whether a reference finds the very object that was launched, with its tuner; not only its function."""
    if not hasattr(kernel, "fn") or not hasattr(kernel.fn, "fn"):
        return True  # nothing is around it
    name = reference.rpartition(":")[2]
    member: Any = sys.modules.get(python_function(kernel).__module__)
    for part in name.split("."):
        member = getattr(member, part, None)
    return member is None or getattr(member, "fn", None) is kernel.fn or member is kernel
