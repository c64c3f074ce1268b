"""Which data files a kernel's module reads while it is loaded: they decide what is compiled as its sources do."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import Any

_CODE = (".py", ".pyc", ".so", ".pth", ".zip")  # sources.py looks at the code
_found: set[str] = set()
_listening = [False]


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Note the files that are opened inside the block, but for code and what belongs to this Python."""
    _install()
    _listening[0] = True
    try:
        yield
    finally:
        _listening[0] = False


def files() -> tuple[str, ...]:
    """Absolute paths of what this process has opened so, and is still there."""
    return tuple(sorted(path for path in _found if os.path.isfile(path)))


@functools.cache
def _install() -> None:
    sys.addaudithook(_hear)  # it cannot be taken away again


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _listening[0] or not isinstance(args[0], (str, bytes, os.PathLike)):
        return
    path = os.path.abspath(os.fsdecode(args[0]))
    own = (sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev")
    if not path.endswith(_CODE) and not path.startswith(tuple(folder + os.sep for folder in own)):
        _found.add(path)
