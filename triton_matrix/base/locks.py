"""One at a time: a lock that the operating system holds for a process, so that it is free again however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from . import commands
from .cells import Cell, Table

POLL_S = 0.2
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def of_cell(table: Table, cell: Cell) -> contextlib.AbstractContextManager[None]:
    """Hold the cell in this checkout: its environments and its folder of evidence; ValueError as of :func:`held`."""
    return held(table.reports / f".{cell.name}.lock", f"cell {cell.name} of {table.root}")


@contextlib.contextmanager
def held(path: Path, what: str, wait_s: float = 0) -> Iterator[None]:
    """Hold the lock of the file ``path`` inside the block. It is made, and stays: it holds the holder's process id.

    A lock that the nox holds which started this process counts as held here too. A file of another user is locked like
    one's own, if it can be read. Where the folder is read-only there is nothing that two could write, and no lock.

    Args:
        what: what is locked, for the sentence.
        wait_s: seconds to wait for another holder to end.

    Raises:
        ValueError: another process holds it; the sentence names both.
        OSError: the file cannot be made.
    """
    import fcntl  # not on Windows, where no cell runs

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open(path)
    except OSError as problem:
        if problem.errno not in _FORBIDDEN:
            raise
        yield
        return
    try:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                if problem.errno == errno.EBADF:  # a file system that locks only what can be written, and this cannot
                    break
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                if holder and holder == os.environ.get(commands.PARENT):
                    break
                if time.monotonic() >= until:
                    by = f"process {holder}" if _is_alive(holder) else "another process"
                    raise ValueError(f"{what} is in use by {by}; wait for it to end, or end it") from None
                time.sleep(POLL_S)
            else:
                with contextlib.suppress(OSError):  # a full disk, another's file: it is held all the same, by no name
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                break
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        if problem.errno not in _FORBIDDEN or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)


def _is_alive(pid: str) -> bool:
    """Whether the number in a file is of a process: who could not write to it left that of another, long gone."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True
