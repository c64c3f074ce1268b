"""Progress of several releases side by side: bars where rich is installed and someone watches, else plain lines."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Optional


class Progress:
    """``with Progress(total) as progress``; its methods may be called from several threads."""

    def __init__(self, releases: int):
        self._releases = releases
        self._finished = 0
        self._bars = _rich_bars() if sys.stderr.isatty() else None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, kind: Optional[type], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if self._bars:
            self._bars.stop()

    def say(self, release: str, what: str) -> None:
        """A release starts something that has no count."""
        if self._bars:
            self._tasks[release] = self._bars.add_task(f"triton {release}", total=None, what=what)

    def count(self, release: str, done: int, total: int) -> None:
        """``done`` of ``total`` configurations of a release are there."""
        if self._bars:
            self._bars.update(self._tasks[release], completed=done, total=total, what=f"{done}/{total}")

    def finish(self, release: str, what: str) -> None:
        """A release has ended, with this to say of it."""
        self._finished += 1
        if self._bars:
            self._bars.update(self._tasks[release], completed=1, total=1, what=what)
        else:
            print(f"[{self._finished}/{self._releases}] triton {release}: {what}", file=sys.stderr, flush=True)


def _rich_bars() -> Optional[Any]:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[what]}"))
    return Progress(*columns, console=Console(stderr=True))
