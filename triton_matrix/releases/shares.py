"""A time that releases share: each gets as much of what is left, so that the last is asked as much as the first."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Optional


class Shares:
    """What is left of a time. Its methods may be called from several threads."""

    def __init__(self, seconds: Optional[float], releases: int, side_by_side: int) -> None:
        """``seconds`` pass while so many releases run side by side; None: there is no end."""
        self._left = seconds and seconds * side_by_side
        self._waiting = releases
        self._lock = threading.Lock()

    def unwanted(self) -> None:
        """A release cannot be asked: its share is the others'."""
        with self._lock:
            self._waiting -= 1

    @contextlib.contextmanager
    def taken(self) -> Iterator[Optional[float]]:
        """A release's share while it runs; what it does not need, or takes too much, is that of those that wait."""
        with self._lock:
            share = None if self._left is None else max(0.0, self._left) / max(1, self._waiting)
            self._waiting -= 1
            if share is not None and self._left is not None:
                self._left -= share
        begun = time.monotonic()
        try:
            yield share
        finally:
            if share is not None and self._left is not None:
                with self._lock:
                    self._left += share - (time.monotonic() - begun)
