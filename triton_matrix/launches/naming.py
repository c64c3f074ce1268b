"""What kernels and configurations are called. What tells them apart is kept in fields; each text is made of them here.

A name depends on nothing but what it names: not on what else is asked for, on the folder that is asked or the machine.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from .packages import PROJECT_FILES


def kernel(reference: str) -> str:
    """``toys.add:add_kernel`` of ``/home/me/toys/add.py:add_kernel``; a module's reference is its own name."""
    module, _, function = reference.rpartition(":")
    return f"{_module(module)}:{function}"


def label(name: str, settings: Sequence[str]) -> str:
    """``toys.add:add_kernel[BLOCK=64,num_warps=4]``, from the kernel's name and what tells the configuration."""
    return f"{name}[{','.join(settings)}]" if settings else name


def identifier(of: str, target: str) -> str:
    """``toys.add:add_kernel[BLOCK=64] cuda:90``: a configuration's label on a target."""
    return f"{of} {target}"


def fits(written: str, name: str, settings: Sequence[str], target: str) -> bool:
    """Whether a person who wrote this may mean a configuration: the module, settings and the target may be left out."""
    called, _, inside = written.removesuffix(f" {target}").partition("[")
    wanted = [each for each in inside.removesuffix("]").split(",") if each]
    return called in (name, name.rpartition(":")[2]) and set(wanted) <= set(",".join(settings).split(","))


@functools.cache
def _module(module: str) -> str:
    """A file by where it lies in its project (pyproject.toml, .git, ...), or in its folder where it has none."""
    if not module.endswith(".py"):
        return module
    path = Path(module).resolve().with_suffix("")
    parents = list(path.parents)
    projects = (each for each in parents if any((each / name).exists() for name in PROJECT_FILES))
    home = next(projects, parents[min(1, len(parents) - 1)])
    return ".".join(path.relative_to(home).parts)
