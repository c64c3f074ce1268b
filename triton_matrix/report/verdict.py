"""Verdicts of levels, cells and releases, each with its reason, made of the results that count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, Union

from ..base.display_text import short
from ..base.levels import BAD, VERDICTS, Verdict
from ..evidence.causes import Cause
from ..evidence.column import Column
from ..evidence.reading import NEEDS_GPU
from .atlas import OverReleases, Release
from .facts import Facts
from .matrix import Changes
from .results import LaunchesResult, ReleaseResult, SuiteResult
from .rows import Level, Row


@dataclass(frozen=True)
class Judged:
    """A level or a release, judged.

    Attributes:
        of: what is judged.
        was: of a stale one: what it was.
    """

    of: Union[Level, LaunchesResult, Release]
    verdict: Verdict
    reason: str
    was: Optional[Verdict] = None

    @property
    def result(self) -> Union[SuiteResult, LaunchesResult, ReleaseResult]:
        """The one result that it says most of."""
        if isinstance(self.of, LaunchesResult):
            return self.of
        return self.of.shown if isinstance(self.of, Level) else self.of.result

    @property
    def date(self) -> str:
        """When that was taken; of a release as its file says it."""
        of = self.result
        return str(of.record.content["date"]) if isinstance(of, ReleaseResult) else of.date

    @property
    def shortfall(self) -> str:
        """Why it is no whole answer to what was asked; "" where it is."""
        of = self.result
        if isinstance(of, LaunchesResult):
            return ""
        return of.shortfall if isinstance(of, SuiteResult) else of.standing.shortfall

    @property
    def unavailable(self) -> str:
        """Of a release: why this machine could not provide it; "" where it did."""
        return self.of.result.standing.unavailable if isinstance(self.of, Release) else ""

    @property
    def platforms(self) -> tuple[str, ...]:
        """Whose GPUs gave the results that count."""
        return self.of.platforms if isinstance(self.of, Level) else ()

    @property
    def is_bad(self) -> bool:
        """Whether it failed or regressed."""
        return self.verdict in BAD


@dataclass(frozen=True)
class JudgedRow:
    """A row, judged. Its level codegen is that of its Triton release."""

    row: Row
    levels: Mapping[str, Judged]
    verdict: Verdict
    reason: str

    @property
    def release(self) -> str:
        """The Triton release that its level codegen is of; "" where it is of none."""
        of = self.levels["codegen"].of if "codegen" in self.levels else None
        return of.name if isinstance(of, Release) else ""


@dataclass(frozen=True)
class Verdicts:
    """All verdicts, and what they are of.

    Attributes:
        changes: what differs from an earlier run; None where none was named.
        slower: cell -> how many of its timings are slower than then and not accepted.
    """

    facts: Facts
    rows: Mapping[Column, JudgedRow]
    codegen: Mapping[str, Judged]
    values: Mapping[str, Judged]
    device: Mapping[str, Judged]
    changes: Optional[Changes]
    slower: Mapping[str, int]


def judge(facts: Facts, changes: Optional[Changes] = None) -> Verdicts:
    """The verdict of every level, row and release, and its reason.

    Args:
        changes: what differs from an earlier run; without one nothing has regressed since.
    """
    codegen, values, device = (
        _releases(facts.codegen, changes),
        _releases(facts.values, None),
        _releases(facts.device, None),
    )
    newly = {(row["cell"], row["level"]): row["count"] for row in changes["newly_failing"]} if changes else {}
    slower = Counter(str(row["cell"]) for row in (changes["slower"] if changes else ()) if not row["accepted"])
    rows = {}
    for column, row in facts.rows.items():
        levels: dict[str, Judged] = {}
        for name, of in row.levels.items():
            lost = slower[str(column)] if name == "device" else 0
            levels[name] = _level(of, newly.get((str(column), name), 0), lost)
        release = codegen.get(_release_of(row))
        if release and not column.subject:
            levels.setdefault("codegen", release)
        rows[column] = _row(row, levels)
    return Verdicts(facts, rows, codegen, values, device, changes, slower)


def _releases(over: OverReleases, changes: Optional[Changes]) -> dict[str, Judged]:
    """The verdict of every release, and its reason.

    A release in which a kernel does not compile has failed; one that compiles for the worse than in an earlier run, or
    than the release before it without being accepted, has regressed. A launch that never ran is no failure; one that is
    not as its reference says is.
    """
    since = Counter(str(row["to"]) for row in (changes["codegen"] if changes else ()))
    return {name: _aged(_release(release, over.verb, since[name])) for name, release in over.releases.items()}


def _release(release: Release, verb: str, since: int) -> Judged:
    computed = verb == "values"
    standing = release.result.standing
    errors = release.wrong if computed else release.counts["error"]
    if standing.shortfall:
        return Judged(release, "fail", standing.shortfall)
    if errors and computed:
        return Judged(release, "fail", f"{errors} launch{'es' * (errors > 1)} wrong by a reference")
    if errors and verb == "device":
        return Judged(release, "fail", f"{errors} launch{'es' * (errors > 1)} did not run, or computed wrong numbers")
    if errors:
        return Judged(release, "fail", f"{errors} kernel{'s' * (errors > 1)} did not compile")
    if since:
        return Judged(release, "regressed", f"{_worse(since, verb)} since the earlier run")
    if release.worse:
        return Judged(release, "regressed", f"{_worse(release.worse, verb)} since {release.before}")
    if standing.unavailable:
        return Judged(release, "unavailable", standing.unavailable)
    return Judged(release, "pass" if release.counts["ok"] else "n/a", "")


def _worse(number: int, verb: str) -> str:
    if verb == "values":
        return f"{number} launch{'es' * (number > 1)} changed"
    if verb == "device":
        return f"{number} launch{'es' * (number > 1)} slower"
    return f"{number} configuration{'s' * (number > 1)} compiled for the worse"


def _aged(judged: Judged) -> Judged:
    """``stale`` where it is not of the checkout as it is now; ``was`` keeps what it was."""
    of, result = judged.of, judged.result
    if result.outdated:
        reason = f"{judged.verdict} of {judged.date}, commit {short(result.record.commit)}: {result.outdated}"
        return Judged(of, "stale", reason, judged.verdict)
    if isinstance(result, ReleaseResult) and result.standing.left and not judged.is_bad:
        return Judged(of, "stale", result.standing.left, judged.verdict)
    return judged


def _level(of: Union[Level, LaunchesResult], newly_failing: int, slower: int) -> Judged:
    if isinstance(of, LaunchesResult):
        findings = len(of.findings)
        if findings:
            return Judged(of, "fail", f"{findings} findings: {_by_cause(of.causes)}")
        return Judged(of, "pass" if of.counts["ok"] else "n/a", "")
    verdict, reason = _changed(of.shown, newly_failing, slower) or _wrong(of) or _without_a_pass(of.shown)
    return _aged(Judged(of, verdict, reason))


def _changed(shown: SuiteResult, newly_failing: int, slower: int) -> Optional[tuple[Verdict, str]]:
    """By an earlier run; None where that says nothing."""
    if newly_failing:
        return "regressed", f"{newly_failing} of {shown.failing} failing tests passed in the earlier run"
    if slower and not shown.failing:
        return "regressed", f"{slower} benchmark{'s' * (slower > 1)} slower than in the earlier run, beyond the noise"
    return None


def _wrong(level: Level) -> Optional[tuple[Verdict, str]]:
    """What is wrong with a level by itself; None where nothing is."""
    shown, counts = level.shown, level.counts
    if shown.failing:
        return "fail", f"{shown.failing} failing: {_by_cause(shown.causes)}"
    if shown.shortfall:
        return "fail", f"{shown.shortfall_cause}: {shown.shortfall}"
    if counts["known"] and not counts["passed"]:
        return "fail", f"no test passed: each of the {counts['known']} failures is known, and nothing else ran"
    return ("fail", level.gone[0]) if level.gone else None


def _by_cause(causes: Mapping[Cause, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items(), key=lambda item: -item[1]))


def _without_a_pass(shown: SuiteResult) -> tuple[Verdict, str]:
    """Of a level in which nothing is wrong: whether a test passed, and a kernel ran."""
    counts, skips = shown.counts, shown.record.skips.most_common()
    if not sum(counts.values()):
        return "fail", "harness: pytest ran no test"
    if not counts["passed"]:
        reason = skips[0][0] if skips else "no reason recorded"
        unfit = counts["n/a"] and not counts["skipped"]
        return "n/a" if unfit else "unavailable", f"every test was skipped: {reason}"
    if not shown.unlaunched:
        return "pass", ""
    # where the suites are written for a GPU, they wait for one
    waiting = sum(count for reason, count in skips if reason.startswith(NEEDS_GPU))
    if shown.waits and waiting:
        return "unavailable", f"no Triton kernel ran, and {waiting} tests need a GPU"
    return "fail", shown.unlaunched


def _release_of(row: Row) -> str:
    """The Triton release of a row: what a level resolved to, else what the table asks for."""
    ran = [of.versions.get("triton") for of in row.levels.values() if isinstance(of, Level)]
    asked = row.cell.triton if row.cell else None
    return str(next(filter(None, ran), None) or asked).split("+")[0]


def _row(row: Row, levels: Mapping[str, Judged]) -> JudgedRow:
    verdict, reason = _stopped(row) or _by_levels(row, levels)
    return JudgedRow(row, levels, verdict, reason)


def _stopped(row: Row) -> Optional[tuple[Verdict, str]]:
    if row.stopped is None:
        return None
    said = row.stopped.content
    if said["status"] is None:
        return "fail", f"stopped at {said['stage']}: {said['tail']}"
    return "fail", f"stopped at {said['stage']} with status {said['status']}"


def _by_levels(row: Row, levels: Mapping[str, Judged]) -> tuple[Verdict, str]:
    # what another machine once found of other sources is shown, and is no part of today's verdict
    counting = {name: level for name, level in levels.items() if level.verdict != "stale" or level.result.own}
    ran = {name: level for name, level in counting.items() if name != "codegen" or row.column.subject}
    worst = min(counting, key=lambda name: VERDICTS.index(counting[name].verdict), default="")
    if worst and (counting[worst].is_bad or (counting[worst].verdict == "stale" and ran)):
        return counting[worst].verdict, f"{worst}: {counting[worst].reason}"
    if not ran:
        return _not_run(row, levels)
    if any(level.verdict == "pass" for level in ran.values()):
        return "pass", ""
    return counting[worst].verdict, counting[worst].reason


def _not_run(row: Row, levels: Mapping[str, Judged]) -> tuple[Verdict, str]:
    """Of a row of which no suite of today's says anything."""
    if row.unavailable:
        return row.unavailable.content["verdict"], row.unavailable.content["reason"]
    for name, level in levels.items():
        if level.verdict == "stale" and name != "codegen":
            return "stale", f"{name}: {level.reason}"
    only = "compiled only, " if levels else ""
    return "unavailable", f"{only}no suite has run: `{row.column.session()}`"
