"""What ptxas says of a kernel. Triton runs it with ``-v`` and throws away what it prints, unless it fails.

So Triton is given a program of the same name that runs the real one and keeps its error stream. That holds for every
release, the oldest of which runs ptxas from C++.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Callable

from ..base.listening import quietly
from ..launches.places import Place

NAMES = ("ptxas", "ptxas-blackwell")  # the latter from 3.3 on, for the targets that each release says
_LOG = "TRITON_MATRIX_PTXAS_LOG"
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_FILE = re.compile(r"^\s*\.file\s+(\d+)\s+(.*)", re.MULTILINE)
_LOC = re.compile(r"\s*\.loc\s+(\d+) (\d+) (\d+)(?:.*inlined_at (\d+) (\d+) (\d+))?")
_NO_SPACE = 64 * 1024  # bytes; less than a PTX text takes
_DEEPEST = 20  # functions inlined into one another
_WARNING = re.compile(r"^ptxas\S* warning *: *(.*\S)", re.MULTILINE)


class Heard:
    """What ptxas has printed since it was listened to; ``str`` of it is the text."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __str__(self) -> str:
        with quietly():
            return self._log.read_text(encoding="utf-8", errors="replace") if self._log.is_file() else ""


@contextlib.contextmanager
def listening(tool: Callable[[str], str]) -> Iterator[Heard]:
    """Keep what ptxas prints in this process. What that needs to be read is none of the kernel's reading.

    Args:
        tool: path of a tool of this Triton by its name (``adapters.Adapter35.tool``).

    Raises:
        ValueError: the folder for temporary files lets nothing be run.
    """
    with quietly():
        log = folder() / f"{os.getpid()}.log"
        log.write_bytes(b"")
        variables = {
            variable: str(_standing_in(name, real))
            for name, real in ((name, tool(name)) for name in NAMES)
            if Path(real).is_file()
            for variable in variables_of(name)
        }
        before = {name: os.environ.get(name) for name in (*variables, _LOG)}
        os.environ.update(variables, **{_LOG: str(log)})
    try:
        yield Heard(log)
    finally:
        with quietly():
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def variables_of(tool: str) -> tuple[str, ...]:
    """The variables that name another program for a tool: up to 3.5 with the dash of ptxas-blackwell in them."""
    return tuple(dict.fromkeys(f"TRITON_{name}_PATH" for name in (tool.upper().replace("-", "_"), tool.upper())))


def folder() -> Path:
    """Where this process, and those forked from it after it was asked, keep what belongs to this; gone at its end."""
    return Path(_folder().name)


def disk_is_full() -> bool:
    """Whether nothing more fits where Triton and ptxas keep their files: who fails then may be unable to say so."""
    with quietly():
        status = os.statvfs(folder())
    return status.f_bavail * status.f_frsize < _NO_SPACE


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="triton-matrix-ptxas-")


@cache
def _standing_in(name: str, real: str) -> Path:
    """A program that runs ``real`` in its own place; releases keep its path for as long as they live."""
    path = folder() / name
    path.write_text(f"""#!/bin/sh\n[ -n "${_LOG}" ] && exec 2>>"${_LOG}"\nexec "{real}" "$@"\n""", encoding="utf-8")
    path.chmod(0o755)
    if not os.access(path, os.X_OK):
        raise ValueError(f"nothing can be run in {folder().parent} (TMPDIR); name a folder that is not mounted noexec")
    return path


def calls(ptx: str, line: int) -> tuple[Place, ...]:
    """The Python lines that a line of a PTX text comes from, the kernel's first; none without line information."""
    files = dict(_FILE.findall(ptx))
    inlined: dict[tuple[str, ...], tuple[str, ...]] = {}
    last: tuple[str, ...] = ()
    for text in ptx.splitlines()[:line]:
        match = _LOC.match(text)
        if match:
            last = match.group(1, 2, 3)
            if match[4]:
                inlined[last] = match.group(4, 5, 6)
    found_places: list[Place] = []
    while last and len(found_places) < _DEEPEST:
        name = "/".join(filter(None, re.findall(r'"([^"]*)"', files.get(last[0], ""))))
        found_places.append(Place(name, int(last[1]), int(last[2])))
        last = inlined.get(last, ())
    return tuple(place for place in reversed(found_places) if place.path.endswith(".py"))


def spills(said: str) -> dict[str, int]:
    """Bytes that a kernel and the functions it calls spill, as ``ptxas -v`` says.

    Raises:
        ValueError: it says nothing of spills.
    """
    pairs = _SPILLS.findall(said)
    if not pairs:
        raise ValueError(f"ptxas -v says nothing of spills: {said.strip()[-300:]!r}")
    return {
        "spill_stores": sum(int(stores) for stores, _ in pairs),
        "spill_loads": sum(int(loads) for _, loads in pairs),
    }


def warnings(said: str) -> tuple[str, ...]:
    """What ptxas warns of, each once."""
    return tuple(dict.fromkeys(_WARNING.findall(said)))
