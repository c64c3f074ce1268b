"""Places in source files, named alike on every machine."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import import_names

LONGEST = 120  # characters of a source line
_INSTALLED = ("/site-packages/", "/dist-packages/")


@dataclass(frozen=True)
class Place:
    """A line of a file, or only its text where no file is known.

    Attributes:
        path: absolute, or "".
        column: as whoever names the place counts it; 0 where it is not known.
        text: the line's source.
    """

    path: str
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        """``package/file.py:12:4: source``."""
        source = (self.text or linecache.getline(self.path, self.line)).strip()
        text = source if len(source) <= LONGEST else f"{source[: LONGEST - 3]}..."
        where = f"{shown(self.path)}:{self.line}{f':{self.column}' if self.column else ''}" if self.path else ""
        return ": ".join(filter(None, [where, text]))

    @property
    def is_tritons(self) -> bool:
        """Whether the line belongs to Triton itself, such as ``triton/language/standard.py``."""
        return "/site-packages/triton/" in self.path


def shown(path: str) -> str:
    """A file's path from where its imports start: the same in every checkout and environment."""
    for folder in _INSTALLED:
        if folder in path:
            return path.rpartition(folder)[2]
    file = Path(path)
    try:
        root, _ = import_names.import_name(file)
        return file.relative_to(root).as_posix()
    except (OSError, ValueError):
        return file.name


def chain(calls: Sequence[Place]) -> str:
    """Where it went wrong: the kernel's line, what of the user's own it came to from there, and Triton's last.

    Args:
        calls: from the kernel's line to the innermost one.
    """
    users = [place for place in calls if not place.is_tritons]
    kept = dict.fromkeys([calls[0], *users[-1:], calls[-1]])
    return ", in ".join(map(str, kept))
