"""The folder of kept values is bounded: beyond a limit the oldest go, and are computed again where they are needed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

LIMIT = 2 << 30  # bytes


def within(folder: Path, needed: Collection[str], limit: int = LIMIT) -> int:
    """Delete the oldest files until the rest fit; gives how many went.

    Args:
        folder: of values, each called by its digest.
        needed: digests that stay, however old: a run that has just ended names them.
    """
    there = []
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):  # another run tidies too
            about = path.stat()
            there.append((about.st_mtime, about.st_size, path))
    left, gone = sum(size for _, size, _ in there), 0
    for _, size, path in sorted(there):
        if left <= limit:
            break
        if path.stem not in needed:
            path.unlink(missing_ok=True)
            left, gone = left - size, gone + 1
    return gone
