"""What a run over releases says at its end, and the exit status that follows from it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..base import files, tables
from ..codegen import accepted, compare, reasons, table
from ..codegen.accepted import Accepted


@dataclass(frozen=True)
class Outcome:
    """How one release went.

    Attributes:
        path: its atlas file, there unless ``problem`` says otherwise.
        compiled: configurations that had to be compiled; the others were kept from an earlier run.
        problem: one sentence when there is no atlas file.
        unavailable: this machine cannot provide the release.
        remark: what the release printed on its error stream.
    """

    release: str
    path: Path
    compiled: int = 0
    problem: str = ""
    unavailable: bool = False
    remark: str = ""


def report_atlas(
    outcomes: Sequence[Outcome],
    atlases: Sequence[dict[str, Any]],
    entries: Sequence[Accepted],
    seconds: float,
    markdown: bool,
    summary: Optional[Path],
    known: Sequence[str],
) -> int:
    """Print the overview, reasons, and what got worse between consecutive releases; in Markdown to ``summary`` too."""
    judged = [(before, after, *_judge(before, after, entries)) for before, after in itertools.pairwise(atlases)]
    why = reasons.grouped(atlases, known, ("error", "warning"))
    print(table.overview(atlases, markdown))
    print(
        "".join(
            f"\n{each}\n"
            for each in (reasons.render(why, len(atlases) > 1, markdown), _changes(judged, markdown))
            if each
        )
    )
    total = sum(len(atlas["entries"]) for atlas in atlases)
    fresh = sum(outcome.compiled for outcome in outcomes)
    print(f"\n{total} configurations in {len(atlases)} releases, {fresh} compiled now, {seconds:.1f} s")
    missing = [outcome.release for outcome in outcomes if outcome.unavailable]
    if missing:
        print(f"unavailable and not counted: {', '.join(missing)}")
    if summary:
        of = f"Of commit {atlases[-1].get('commit') or 'unknown'}, {atlases[-1].get('date')}."
        text = ["# What each Triton release makes of the kernels", "", of, "", table.overview(atlases, True), ""]
        text += ["## What does not compile", "", reasons.render(why, len(atlases) > 1, True), ""] if why else []
        text += ["## What got worse between consecutive releases", "", _changes(judged, True), ""]
        files.write_text(summary, "\n".join(text))
    return _status(judged, [item for atlas in atlases for item in atlas["entries"]], outcomes)


def report_pair(before: dict[str, Any], after: dict[str, Any], entries: Sequence[Accepted], markdown: bool) -> int:
    """Print every change from one release to another.

    Raises:
        ValueError: nothing compiled in both.
    """
    errors = reasons.grouped([after], [after["triton"]], ["error"])
    if errors:
        print(reasons.render(errors, True, markdown))
    aside = compare.beside(before, after)
    found, open_, unused = _judge(before, after, entries)
    print("\n".join([compare.render(found, open_, markdown), *aside]))
    for line in compare.unused_lines(unused):
        print(line, file=sys.stderr)
    return 1 if open_ or unused or errors else 0


def report_spec(
    atlases: Sequence[dict[str, Any]], markdown: bool, known: Sequence[str], failed: Sequence[Outcome] = ()
) -> int:
    """Print a spec's metrics, the releases of each configuration under one another, and what got worse."""
    print(table.by_release(atlases, known, markdown))
    for outcome in failed:
        print(f"error: triton {outcome.release}: {outcome.problem}")
    broken = any(item["status"] == "error" for atlas in atlases for item in atlas["entries"])
    judged = [(before, after, *_judge(before, after, ())) for before, after in itertools.pairwise(atlases)]
    worse = any(change.kind == "worse" for _, _, found, _, _ in judged for change in found)
    if judged and (worse or not (broken or failed)):  # beside a failure, that nothing else got worse is no good news
        print()
        print(_changes(judged, markdown))
    return 1 if broken else 0


def tell(outcomes: Sequence[Outcome], failed: Sequence[Outcome], status: int) -> int:
    """Say on the error stream which releases have no answer; the exit status with that: 1 where one of them counts."""
    for outcome in outcomes:
        if outcome.problem:
            print(f"codegen: triton {outcome.release}: {outcome.problem}", file=sys.stderr)
    return max(status, 1) if failed else status


def accept(
    atlases: Sequence[dict[str, Any]], entries: Sequence[Accepted], reasons: dict[str, str], whole: bool
) -> list[Accepted]:
    """The entries that still occur between consecutive releases, and new ones for what is left of the given causes.

    Args:
        whole: whether ``atlases`` are all releases. Otherwise entries of the steps that were not asked stay; those of
            targets that were not compiled always do.
    """
    steps = {(before["triton"], after["triton"]) for before, after in itertools.pairwise(atlases)}
    compiled = accepted.of_compiled(entries, [item for atlas in atlases for item in atlas["entries"]])
    result = [
        entry for entry in entries if entry not in compiled or ((entry.from_, entry.to) not in steps and not whole)
    ]
    for before, after in itertools.pairwise(atlases):
        step = (before["triton"], after["triton"])
        _, open_, unused = _judge(before, after, compiled)
        result += [entry for entry in compiled if (entry.from_, entry.to) == step and entry not in unused]
        for change in open_:
            if change.cause in reasons:
                result.append(Accepted(change.label, change.target, *step, change.cause, reasons[change.cause]))
    return result


def _judge(before: dict[str, Any], after: dict[str, Any], entries: Sequence[Accepted]) -> tuple[Any, Any, Any]:
    found = compare.changes(before, after)
    return (found, *accepted.judge(found, entries, before["triton"], after["triton"]))


def _changes(judged: Sequence[Any], markdown: bool) -> str:
    """One table of everything that got worse, worst first within each pair of releases."""
    if not judged:
        return "one release was compiled, so nothing is compared"
    rows = []
    for before, after, found, open_, _ in judged:
        for change in found:
            if change.kind == "worse":
                step = f"{before['triton']} -> {after['triton']}"
                verdict = "worse" if change in open_ else "accepted"
                rows.append([step, verdict, change.label, change.target, change.what])
    if not rows:
        return "nothing got worse between consecutive releases"
    return tables.render(["triton", "", "configuration", "target", "change"], rows, markdown=markdown)


def _status(judged: Sequence[Any], entries: Sequence[dict[str, Any]], outcomes: Sequence[Outcome]) -> int:
    """1 when something is worse and not accepted, an accepted entry is stale, or something does not compile."""
    status = 0
    for before, after, _, open_, unused in judged:
        if open_:
            step = f"{before['triton']} -> {after['triton']}"
            print(f"{step}: {len(open_)} worse and not in accepted.toml", file=sys.stderr)
            status = 1
        for line in compare.unused_lines(unused):
            print(line, file=sys.stderr)
            status = 1
    for outcome in outcomes:
        if outcome.remark:
            print(f"triton {outcome.release}: {outcome.remark}", file=sys.stderr)
    return 1 if any(item["status"] == "error" for item in entries) else status
