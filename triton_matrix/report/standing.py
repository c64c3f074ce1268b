"""What the checkout is now, and which results say something about it.

A result that was taken of other sources, suites or pins is outdated: it is shown as ``stale``, with what it was, and is
not part of today's answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

from .. import values
from ..base import reads, sources
from ..base.cells import Table
from ..bench.device import document
from ..codegen.cache import code_digest
from ..evidence import atlas_file, atlas_runs, benchmark_file, runs
from ..evidence.column import Column
from ..evidence.reading import Atlas, Document, Suite
from ..suites import incidents, suite_paths

Part = tuple[atlas_runs.AtlasRun, atlas_runs.Asked]  # a run, and what it asked of one release


@dataclass(frozen=True)
class Standing:
    """What an atlas file is worth, by what was asked of its release; each sentence is "" where it does not hold.

    Attributes:
        shortfall: why it is no whole answer to a run of the checkout as it is now.
        outdated: why it is not of the checkout as it is now.
        left: what was asked for besides and is not of the checkout as it is now, with the reason.
        unavailable: why this machine could not provide the release.
        is_shown: whether the file's entries are of what the verdict is about.
    """

    shortfall: str = ""
    outdated: str = ""
    left: str = ""
    unavailable: str = ""
    is_shown: bool = True


@dataclass
class Current:
    """The checkout that is asked about.

    Attributes:
        table: its table of cells.
        own: the folder of its own evidence. Results of other folders are other machines': an outdated one of those is
            shown, and does not leave the question unanswered.
        allow_stale: whether an outdated result counts all the same.
    """

    table: Table
    own: str
    allow_stale: bool = False
    _suites: dict[tuple[str, ...], str] = field(default_factory=dict)

    @cached_property
    def sources(self) -> str:
        """Digest of what the checkout's wheel would be built from."""
        return sources.package_digest(self.table)

    @cached_property
    def suites(self) -> list[str]:
        """The suites that a run has now; none where the table names one that is not there."""
        try:
            return suite_paths.paths(self.table)
        except ValueError:
            return []

    def is_own(self, item: Any) -> bool:
        """Whether a result lies in the checkout's own folder of evidence."""
        return bool(item.source == self.own) or Path(item.file).resolve().is_relative_to(Path(self.own).resolve())

    def outdated(self, suite: Suite) -> str:
        """Why a suite's result is not of the checkout as it is now; "" where it is, or is another package's."""
        if suite.column.subject:
            return ""
        run = suite.run
        if suite.column.cell not in self.table.cells:
            return f"{self.table.path.name} has no cell of that name now"
        if run is not None and run.suites != self.suites:
            return "other suites are run now" if self.suites else "its suites are no longer there"
        old = runs.outdated(run, runs.Wheel(self.sources, None), self._inputs(run, suite) if run else None)
        return old or (self._read_changed(vars(run)) if run else "")

    def standing(self, atlas: Atlas) -> Standing:
        """What a release's atlas file is worth."""
        asked = [*atlas.run.of_release(atlas.release)] if atlas.run else []
        if not asked:
            name = atlas_runs.NAMES[atlas_file.verb_of(atlas.content)]
            return Standing(shortfall=f"no {name} beside it says that it was asked for")
        ages = [atlas_file.of_other_sources(run.sources, run.hook, self.table, self.sources) for run, _ in asked]
        own = self._outdated_atlas(atlas) if atlas.there else ""
        if all(ages):
            return Standing(outdated=own or ages[0])
        left = [f"{', '.join(part.targets)}: {age}" for (_, part), age in zip(asked, ages) if age]
        return self._of_now(atlas, [each for each, age in zip(asked, ages) if not age], own, "; ".join(left))

    def _of_now(
        self, atlas: Atlas, now: list[tuple[atlas_runs.AtlasRun, atlas_runs.Asked]], own: str, left: str
    ) -> Standing:
        """The same where some of it is of the checkout as it is now.

        Args:
            now: what is.
            own: why the file itself is not; "" where it is.
            left: what is not.
        """
        content = atlas.content if atlas.there else None
        short = next(filter(None, (atlas_runs.shortfall(run, part, content) for run, part in now)), "")
        if short:
            return Standing(shortfall=short, is_shown=not own)
        lacking = [part.reason for _, part in now if part.outcome == atlas_runs.UNAVAILABLE]
        if len(lacking) == len(now):
            return Standing(unavailable=lacking[0], is_shown=not own)
        return Standing(outdated=own, left=left, unavailable="; ".join(lacking))

    def _outdated_atlas(self, atlas: Atlas) -> str:
        if atlas.content.get("hook") is None and self.table.package.atlas:
            return "it is of a launch file, and not of the package's atlas"
        verb = atlas_file.verb_of(atlas.content)
        code = code_digest()
        if verb != "codegen":
            code = values.code_digest() if verb == "values" else document.code_digest()
        return atlas_file.outdated(atlas.content, self.table, self.sources, code)

    def outdated_bench(self, document: Document) -> str:
        """The same of a benchmark file, or of a run of the bench."""
        said = document.content.get("triton_matrix") or document.content
        pins = self._pins(document.column, (said.get("inputs") or {}).get("pins"))
        old = benchmark_file.outdated(said, self.sources, runs.Inputs(self._bench_suite, pins))
        return old or self._read_changed(said)

    @cached_property
    def _bench_suite(self) -> str:
        return benchmark_file.inputs(self.table, None).suites

    def outdated_incidents(self, document: Document) -> str:
        """The same of what was seen of the incidents."""
        said = document.content.get("sources")
        if said is None:
            return "it does not say which incidents it is of"
        return "" if said == incidents.digest(self.table) else "the incidents were changed since"

    def _read_changed(self, said: Mapping[str, Any]) -> str:
        """Which file that suites imported or read is another one now, as a sentence; "" where none is."""
        used = self._changed("use", {"content": {**(said.get("helpers") or {})}})
        return used or self._changed("read", said.get("read") or {})

    def _changed(self, what: str, read: reads.Reads) -> str:
        name = reads.changed(read, self.table.root)
        return f"{name}, which its suites {what}, was changed since" if name else ""

    def _inputs(self, run: runs.Run, suite: Suite) -> runs.Inputs:
        names = tuple(run.suites)
        if names not in self._suites:
            self._suites[names] = sources.suites_digest(self.table, suite_paths.folder(self.table), names)
        return runs.Inputs(self._suites[names], self._pins(suite.column, run.inputs.pins))

    def _pins(self, column: Column, of_run: Optional[str]) -> Optional[str]:
        """Digest of a cell's pins and row as they are now.

        A nightly is resolved anew for each run: where the checkout has no pins of it, there are only those of the run.
        """
        cell = self.table.cells.get(column.cell)
        if cell is None or (cell.nightly and not self.table.pins(cell).is_file()):
            return of_run
        return sources.pins_digest(self.table, cell)
