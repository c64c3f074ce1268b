"""What was found in the files of the evidence, as :mod:`reading` gives it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Optional, Union

from ..base import display_text
from . import runs
from .atlas_runs import AtlasRun
from .column import Column

# worst first: a test that pytest lists twice (a failing body, then a failing teardown) keeps the worse outcome
OUTCOMES = {"E": "error", "F": "failed", ".": "passed", "s": "skipped", "n": "n/a"}
SKEW = timedelta(minutes=10)  # how far two machines' clocks may be apart; a date beyond that is in the future
WHOLE = 2**63  # a JSON number beyond it is no count, no size and no time


@dataclass
class Failure:
    """One failing test as pytest recorded it. ``phase`` is ``call`` for its body, else ``setup`` (with collection)."""

    test: str
    phase: str
    message: str
    text: str


@dataclass
class Suite:
    """What one run of a level left: outcome letters per test id (see OUTCOMES), failures, and what it was run on.

    Attributes:
        run: its ``run-<level>.json``; None for a result of before runs had such files.
        counted: what its ``junit-<level>.xml`` counts; None where the run left none.
    """

    column: Column
    level: str
    date: str
    file: str
    source: str
    properties: dict[str, str]
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)
    incidents: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    run: Optional[runs.Run] = None
    counted: Optional[runs.Counted] = None

    @property
    def folder(self) -> Path:
        """Where it lies: what lies beside it is of the same machine."""
        return Path(self.file).parent

    @property
    def commit(self) -> Optional[str]:
        """Of the checkout that it was taken of."""
        return self.properties.get("commit") or None


@dataclass
class Document:
    """One JSON evidence file: what it is of, where and when it comes from, and its content.

    Attributes:
        column: without a cell where the file is of no cell.
    """

    column: Column
    date: str
    file: str
    source: str
    content: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self.file).parent

    @property
    def commit(self) -> Optional[str]:
        """Of the checkout that it was taken of."""
        header: dict[str, Any] = self.content.get("triton_matrix") or self.content
        return header.get("commit")


@dataclass
class Atlas(Document):
    """An atlas file, or where a run left none: then its content has no entries.

    Attributes:
        release: of Triton.
        run: what is declared in its folder; None where nothing is.
        there: whether there is a file.
    """

    release: str = ""
    run: Optional[AtlasRun] = None
    there: bool = True


@dataclass(frozen=True)
class Problem:
    """A file that was left out and why. ``broken``: it claims to be evidence but cannot be read as such."""

    file: str
    problem: str
    broken: bool


@dataclass
class Evidence:
    """Everything found in the folders given, in the order found.

    Attributes:
        scans: files of what a package's own launches say; nothing is read of them yet.
    """

    suites: list[Suite] = field(default_factory=list)
    environments: list[Document] = field(default_factory=list)
    benches: list[Document] = field(default_factory=list)
    bench_runs: list[Document] = field(default_factory=list)
    unavailable: list[Document] = field(default_factory=list)
    failures: list[Document] = field(default_factory=list)
    atlas: list[Atlas] = field(default_factory=list)
    atlas_runs: list[Document] = field(default_factory=list)
    values: list[Atlas] = field(default_factory=list)
    values_runs: list[Document] = field(default_factory=list)
    device: list[Atlas] = field(default_factory=list)
    device_runs: list[Document] = field(default_factory=list)
    launches: list[Document] = field(default_factory=list)
    incidents: list[Document] = field(default_factory=list)
    runs: list[Document] = field(default_factory=list)
    scans: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __bool__(self) -> bool:
        kinds = (self.suites, self.benches, self.bench_runs, self.unavailable, self.failures, self.atlas, self.launches)
        return any((*kinds, self.values, self.device))

    @property
    def date(self) -> Optional[str]:
        """Of the newest result; None where there is none."""
        return max((item.date for item in self._results()), default=None)

    @property
    def sources(self) -> list[str]:
        """The folders that results are from."""
        return sorted({item.source for item in self._results()})

    def _results(self) -> Iterator[Union[Suite, Document]]:
        yield from self.suites
        kinds = (self.environments, self.benches, self.unavailable, self.failures, self.launches, self.bench_runs)
        for kind in (*kinds, self.atlas, self.values, self.device):
            yield from kind


class Unusable(ValueError):
    """A file that is left out; ``broken`` tells damaged evidence from a file that is something else."""

    def __init__(self, problem: str, broken: bool = True) -> None:
        super().__init__(problem)
        self.broken = broken


def as_utc(date: Optional[str]) -> str:
    """An ISO date in UTC to the second, so that dates compare as text; without a zone it is taken as UTC.

    Raises:
        Unusable: no date, not one, or one that is still to come.
    """
    try:
        moment = datetime.fromisoformat(str(date))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Unusable(f"its date is {date!r}; an ISO date is needed to tell the newest") from None
    if moment > datetime.now(timezone.utc) + SKEW:
        raise Unusable(f"its date is {date!r}, which is in the future: no result of now could take its place")
    return moment.isoformat(timespec="seconds")


def load_json(raw: str) -> Any:
    """A JSON file's content, fit to be shown (:func:`triton_matrix.base.display_text.cleaned`).

    Raises:
        ValueError: it is not JSON; Python's own reader also takes NaN, infinity and numbers of any size.
    """

    def number(word: str) -> float:
        value = float(word)
        if not math.isfinite(value):
            raise ValueError(f"{word[:40]} is no number that JSON can hold")
        return value

    def whole(word: str) -> int:
        if len(word) > 20 or abs(int(word)) > WHOLE:
            raise ValueError(f"{word[:40]} is larger than anything that is counted here")
        return int(word)

    try:
        return display_text.cleaned(json.loads(raw, parse_float=number, parse_int=whole, parse_constant=number))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def shown(path: Path) -> str:
    """A path that may be shown; a name of a file is any bytes."""
    return display_text.printable(str(path))
