"""Processes of several releases side by side, and their end where the run is interrupted."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any


class Children:
    """What :func:`commands.group` started in several threads. Its methods may be called from each of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[Any]] = []
        self._ending = False

    @contextlib.contextmanager
    def holding(self, process: subprocess.Popen[Any]) -> Iterator[None]:
        """``process`` runs until the block is left; it is ended at once where all are being ended."""
        with self._lock:
            self._running.append(process)
            if self._ending:
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._running.remove(process)

    def end(self) -> None:
        """End those that run, and those that still start."""
        with self._lock:
            self._ending = True
            for process in self._running:
                process.kill()
