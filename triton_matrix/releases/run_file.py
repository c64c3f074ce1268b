"""The file of a run over releases that is going on: what is asked, what each release told of it, how each ended."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base import cells, sources
from ..evidence import atlas_file, atlas_runs, toolchain
from ..evidence.atlas_runs import Asked, AtlasRun


def declare(
    folder: Path,
    rows: Sequence[cells.Release],
    targets: Sequence[str],
    table: cells.Table,
    *,
    of_launches: bool,
    whole: bool,
    verb: str = "codegen",
) -> Declared:
    """Say what is asked, before it begins.

    Args:
        folder: of the run's evidence.
        of_launches: whether launch files are asked about, of which the package's digests say nothing.
        whole: whether this is all that the package's atlas is.
    """
    digests = (None, None) if of_launches else (sources.package_digest(table), atlas_file.hook_digest(table))
    asked = [row.name for row in rows]
    run = atlas_runs.open_run(folder, asked, targets, table.root, *digests, whole=whole, verb=verb)
    return Declared(folder, run)


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
