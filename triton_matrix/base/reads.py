"""What a result was made of besides its declared sources: questions to the machine, with the answers that they had.

A question is of a file's content or size, of whether a path is there, of a folder's names, of where a link leads, of
an environment variable, of this machine. While all answers are the same, so is what was made of them.
:mod:`listening` notes them while code runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from .sources import sha256

Reads = dict[str, dict[str, Optional[str]]]  # question -> subject -> answer
# of files, but for where Python looks for a module: of that there is much, and a new module is seen elsewhere
ALL = "*"  # of variables: every one was looked at
SAID = ("content", "kind", "link", "names", "size")
# taken before listening puts its own in their place
_stat, _lstat, _readlink, _uname = os.stat, os.lstat, os.readlink, os.uname


def answer(question: str, subject: str) -> Optional[str]:
    """What a question is answered now; None: there is no such thing. ``program`` has no answer that lasts."""
    with contextlib.suppress(OSError, ValueError):
        if question == "content":
            return sha256(Path(subject))
        if question in ("kind", "import"):
            status = _stat(subject)
            return "folder" if stat.S_ISDIR(status.st_mode) else "file"
        if question == "size":
            status = _stat(subject)
            return str(status.st_size) if stat.S_ISREG(status.st_mode) else "no file"
        if question == "link":
            return _readlink(subject) if stat.S_ISLNK(_lstat(subject).st_mode) else "no link"
        if question == "names":
            return _digest(*sorted(name for name in os.listdir(subject) if name != "__pycache__"))
        if question == "variable":
            given = [f"{name}={value}" for name, value in sorted(os.environ.items()) if subject in (ALL, name)]
            return _digest(*given) if given else None
        if question == "machine":
            return _digest(*_uname())
    return None


def changed(reads: Reads, root: Optional[Path] = None) -> str:
    """The first that is answered otherwise than it was: a path, the name of a variable; "" where nothing is.

    Args:
        root: the folder that relative paths start at.
    """
    for question, answers in reads.items():
        for subject, said in answers.items():
            place = str(root / subject) if root and question in SAID else subject
            if question == "program" or answer(question, place) != said:
                return subject
    return ""


def below(reads: Reads, root: Path) -> Reads:
    """What of the reads is of files below ``root`` that no tool left there, named from there."""
    part: Reads = {}
    for question in SAID:
        for name, said in sorted(reads.get(question, {}).items()):
            inside = Path(name).relative_to(root).as_posix() if Path(name).is_relative_to(root) else ".hidden"
            if not _hidden(inside):
                part.setdefault(question, {})[inside] = said
    return part


def shell(reads: Reads) -> dict[str, str]:
    """The environment variables among the reads that are set, with a digest of each value, which may be a secret."""
    return {name: said[:12] for name, said in sorted(reads.get("variable", {}).items()) if said}


def merged(several: Iterable[Reads]) -> Reads:
    """All of them as one; of two answers to one question the first stands."""
    union: Reads = {}
    for each in several:
        for question, answers in each.items():
            union[question] = {**answers, **union.get(question, {})}
    return union


def agree(one: Reads, other: Reads) -> bool:
    """Whether no question has two answers."""
    return all(
        answers[subject] == said
        for question, answers in one.items()
        for subject, said in other.get(question, {}).items()
        if subject in answers
    )


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in Path(name).parts)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
