"""What must be there: results by cell, level and platform, timings, releases of the atlas, and CI's own jobs.

``ci-matrix --expect`` writes what :func:`parse` reads::

    triton3x:interpreter        a level of a cell
    ambient:device@rocm         on a GPU of that platform
    triton3x:bench@cuda         the timings of the whole bench suite, on a GPU of that platform
    codegen                     the atlas of every release in the table; codegen:3.4.0 of one
    values                      what launches compute in every release; values:3.4.0 of one
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..base.cells import PLATFORMS, Table
from ..base.terms import BAD, LEVELS
from ..evidence.reading import is_subject, table_cell
from .matrix import Codegen, Judged

ATLAS, BENCH = ("codegen", "values"), "bench"
ON_GPUS = ("device", BENCH)
RESULTS = ("success", "failure", "cancelled", "skipped", "unplanned")  # the first four as GitHub says them of a job
NEVER_ENDED = ("cancelled", "skipped")


@dataclass(frozen=True)
class Expected:
    """One result that must be there.

    Attributes:
        cell: a row of the table; "" for the atlas and the values, which are of no cell.
        level: one of the matrix, or ``bench``.
        platform: whose GPU it must be from; "" where any will do.
        release: of the atlas; "" for every one in the table.
    """

    cell: str
    level: str
    platform: str = ""
    release: str = ""

    def __str__(self) -> str:
        if not self.cell:
            return f"{self.level}:{self.release}" if self.release else self.level
        return f"{self.cell}:{self.level}" + (f"@{self.platform}" if self.platform else "")


def parse(option: str, text: str, table: Table) -> Expected:
    """What ``--expect`` or ``--require`` says.

    Raises:
        ValueError: it is none of the forms above, or names no cell, release or platform that there is.
    """
    cell, _, rest = text.rpartition(":")  # another package's column has an @ of its own
    if cell in ATLAS or text in ATLAS:
        release = rest if cell else ""
        if release and release not in table.releases:
            raise ValueError(f"{option} {text!r}: the table's releases are {', '.join(table.releases)}")
        return Expected("", cell or text, release=release)
    level, on, platform = rest.partition("@")
    wrong = bool(on) and (level not in ON_GPUS or platform not in PLATFORMS)
    if not cell or wrong or level not in (*LEVELS, BENCH):
        forms = f"CELL:LEVEL, with a level of {', '.join(LEVELS)} or {BENCH}; {' and '.join(ON_GPUS)} take "
        forms += (
            f"@PLATFORM, of {', '.join(PLATFORMS)}; {' and '.join(ATLAS)}, with or without :RELEASE, are of releases"
        )
        raise ValueError(f"{option} {text!r}: it is {forms}")
    table.cell(table_cell(cell))
    return Expected(cell, level, platform)


def jobs(given: Iterable[str]) -> dict[str, str]:
    """Name -> result, as ``--job NAME=RESULT`` says; ValueError for anything else, or a job that is named twice."""
    found: dict[str, str] = {}
    for text in given:
        name, _, result = text.partition("=")
        if not name or result not in RESULTS or name in found:
            raise ValueError(f"--job {text!r}: it is NAME=RESULT, once a job, with a result of {', '.join(RESULTS)}")
        found[name] = result
    return found


def unmet(matrix: Judged, expected: Iterable[Expected], releases: Iterable[str], allow_stale: bool) -> list[str]:
    """What to say of what is expected and not there, or not of the checkout as it is now.

    Args:
        expected: what must be there, if only to say that every test was skipped.
        releases: every release of the atlas in the table.
    """
    listed = list(dict.fromkeys(expected))
    found = [_unmet(matrix, each, allow_stale) for each in listed if each.level not in ATLAS]
    for verb in ATLAS:
        # the atlas is of no cell: where level codegen of one is asked for, all of its releases are
        wanted = [[each.release] if each.release else releases for each in listed if each.level == verb]
        names = dict.fromkeys(name for some in wanted for name in some)
        found += _unmet_releases(matrix["codegen"] if verb == "codegen" else matrix["values"], verb, names, allow_stale)
    return [*filter(None, found)]


def unrun(matrix: Judged, required: Iterable[Expected], releases: Iterable[str], allow_stale: bool) -> list[str]:
    """The same of what must also have run a test: a level whose tests were all skipped did not."""
    sentences = []
    for each in required:
        if each.level == BENCH or not each.cell:
            sentences += unmet(matrix, [each], releases, allow_stale)
            continue
        found = _levels(matrix, each)
        good = ("pass", *BAD)
        if not any(row["verdict"] in good or (allow_stale and row.get("was") in good) for row in found):
            because = next((f": {row['reason']}" for row in found), "")
            sentences.append(f"required but not there: {_named(each)}{because}")
    return sentences


def _named(each: Expected) -> str:
    what = f"benchmarks of cell {each.cell}" if each.level == BENCH else f"level {each.level} of cell {each.cell}"
    return what + (f" on {each.platform}" if each.platform else "")


def _unmet(matrix: Judged, each: Expected, allow_stale: bool) -> str:
    found = _benches(matrix, each) if each.level == BENCH else _levels(matrix, each)
    if any(allow_stale or not row.get("outdated") for row in found):
        return ""
    why = next((f"it is stale: {row['outdated']}" for row in found), "nothing says how it ended")
    return f"expected but not there: {_named(each)}: {why}"


def _levels(matrix: Judged, each: Expected) -> list[Mapping[str, Any]]:
    """The results of a cell and level, on the platform."""
    rows = [matrix["cells"][name]["levels"].get(each.level) for name in matrix["cells"] if is_row_of(name, each.cell)]
    return [row for row in rows if row and each.platform in ("", *row.get("platforms", ()))]


def _benches(matrix: Judged, each: Expected) -> list[Mapping[str, Any]]:
    """The runs of a cell's whole bench that timed on a GPU of the platform, or that are said not to be whole."""
    return [
        row
        for row in matrix.get("bench_runs", ())
        if is_row_of(row["cell"], each.cell)
        and row["level"] == "device"
        and not row["selected"]
        and each.platform in ("", row["platform"])
    ]


def _unmet_releases(over: Codegen, verb: str, releases: Iterable[str], allow_stale: bool) -> list[str]:
    """What to say of the releases that a verb should have and that left no result, those with one reason at once."""
    alike: dict[str, list[str]] = {}
    for release in releases:
        row = over["summary"].get(release)
        if row is None or (row["verdict"] == "stale" and not allow_stale):
            alike.setdefault(row["reason"] if row else "nothing says how it ended", []).append(release)
        elif row["unavailable"]:
            alike.setdefault("it could not be provided", []).append(release)
    return [f"expected but not there: {verb} of {', '.join(names)}: {why}" for why, names in alike.items()]


def is_row_of(name: str, cell: str) -> bool:
    """Whether a row is of a cell: ``ambient`` has one for each Triton. Another package under its suites is another."""
    return name == cell or (table_cell(name) == cell and not is_subject(name))
