"""Every kernel of a package with its launches: those that the package brings, those captured, or a guessed one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..base import cells, files
from ..launches import guess, launch_file
from . import bounds
from .bounds import Kernel

BROUGHT, CAPTURED = "brought", "captured"


def kernels(
    root: Path, definitions: Sequence[guess.Kernel], launches: Path, guesses: Path
) -> tuple[list[Kernel], list[str]]:
    """The kernels, with how their launches came. What is brought is written beside what was captured.

    Args:
        root: the package's folder.
        definitions: the kernels of its files.
        launches: the folder of launch files; ``captured`` in it holds what was captured.
        guesses: the folder of those that are guessed.

    Returns:
        beside them, a sentence where launches of other packages' kernels were captured, which are left out.
    """
    for folder in (launches / BROUGHT, guesses):
        shutil.rmtree(folder, ignore_errors=True)
    how: dict[str, str] = {}
    others: set[str] = set()
    for file in sorted((launches / CAPTURED).rglob("*.toml")):
        reference = _resolved(str(launch_file.read(file)["kernel"]))
        if Path(reference.rpartition(":")[0]).is_relative_to(root):
            how[reference] = CAPTURED
        else:
            others.add(reference.rpartition(":")[2])
            file.unlink()
    for file in sorted((root / cells.LAUNCHES).rglob("*.toml")):
        reference = _resolved(str(launch_file.read(file)["kernel"]))
        how[reference] = BROUGHT
        text = file.read_text(encoding="utf-8")
        line = next(each for each in text.splitlines() if each.startswith("kernel"))
        files.write_text(launches / BROUGHT / file.name, text.replace(line, f"kernel = {json.dumps(reference)}", 1))
    listed = []
    for number, kernel in enumerate(definitions):
        place = f"{kernel.file.relative_to(root).as_posix()}:{kernel.line}"
        listed.append(Kernel(kernel.reference, place, how.pop(kernel.reference, bounds.GUESSED)))
        if listed[-1].how == bounds.GUESSED:
            files.write_text(guessed_file(guesses, number), kernel.launch)
    for reference, each in how.items():
        listed.append(Kernel(reference, Path(reference.rpartition(":")[0]).relative_to(root).as_posix(), each))
    names = ", ".join(sorted(others)[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
    return listed, [f"launches of other packages' kernels are left out: {names}"] if others else []


def has_files(folder: Path) -> bool:
    """Whether a launch file lies in it."""
    return any(folder.rglob("*.toml"))


def guessed_file(guesses: Path, number: int) -> Path:
    """The launch file of the kernel of this number among those that were found."""
    return guesses / f"{number:04}.toml"


def _resolved(reference: str) -> str:
    path, _, name = reference.rpartition(":")
    return f"{Path(path).resolve()}:{name}"
