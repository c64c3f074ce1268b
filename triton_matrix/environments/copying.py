"""A copy of what a package is built from, so that building leaves nothing in the checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..base import sources


def copy_sources(root: Path, target: Path) -> None:
    """Copy what the package at ``root`` is built from to the new folder ``target``.

    A version that comes from Git's tags still does: the copy is another work tree of the same repository.
    """
    target.mkdir()
    for path in sources.of_build(root):
        if path.is_dir():
            shutil.copytree(path, target / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, target / path.name)
    git = root / ".git"
    if git.is_dir():
        (target / ".git").write_text(f"gitdir: {git.resolve()}\n", encoding="utf-8")
    elif git.is_file():  # of a work tree, or of a submodule, whose path is relative
        where = (root / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()
        (target / ".git").write_text(f"gitdir: {where}\n", encoding="utf-8")
