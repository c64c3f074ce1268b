"""The file of a run over releases that is going on: what is asked, what each release told of it, how each ended."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

from ..evidence import atlas_runs, toolchain
from ..evidence.atlas_runs import Asked, AtlasRun


class Declared:
    """A run that :func:`atlas_runs.open_run` opened. Its methods may be called from several threads.

    Attributes:
        run: what its file says.
    """

    def __init__(self, folder: Path, run: AtlasRun) -> None:
        self.run = run
        self._folder = folder
        self._lock = threading.Lock()

    def asked(self, release: str, configurations: Mapping[str, list[str]]) -> None:
        """``release`` has told its configurations, by target."""
        self._tell(release, Asked(dict(configurations)))

    def ended(self, release: str, outcome: str, reason: str = "") -> None:
        """``release`` has ended so."""
        self._tell(release, Asked(self.run.releases[release].targets, outcome, reason))

    def _tell(self, release: str, asked: Asked) -> None:
        with self._lock:
            self.run.releases[release] = asked
            with contextlib.suppress(OSError):  # closing it says it all once more, or fails
                atlas_runs.write(self._folder, self.run)

    def close(self) -> None:
        """Nothing runs any more; OSError where that cannot be written, which leaves the run open."""
        self.run.closed = toolchain.now()
        atlas_runs.write(self._folder, self.run)
