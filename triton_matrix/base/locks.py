"""One at a time: a lock that the operating system holds for a process, so that it is free again however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from . import commands


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of the file ``path`` inside the block. It is made, and stays: it holds the holder's process id.

    A lock that the nox holds which started this process counts as held here too.

    Args:
        what: what is locked, for the sentence.

    Raises:
        ValueError: another process holds it; the sentence names both.
    """
    import fcntl  # not on Windows, where no cell runs

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            if not holder or holder != os.environ.get(commands.PARENT):
                by = f"process {holder}" if holder else "another process"
                raise ValueError(f"{what} is in use by {by}; wait for it to end, or end it") from None
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
