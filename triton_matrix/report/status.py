"""What is stale, and the exit status: what failed, what has no answer, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Optional

from ..base.display_text import short
from ..base.levels import BAD, Verdict
from . import expected
from .atlas import OverReleases
from .expected import Expected
from .verdict import Judged, Verdicts

OK: Literal[0] = 0
FAILED: Literal[1] = 1
CANNOT_SAY: Literal[2] = 2


@dataclass(frozen=True)
class Asked:
    """What is asked of a report besides what it finds.

    Attributes:
        required: results that must be there and have run a test.
        expected: results that must be there, if only to say that every test was skipped.
        releases: every release of the atlas in the table.
        jobs: what CI says of its jobs.
        allow_stale: whether a stale result counts as what it was.
    """

    required: Sequence[Expected] = ()
    expected: Sequence[Expected] = ()
    releases: Collection[str] = ()
    jobs: Mapping[str, str] = field(default_factory=dict)
    allow_stale: bool = False


@dataclass(frozen=True)
class Stale:
    """What is not of the checkout as it is now.

    Attributes:
        where: such as ``triton3x device``.
        reason: since when, and why.
        was: its verdict.
    """

    where: str
    reason: str
    own: bool
    was: Optional[Verdict]


@dataclass(frozen=True)
class Status:
    """The exit status, and the sentences that explain it; those of what is definite come first."""

    status: Literal[0, 1, 2]
    reasons: list[str]


def stale(verdicts: Verdicts) -> list[Stale]:
    """All that is stale."""
    listed = [
        Stale(f"{column} {name}", level.reason, level.result.own, level.was)
        for column, row in verdicts.rows.items()
        for name, level in row.levels.items()
        if level.verdict == "stale" and name != "codegen"
    ]
    for verb, judged in (("codegen", verdicts.codegen), ("values", verdicts.values), ("device", verdicts.device)):
        releases = ((name, level) for name, level in judged.items() if level.verdict == "stale")
        listed += [Stale(f"{verb} of {name}", level.reason, level.result.own, level.was) for name, level in releases]
    apart: dict[str, Stale] = {}
    for each in _ages(verdicts):
        apart.setdefault(each.where, each)
    return listed + [each for each in apart.values() if each.reason]


def _ages(verdicts: Verdicts) -> Iterator[Stale]:
    """What has an age and no verdict; the reason is "" where it is of the checkout as it is now."""
    facts, incidents = verdicts.facts, verdicts.facts.selection.kept.incidents
    for timing in facts.timings:
        yield Stale(f"{timing.where} benchmarks", _age(timing.date, timing.commit, timing.outdated), timing.own, "pass")
    for run in facts.bench_runs:
        if run.problem:  # it may have left no timing
            yield Stale(f"{run.column} benchmarks", _age(run.date, run.commit, run.outdated), run.own, "pass")
    if incidents and incidents.rows:
        age = _age(incidents.date, incidents.record.commit, incidents.outdated)
        yield Stale("incidents of bare releases", age, incidents.own, "pass")


def _age(date: str, commit: Optional[str], outdated: str) -> str:
    return f"of {date}, commit {short(commit)}: {outdated}" if outdated else ""


def status(verdicts: Verdicts, asked: Asked, old: Sequence[Stale]) -> Status:
    """The exit status and the sentences that explain it.

    0: every result is fine. 1: a cell failed or regressed. 2: the question cannot be answered: no results, evidence
    that cannot be read, a required result that is missing, or one of ours that is stale. A definite failure outranks
    an unanswered question.

    Args:
        old: what is stale.
    """
    bad, unanswered = [*_bad(verdicts, asked, old)], [*_unanswered(verdicts, asked, old)]
    return Status(FAILED if bad else CANNOT_SAY if unanswered else OK, [*bad, *unanswered])


def _bad(verdicts: Verdicts, asked: Asked, old: Sequence[Stale]) -> Iterator[str]:
    """What is definite."""
    for column, row in verdicts.rows.items():
        if row.verdict in BAD and not column.subject:
            yield f"{column}: {row.verdict}: {row.reason}"
    of_rows = {row.release for row in verdicts.rows.values()}
    alone = {name: level for name, level in verdicts.codegen.items() if name not in of_rows}
    yield from _bad_releases(alone, "codegen")
    yield from _bad_releases(verdicts.values, "values")
    yield from _bad_releases(verdicts.device, "launches on a GPU")
    if asked.allow_stale:
        yield from (f"{each.where}: {each.was}: {each.reason}" for each in old if each.was in BAD)
    yield from _slower(verdicts)
    yield from _bad_beside(verdicts, asked)


def _bad_beside(verdicts: Verdicts, asked: Asked) -> Iterator[str]:
    """What is definite and no verdict's."""
    yield from (sentence for unanswered, sentence in _bench_problems(verdicts, asked) if not unanswered)
    yield from _incidents(verdicts, asked)
    yield from (f"codegen: {sentence}" for sentence in verdicts.facts.codegen.columns["gone"])
    yield from (f"values: {sentence}" for sentence in verdicts.facts.values.columns["gone"])
    yield from verdicts.changes["gone"] if verdicts.changes else ()
    yield from (f"job {name}: {result}" for name, result in asked.jobs.items() if result == "failure")


def _bad_releases(judged: Mapping[str, Judged], verb: str) -> Iterator[str]:
    """Releases that failed or regressed, those for one reason at once."""
    alike: dict[str, list[str]] = {}
    for name, level in judged.items():
        if level.is_bad:
            alike.setdefault(f"{level.verdict}: {level.reason}", []).append(name)
    yield from (f"{verb} of {', '.join(names)}: {said}" for said, names in alike.items())


def _slower(verdicts: Verdicts) -> Iterator[str]:
    """Timings that are slower than in the earlier run, of cells whose level device does not say so."""
    said = {
        str(column) for column, row in verdicts.rows.items() if "device" in row.levels and row.levels["device"].is_bad
    }
    for name, count in verdicts.slower.items():
        if name not in said:
            yield f"{name}: {count} benchmark{'s' * (count > 1)} slower than in the earlier run, beyond the noise"


def _bench_problems(verdicts: Verdicts, asked: Asked) -> list[tuple[bool, str]]:
    """What is wrong with runs of benches, and whether that is only that nothing can be told."""
    timed = [run for run in verdicts.facts.bench_runs if asked.allow_stale or not run.outdated]
    return [(run.unanswered, f"{run.column} benchmarks: {run.problem}") for run in timed if run.problem]


def _incidents(verdicts: Verdicts, asked: Asked) -> Iterator[str]:
    incidents = verdicts.facts.selection.kept.incidents
    if incidents and (asked.allow_stale or not incidents.outdated):
        for row, outcome in incidents.rows:
            if outcome == "failed":
                where = "it shows where it should not, or does not where it should"
                yield f"incident {row['id']} on triton {row['release']}: {where}"


def _unanswered(verdicts: Verdicts, asked: Asked, old: Sequence[Stale]) -> Iterator[str]:
    """What has no answer."""
    facts, allow_stale = verdicts.facts, asked.allow_stale
    yield from (f"{each.file} {each.problem}" for each in facts.evidence.problems if each.broken)
    yield from (sentence for unanswered, sentence in _bench_problems(verdicts, asked) if unanswered)
    yield from expected.unrun(verdicts, asked.required, asked.releases, allow_stale)
    yield from expected.unmet(verdicts, asked.expected, asked.releases, allow_stale)
    yield from (f"job {name}: {result}" for name, result in asked.jobs.items() if result in expected.NEVER_ENDED)
    if verdicts.changes and verdicts.changes["too_noisy"] and not verdicts.changes["compared"]:
        count = len(verdicts.changes["too_noisy"])
        yield f"timings against {verdicts.changes['against']}: each of the {count} is too noisy to tell"
    for over, judged in ((facts.codegen, verdicts.codegen), (facts.values, verdicts.values)):
        yield from _nothing_compared(over, judged, allow_stale)
    if not allow_stale:
        yield from (f"{each.where}: stale: {each.reason}" for each in old if each.own)
    scan = facts.scan
    yield from () if scan["lines"] and not scan["outdated"] else _no_result(verdicts, asked)


def _nothing_compared(over: OverReleases, judged: Mapping[str, Judged], allow_stale: bool) -> Iterator[str]:
    """That no configuration of several releases is compared with another; nothing where one release is there."""
    counted = {name: level for name, level in judged.items() if sum(level.of.counts.values())}
    there = [name for name, level in counted.items() if allow_stale or level.verdict != "stale"]
    compared = any(step["compared"] for step in over.columns["steps"] if step["after"] in there)
    if len(there) > 1 and not compared:
        what = "configuration" if over.verb == "codegen" else "launch"
        yield f"{over.verb}: of triton {', '.join(there)} no {what} is compared with that of another release"


def _no_result(verdicts: Verdicts, asked: Asked) -> Iterator[str]:
    """That nothing says anything about the checkout as it is now."""
    runs = verdicts.facts.bench_runs
    levels = [level for row in verdicts.rows.values() for level in row.levels.values()]
    levels += [*verdicts.codegen.values(), *verdicts.values.values()]
    there = [level for level in levels if sum(level.of.counts.values()) or level.shortfall]
    ages = [run.outdated for run in runs if run.level == "device"]
    ages += [level.reason if level.verdict == "stale" else "" for level in there]
    counting = bool(ages) if asked.allow_stale else not all(ages)
    if not counting and not any(row.row.stopped for row in verdicts.rows.values()):
        none = "no result is of the checkout as it is now" if there or runs else "there are no results"
        yield f"{none}: run `nox`, or name a folder that holds some with --add"
