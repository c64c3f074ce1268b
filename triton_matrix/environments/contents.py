"""What an environment was made of: so that what is in it from before is only kept where it is the same files.

uv and pip take an installed version for the wanted one, whichever build it is, and a package that a killed process left
half installed for a whole one. ``<prefix>/triton-matrix-pins.txt`` holds the pins and hashes that an environment was
made of; ``<prefix>/triton-matrix-unfinished`` is there from before anything is changed until all is installed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..base import commands, files, records
from . import pins
from .pins import Pin

NAME, UNFINISHED = "triton-matrix-pins.txt", "triton-matrix-unfinished"


class Contents:
    """The environment at ``prefix`` while it is changed: from :func:`begin` until :meth:`end`.

    Attributes:
        others: the other builds that were installed in place of pinned files; see :class:`builds.Resolved`.
    """

    def __init__(self, prefix: Path, before: dict[str, Pin], altered: Iterable[str] = ()) -> None:
        self._prefix, self._before, self._altered = prefix, before, set(altered)
        self._installed: list[Pin] = []
        self.others: list[dict[str, Any]] = []

    def other_than(self, wanted: Iterable[Pin]) -> list[str]:
        """Names of the pins that were installed from other files under the same version, by hand, or altered since."""
        return [pin.name for pin in wanted if self._before.get(pin.name, pin) != pin or pin.name in self._altered]

    def installed(self, wanted: Iterable[Pin], others: Sequence[dict[str, Any]] = ()) -> None:
        """Keep what was installed, for :meth:`end`."""
        self._installed, self.others = list(wanted), list(others)

    def end(self) -> None:
        """Say that the environment is finished, and what it is made of."""
        files.write_text(self._prefix / NAME, pins.render(self._installed))
        (self._prefix / UNFINISHED).unlink()


def begin(python: str) -> Contents:
    """Say that what is in the environment of ``python`` changes; one that an earlier call left so is emptied first.

    Raises:
        commands.ToolError: the interpreter does not run.
    """
    code = "import sys, sysconfig as s; print(sys.prefix, s.get_path('purelib'), s.get_path('platlib'), sep='\\n')"
    prefix, *sites = map(Path, commands.run([python, "-I", "-c", code]).splitlines()[-3:])
    file = prefix / NAME
    before = pins.parse(file.read_text(encoding="utf-8")) if file.is_file() else {}
    is_environment = (prefix / "pyvenv.cfg").is_file() and prefix.resolve() != Path(sys.prefix).resolve()
    if (prefix / UNFINISHED).exists() and is_environment:
        for site in set(sites):
            _empty(site)
    files.write_text(prefix / UNFINISHED, "")
    file.unlink(missing_ok=True)
    folders = set(sites)
    return Contents(prefix, before, map(pins.normal, [*records.altered(folders=folders), *records.by_hand(folders)]))


def check(python: str) -> None:
    """What was just installed into the environment of ``python`` is what its wheels hold.

    Raises:
        commands.ToolError: it is not. uv links what it installs to its cache, and someone edited the file there.
    """
    edited = commands.run([python, "-I", records.__file__]).split()
    if edited:
        names = ", ".join(edited)
        sentence = f"files of {names} were edited, in uv's cache too; `uv cache clean {' '.join(edited)}` removes them"
        raise commands.ToolError([python, "-I", records.__file__], 1, sentence)


def _empty(site: Path) -> None:
    """Remove what was installed, but for what makes an environment one, pip among it where there is no uv."""
    kept = ("_virtualenv",) if commands.find_uv() else ("_virtualenv", "pip")
    for path in list(site.iterdir()) if site.is_dir() else []:
        if path.name.split("-")[0].split(".")[0] not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
