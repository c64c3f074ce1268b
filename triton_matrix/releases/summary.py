"""What a run over releases says at its end, and the exit status that follows from it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from ..base import files, tables, versions
from ..base.commands import UNAVAILABLE
from ..codegen import accepted, compare, reasons, table
from ..codegen.accepted import Accepted
from .compile_runs import Outcome

NOTHING = "nothing is compared: no configuration compiled in two consecutive releases"


@dataclass(frozen=True)
class Told:
    """What the releases answered.

    Attributes:
        outcomes: one per release that was asked.
        seconds: that asking took.
        markdown: whether tables are printed as Markdown.
        known: every release of the table, in order.
    """

    outcomes: Sequence[Outcome]
    seconds: float
    markdown: bool
    known: Sequence[str]

    @property
    def unavailable(self) -> list[str]:
        """The releases that this machine cannot provide."""
        return [outcome.release for outcome in self.outcomes if outcome.unavailable]

    @property
    def failed(self) -> list[Outcome]:
        """The releases that are there and have no answer."""
        return [outcome for outcome in self.outcomes if outcome.problem and not outcome.unavailable]

    def without_answer(self, of_cells: bool) -> int:
        """The exit status where no release has an answer.

        Args:
            of_cells: whether the cells' own releases were asked: plain ``nox`` goes on without what cannot be had here.
        """
        return UNAVAILABLE if of_cells and not self.failed else 2

    def with_answers(self, status: int, of_cells: bool) -> int:
        """The exit status that follows from ``status``, which the answers give, where not every release has one."""
        if self.unavailable and status != 1:
            return UNAVAILABLE if of_cells else max(status, 1)
        return status


@dataclass(frozen=True)
class Step:
    """Two releases' atlas files, what is different, what of that is open, and how much could be compared."""

    before: dict[str, Any]
    after: dict[str, Any]
    changes: list[compare.Change]
    open_: list[compare.Change]
    unused: list[Accepted]
    coverage: compare.Coverage

    @property
    def ends(self) -> tuple[str, str]:
        """The two releases."""
        return self.before["triton"], self.after["triton"]


Changes = Callable[[dict[str, Any], dict[str, Any]], list[compare.Change]]


def steps(
    atlases: Sequence[dict[str, Any]], entries: Sequence[Accepted], changes: Changes = compare.changes
) -> list[Step]:
    """Each release against what it is compared with, as of ``versions.steps``; two in the order in which they come."""
    result = []
    named = {atlas["triton"]: atlas for atlas in atlases}
    ends = [tuple(named)] if len(named) == 2 else versions.steps(list(named))
    for before, after in ((named[before], named[after]) for before, after in ends):
        step_changes = changes(before, after)
        judged = accepted.judge(step_changes, entries, before["triton"], after["triton"])
        result.append(Step(before, after, step_changes, *judged, compare.coverage(before, after)))
    return result


def back(taken: Sequence[Step]) -> list[Step]:
    """What gets worse the other way, from a variant (or whatever else is derived from a release) to what it is of."""
    derived = [step for step in taken if "+" in step.ends[1] and versions.plain(step.ends[1]) == step.ends[0]]
    other_way = ((step.after, step.before, step.coverage) for step in derived)
    return [Step(old, new, compare.changes(old, new), [], [], coverage) for old, new, coverage in other_way]


def beyond(
    taken: Sequence[Step], atlases: Sequence[dict[str, Any]], entries: Sequence[Accepted], pinned: Container[str]
) -> list[Step]:
    """The steps between the releases in ``pinned`` that are not among ``taken``, each with what is open alone.

    Steps that are accepted one by one may be more together than any of them.
    """
    known = {step.ends for step in taken}
    wider = steps([atlas for atlas in atlases if atlas["triton"] in pinned], entries)
    return [replace(step, changes=step.open_) for step in wider if step.ends not in known]


def report_atlas(
    told: Told,
    atlases: Sequence[dict[str, Any]],
    entries: Sequence[Accepted],
    summary: Optional[Path],
    pinned: Container[str] = (),
) -> int:
    """Print the overview, reasons, and what got worse between consecutive releases; in Markdown to ``summary`` too.

    Args:
        pinned: the releases of the cells, which plain ``nox`` compares with each other alone.

    Returns:
        1 where something got worse and is not accepted, no longer occurs, does not compile, or has no answer; 2 where
        several releases were asked and nothing is compared; else 0.
    """
    consecutive = steps(atlases, entries)
    taken = [*consecutive, *beyond(consecutive, atlases, entries, pinned)]
    several, why = len(atlases) > 1, reasons.grouped(atlases, told.known, ("error", "warning"))
    print(table.overview(atlases, told.markdown))
    print()
    if why:
        print(f"{reasons.render(why, several, told.markdown)}\n")
    print(_changes(taken, told.markdown, back(taken)))
    compare.print_aside(_not_compared(consecutive), told.markdown)
    total = sum(len(atlas["entries"]) for atlas in atlases)
    fresh = sum(outcome.compiled for outcome in told.outcomes)
    print(f"\n{total} configurations in {len(atlases)} releases, {fresh} compiled now, {told.seconds:.1f} s")
    if summary:
        of = f"Of commit {atlases[-1].get('commit') or 'unknown'}, {atlases[-1].get('date')}."
        text = ["# What each Triton release makes of the kernels", "", of, "", table.overview(atlases, True), ""]
        text += ["## What does not compile", "", reasons.render(why, several, True), ""] if why else []
        text += ["## What got worse between consecutive releases", "", _changes(taken, True), ""]
        text += [f"- {line}" for line in _not_compared(consecutive)]
        files.write_text(summary, "\n".join(text).rstrip() + "\n")
    return _status(taken, told, [item for atlas in atlases for item in atlas["entries"]])


def report_pair(before: dict[str, Any], after: dict[str, Any], entries: Sequence[Accepted], markdown: bool) -> int:
    """Print every change from one release to another.

    Raises:
        ValueError: nothing compiled in both.
    """
    errors = reasons.grouped([after], [after["triton"]], ["error"])
    if errors:
        print(reasons.render(errors, True, markdown))
    aside = compare.beside(before, after)
    (step,) = steps([before, after], entries)
    print(compare.render(step.changes, step.open_, markdown))
    compare.print_aside(aside, markdown)
    for line in compare.unused_lines(step.unused):
        print(line, file=sys.stderr)
    return 1 if step.open_ or step.unused or errors else 0


def report_launches(told: Told, atlases: Sequence[dict[str, Any]]) -> int:
    """Print a launch file's metrics, the releases of each configuration under one another, and what got worse.

    Returns:
        as of :func:`report_atlas`; what got worse does not count.
    """
    print(table.by_release(atlases, told.known, told.markdown))
    for outcome in told.outcomes:
        if outcome.problem:
            print(f"error: triton {outcome.release}: {outcome.problem}")
    broken = any(item["status"] == "error" for atlas in atlases for item in atlas["entries"]) or bool(told.failed)
    taken = steps(atlases, ())
    worse = any(change.kind == "worse" for step in taken for change in step.changes)
    if taken and (worse or not broken):  # beside a failure, that nothing else got worse is no good news
        print()
        print(_changes(taken, told.markdown, back(taken)))
    compare.print_aside(_not_compared(taken), told.markdown)
    return 1 if broken else _nothing_compared(taken, told)


def tell_problems(outcomes: Sequence[Outcome], verb: str = "codegen") -> None:
    """Say on the error stream which releases have no answer; last, in one sentence, those that are not at hand."""
    by_problem: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.problem:
            by_problem.setdefault(outcome.problem, []).append(outcome.release)
    for sentence, releases in by_problem.items():  # what all of them say is said once
        print(f"{verb}: triton {', '.join(releases)}: {sentence}", file=sys.stderr)
    unavailable = [outcome.release for outcome in outcomes if outcome.unavailable]
    if unavailable:
        print(f"{verb}: this machine could not provide triton {', '.join(unavailable)}", file=sys.stderr)


def accept(
    atlases: Sequence[dict[str, Any]],
    entries: Sequence[Accepted],
    reasons: dict[str, str],
    whole: bool,
    changes: Changes = compare.changes,
) -> list[Accepted]:
    """The entries that still occur between consecutive releases, and new ones for what is left of the given causes.

    Args:
        whole: whether ``atlases`` are all releases. Otherwise entries of the steps that were not asked stay; those of
            variants that were not asked and of targets that were not compiled always do, and those of two releases with
            others between them: they are compared by who asks for these two, as plain nox does for the cells'.
    """
    names = [atlas["triton"] for atlas in atlases]
    ends = {*versions.steps(names)}
    wider = {*itertools.combinations(names, 2)} - ends
    compiled = accepted.of_compiled(entries, [item for atlas in atlases for item in atlas["entries"]])
    result = [
        entry
        for entry in entries
        if entry not in compiled
        or (entry.from_, entry.to) in wider
        or ((entry.from_, entry.to) not in ends and (not whole or "+" in entry.from_ + entry.to))
    ]
    for step in steps(atlases, compiled, changes):
        still = [entry for entry in compiled if (entry.from_, entry.to) == step.ends and entry not in step.unused]
        taken = [change for change in step.open_ if change.cause in reasons]
        left = [entry for entry in still if not any(entry.occurs_in(change) for change in taken)]
        result += [accepted.narrowed(entry, step.changes) for entry in left]
        result += [accepted.of_change(change, *step.ends, reasons[change.cause]) for change in taken]
    return result


def _changes(taken: Sequence[Step], markdown: bool, other_way: Sequence[Step] = ()) -> str:
    """One table of everything that got worse, worst first within each pair of releases; then of ``other_way``."""
    if not taken:
        return "one release was compiled, so nothing is compared"
    rows = []
    for step in taken:
        for change in step.changes:
            if change.kind == "worse":
                verdict = "worse" if change in step.open_ else "accepted"
                rows.append([" -> ".join(step.ends), verdict, change.label, change.target, change.what])
    for step in other_way:
        worse = [change for change in step.changes if change.kind == "worse"]
        rows += [[" -> ".join(step.ends), "back", change.label, change.target, change.what] for change in worse]
    if rows:
        return tables.render(["triton", "", "configuration", "target", "change"], rows, markdown=markdown)
    compared = sum(len(step.coverage.compared) for step in taken)
    return f"nothing got worse between consecutive releases; {compared} compared" if compared else NOTHING


def _not_compared(taken: Sequence[Step]) -> list[str]:
    """What is in one of two consecutive releases only or was not asked of one, and steps between two sources."""
    return [f"{' -> '.join(step.ends)}: {line}" for step in taken for line in step.coverage.lines(*step.ends)]


def _nothing_compared(taken: Sequence[Step], told: Told) -> int:
    """2 where several releases were asked and no configuration is compared; else 0."""
    return 2 if len(told.outcomes) > 1 and not any(step.coverage.compared for step in taken) else 0


def _status(taken: Sequence[Step], told: Told, entries: Sequence[dict[str, Any]]) -> int:
    status = 0
    for step in taken:
        if step.open_:
            print(f"{' -> '.join(step.ends)}: {len(step.open_)} worse and not in accepted.toml", file=sys.stderr)
            status = 1
        for line in compare.unused_lines(step.unused):
            print(line, file=sys.stderr)
            status = 1
    for outcome in told.outcomes:
        if outcome.remark:
            print(f"triton {outcome.release}: {outcome.remark}", file=sys.stderr)
    if status or told.failed or any(item["status"] == "error" for item in entries):
        return 1
    return _nothing_compared(taken, told)
