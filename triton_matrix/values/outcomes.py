"""What children left of launches: rows, without the values. Needs no numpy."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

ABOUT = "about.json"  # versions of what computed
LOST = 3  # exit status of a child whose GPU was lost: what is left needs a new process
ENDED = "the process ended in it"  # of a launch that began, and of which nothing else is known
READ = "read.json"  # what the modules read, and how many launches were computed
SECONDS = 20.0  # of CPU time that a launch may take in a release, where nothing else is said
ROWS = "rows.jsonl"  # a line for each launch as it begins, one as it ends


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A launch in one release.

    Attributes:
        row: what the child said of it (:mod:`child`). ``status`` is ``computed``, ``late`` (some of its programs),
            ``n/a`` (an interpreter cannot), ``error`` (it does not run) or ``crashed`` (its process ended in it).
        folder: where its values lie.
    """

    launch: str
    row: Mapping[str, Any]
    folder: Path

    @property
    def status(self) -> str:
        return str(self.row["status"])

    @property
    def programs(self) -> list[tuple[int, ...]]:
        """The programs that ran."""
        return [tuple(each) for each in self.row.get("programs", ())]


@dataclasses.dataclass(frozen=True)
class Difference:
    """One argument's values in two releases.

    Attributes:
        argument: the parameter whose memory it is.
        differing, of: elements; ``of`` are those written by either.
        unwritten: of the differing ones, those that only one of the two wrote.
        absolute, relative: the largest of each among numbers that both wrote; None where there is no such pair.
        index: of the element that differs most.
        before, after: that element as text; ``not written`` is one.
        rounding: whether rounding explains every one.
    """

    argument: str
    differing: int
    of: int
    unwritten: int
    absolute: Optional[float]
    relative: Optional[float]
    index: tuple[int, ...]
    before: str
    after: str
    rounding: bool

    def sentence(self, *, reference: bool = False) -> str:
        """What differs, in one sentence; from another release, or from what a reference says."""
        sizes = ""
        if self.absolute is not None and self.relative is not None:
            sizes = f", by up to {self.absolute:.3g} ({self.relative:.2g} of the value)"
        at = ", ".join(map(str, self.index))
        said = f"{self.argument}: {self.differing} of {self.of} elements differ{sizes}; "
        return (
            said
            + f"[{at}] is "
            + (f"{self.after}, and should be {self.before}" if reference else f"{self.before}, then {self.after}")
        )


@dataclasses.dataclass(frozen=True)
class Change:
    """What became of a launch between two releases.

    Attributes:
        kind: ``values`` (they differ), ``rounding`` (they differ as rounding does), ``status`` (one runs it, the other
            does not), ``not compared`` (with the reason).
        release, against: the release that differs, and the one before it that could be asked; "" where there is none.
        reason: one sentence.
        differences: of ``values`` and ``rounding``.
    """

    launch: str
    kind: str
    release: str
    against: str
    reason: str
    differences: tuple[Difference, ...] = ()


def change_of(content: Mapping[str, Any]) -> Change:
    """A change as ``dataclasses.asdict`` and JSON gave it."""
    rows = [Difference(**{**each, "index": tuple(each["index"])}) for each in content["differences"]]
    return Change(**{**content, "differences": tuple(rows)})


def read(folder: Path, arrays: Optional[Path] = None) -> dict[str, Outcome]:
    """Launch -> what became of it, of a child's folder; one that began and did not end has crashed.

    Args:
        arrays: where the child put the values, where that is another folder.

    Raises:
        OSError, ValueError: the file of rows is not there or not JSON.
    """
    outcomes: dict[str, Outcome] = {}
    for line in (folder / ROWS).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "read" in row:
            continue
        name = row.get("begin") or row["launch"]
        if "begin" in row:
            row = {"launch": name, "status": "crashed", "reason": ENDED}
        outcomes[name] = Outcome(name, row, arrays or folder)
    return outcomes
