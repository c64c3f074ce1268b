"""What must be there: results by cell, level and platform, timings, releases of the atlas, and CI's own jobs.

``ci-matrix --expect`` writes what :func:`parse` reads::

    triton3x:interpreter        a level of a cell
    ambient:device@rocm         on a GPU of that platform
    triton3x:bench@cuda         the timings of the whole bench suite, on a GPU of that platform
    codegen                     the atlas of every release in the table; codegen:3.4.0 of one
    values                      what launches compute in every release; values:3.4.0 of one
    device                      what launches did on a GPU, in some release; device:3.4.0 in that one
    launches                    what kernels compile to whose launches nobody wrote down
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.cells import PLATFORMS, Table
from ..base.levels import BAD, SHOWN
from ..evidence import column
from ..evidence.column import NONE, Column

if TYPE_CHECKING:  # the job list of CI is made in any Python, and without what the report needs
    from .benches import BenchRun
    from .matrix import Scan
    from .verdict import Judged, Verdicts

DEVICE, BENCH, LAUNCHES = "device", "bench", "launches"
ATLAS, ON_GPUS = ("codegen", "values", DEVICE), (DEVICE, BENCH)
RESULTS = ("success", "failure", "cancelled", "skipped", "unplanned")  # the first four as GitHub says them of a job
NEVER_ENDED = ("cancelled", "skipped")


@dataclass(frozen=True)
class Expected:
    """One result that must be there.

    Attributes:
        column: of a row of the table; NONE for the atlas and for launches, which are of no cell.
        level: one of the matrix, ``bench`` or ``launches``.
        platform: whose GPU it must be from; "" where any will do.
        release: of the atlas; "" for every one in the table, on a GPU for any.
    """

    column: Column
    level: str
    platform: str = ""
    release: str = ""

    def __str__(self) -> str:
        if self.column == NONE:
            return f"{self.level}:{self.release}" if self.release else self.level
        return f"{self.column}:{self.level}" + (f"@{self.platform}" if self.platform else "")


def parse(option: str, text: str, table: Table) -> Expected:
    """What ``--expect`` or ``--require`` says.

    Raises:
        ValueError: it is none of the forms above, or names no cell, release or platform that there is.
    """
    if text == LAUNCHES:
        return Expected(NONE, LAUNCHES)
    cell, _, rest = text.rpartition(":")  # another package's column has an @ of its own
    if cell in ATLAS or text in ATLAS:
        release = rest if cell else ""
        if release and release not in table.releases:
            raise ValueError(f"{option} {text!r}: the table's releases are {', '.join(table.releases)}")
        return Expected(NONE, cell or text, release=release)
    level, on, platform = rest.partition("@")
    wrong = bool(on) and (level not in ON_GPUS or platform not in PLATFORMS)
    if not cell or wrong or level not in (*SHOWN, BENCH):
        forms = f"CELL:LEVEL, with a level of {', '.join(SHOWN)} or {BENCH}; {' and '.join(ON_GPUS)} take "
        forms += f"@PLATFORM, of {', '.join(PLATFORMS)}; {' and '.join(ATLAS)}, with or without :RELEASE, are of "
        forms += f"releases; {LAUNCHES} stands alone"
        raise ValueError(f"{option} {text!r}: it is {forms}")
    named = column.parse(cell)
    table.cell(named.cell)
    return Expected(named, level, platform)


def jobs(given: Iterable[str]) -> dict[str, str]:
    """Name -> result, as ``--job NAME=RESULT`` says; ValueError for anything else, or a job that is named twice."""
    results: dict[str, str] = {}
    for text in given:
        name, _, result = text.partition("=")
        if not name or result not in RESULTS or name in results:
            raise ValueError(f"--job {text!r}: it is NAME=RESULT, once a job, with a result of {', '.join(RESULTS)}")
        results[name] = result
    return results


def unmet(verdicts: Verdicts, expected: Iterable[Expected], releases: Iterable[str], allow_stale: bool) -> list[str]:
    """What to say of what is expected and not there, or not of the checkout as it is now.

    Args:
        expected: what must be there, if only to say that every test was skipped.
        releases: every release of the atlas in the table.
    """
    listed = list(dict.fromkeys(expected))
    # where level codegen of a cell is asked for, all releases of the atlas are
    of_cells = [each for each in listed if each.column != NONE and each.level != ATLAS[0]]
    of_releases = [each for each in listed if each not in of_cells]
    said = [_unmet(verdicts, each, allow_stale) for each in of_cells]
    for verb, judged in zip(ATLAS, (verdicts.codegen, verdicts.values, verdicts.device)):
        asked = [each.release for each in of_releases if each.level == verb]
        said += _unmet_verb(judged, verb, asked, releases, allow_stale)
    if Expected(NONE, LAUNCHES) in listed:
        said.append(_unmet_launches(verdicts.facts.scan))
    return [*filter(None, said)]


def unrun(verdicts: Verdicts, required: Iterable[Expected], releases: Iterable[str], allow_stale: bool) -> list[str]:
    """The same of what must also have run a test: a level whose tests were all skipped did not."""
    sentences = []
    for each in required:
        if each.level == BENCH or each.column == NONE:
            sentences += unmet(verdicts, [each], releases, allow_stale)
            continue
        levels = _levels(verdicts, each)
        good = ("pass", *BAD)
        if not any(level.verdict in good or (allow_stale and level.was in good) for level in levels):
            because = next((f": {level.reason}" for level in levels), "")
            sentences.append(f"required but not there: {_named(each)}{because}")
    return sentences


def _named(each: Expected) -> str:
    of = f"of cell {each.column}"
    what = f"benchmarks {of}" if each.level == BENCH else f"level {each.level} {of}"
    return what + (f" on {each.platform}" if each.platform else "")


def _unmet(verdicts: Verdicts, each: Expected, allow_stale: bool) -> str:
    if each.level == BENCH:
        ages = [run.outdated for run in _benches(verdicts, each)]
    else:
        ages = [level.result.outdated for level in _levels(verdicts, each)]
    if any(allow_stale or not age for age in ages):
        return ""
    why = f"it is stale: {ages[0]}" if ages else "nothing says how it ended"
    return f"expected but not there: {_named(each)}: {why}"


def _levels(verdicts: Verdicts, each: Expected) -> list[Judged]:
    """The results of a cell and level, on the platform."""
    rows = [row for column, row in verdicts.rows.items() if column.of(each.column)]
    levels = [row.levels[each.level] for row in rows if each.level in row.levels]
    return [level for level in levels if each.platform in ("", *level.platforms)]


def _benches(verdicts: Verdicts, each: Expected) -> list[BenchRun]:
    """The runs of a cell's whole bench that timed on a GPU of the platform, or that are said not to be whole."""
    runs = [run for run in verdicts.facts.bench_runs if run.level == "device" and not run.selected]
    return [run for run in runs if run.column.of(each.column) and each.platform in ("", run.platform)]


def _unmet_any(judged: Mapping[str, Judged], allow_stale: bool) -> str:
    """What to say where no release has an answer: which Tritons a machine with a GPU has is its own affair."""
    if any(allow_stale or level.verdict != "stale" for level in judged.values()):
        return ""
    why = next((level.reason for level in judged.values()), "nothing says how it ended")
    return f"expected but not there: launches on a GPU: {why}"


def _unmet_verb(
    judged: Mapping[str, Judged], verb: str, asked: Sequence[str], releases: Iterable[str], allow_stale: bool
) -> list[str]:
    """The same of one verb over releases; `asked` are releases, and "" for all, on a GPU for any."""
    any_will_do = verb == DEVICE
    said = [_unmet_any(judged, allow_stale)] if any_will_do and "" in asked else []
    wanted = [[name] if name else [] if any_will_do else releases for name in asked]
    names = dict.fromkeys(name for some in wanted for name in some)
    return said + _unmet_releases(judged, verb, names, allow_stale)


def _unmet_launches(scan: Scan) -> str:
    if scan["lines"] and not scan["outdated"]:
        return ""
    return f"expected but not there: launches: {scan['outdated'] or 'nothing says how it ended'}"


def _unmet_releases(judged: Mapping[str, Judged], verb: str, releases: Iterable[str], allow_stale: bool) -> list[str]:
    """What to say of the releases that a verb should have and that left no result, those with one reason at once."""
    alike: dict[str, list[str]] = {}
    for release in releases:
        level = judged.get(release)
        if level is None or (level.verdict == "stale" and not allow_stale):
            alike.setdefault(level.reason if level else "nothing says how it ended", []).append(release)
        elif level.unavailable:
            alike.setdefault("it could not be provided", []).append(release)
    return [f"expected but not there: {verb} of {', '.join(names)}: {why}" for why, names in alike.items()]
