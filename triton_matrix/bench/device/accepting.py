"""The accepted file at level device: what is wrong with launches on a GPU, was looked at and is lived with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...codegen import accepted
from ...codegen.accepted import Accepted
from .judging import Table, Verdict

Steps = dict[tuple[str, str], list[Verdict]]  # from, to -> what got worse


def target_of(gpu: str) -> str:
    """What the file calls a GPU on which launches ran: beside it, the same target is one that is compiled for."""
    return f"device@{gpu}"


def mark(table: Table, entries: Sequence[Accepted], target: str) -> list[Accepted]:
    """Mark the verdicts that are accepted; gives the entries for steps of this run that no longer occur."""
    of_target = [entry for entry in entries if entry.target == target]
    unused: list[Accepted] = []
    for step, verdicts in _steps(table).items():
        for each in verdicts:
            covering = [entry for entry in of_target if not accepted.judge([each.change], [entry], *step)[0]]
            each.accepted = covering[0].reason if covering else ""
        unused += accepted.judge([each.change for each in verdicts], of_target, *step)[1]
    return unused


def accept(
    table: Table, entries: Sequence[Accepted], unused: Sequence[Accepted], reasons: Mapping[str, str]
) -> list[Accepted]:
    """The entries that still occur, and new ones for what is wrong and not accepted, of the causes in ``reasons``."""
    new = [
        accepted.of_change(each.change, *step, reasons[each.change.cause])
        for step, verdicts in _steps(table).items()
        for each in verdicts
        if each.change is not None and not each.accepted and each.change.cause in reasons
    ]
    again = {each.place for each in new}
    return [*(each for each in entries if each not in unused and each.place not in again), *new]


def _steps(table: Table) -> Steps:
    """The verdicts that could be accepted, by the releases between which they stand; those of this run without any."""
    steps: Steps = {}
    for rows in table.values():
        there = [release for release, judged in rows.items() if judged.row.failed is None]
        for step in zip(there, there[1:]):
            steps.setdefault(step, [])
        for release, judged in rows.items():
            for each in _of(judged.verdicts):
                steps.setdefault((each.since, release), []).append(each)
    return steps


def _of(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    return (each for each in verdicts if each.change is not None)
