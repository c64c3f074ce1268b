"""Verdicts of launches on a GPU: by Triton, against the Triton before it and against the interpreters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ...codegen import compare
from ...launches import naming
from ...launches.launch_list import Launched
from ...values import computing
from ...values.outcomes import Change
from .interpreted import Evidence, Interpreted
from .run import Found, Row, slower

NOT_COMPILED, NOT_LAUNCHED, WRONG = "does not compile", "does not launch", "wrong numbers"
SLOWER, WORSE, MOVED = "slower", "worse code", "optimum moved"
FAILING = (NOT_COMPILED, NOT_LAUNCHED, WRONG)
BAD = (*FAILING, SLOWER, MOVED)  # worse code that is no slower is a risk, and no failure


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a launch in a Triton: one of the kinds above, and what exactly."""

    kind: str
    what: str


@dataclass
class Judged:
    """A launch in a Triton.

    Attributes:
        verdicts: none where nothing is wrong.
        remarks: what a reader should know and is no verdict.
        counts: whether what is wrong is a failure: that an older Triton cannot run what a newer one can is none.
        interpreted: what it is held against; None where no interpreter has it.
        compared: whether its values were compared with anything.
    """

    row: Row
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    counts: bool = True
    interpreted: Optional[Interpreted] = None
    compared: bool = False

    @property
    def is_bad(self) -> bool:
        """Whether it makes the run fail."""
        return self.counts and any(each.kind in BAD for each in self.verdicts)


Table = dict[str, dict[str, Judged]]  # launch -> release -> judged


def judge(
    launches: Sequence[Launched], found: Found, python: str, evidence: Evidence, arrays: Path, target: str, folder: Path
) -> Table:
    """Every launch that ran, in every release.

    Args:
        python: one that has numpy; it compares.
        arrays: where lies what was written on the GPU.
        target: what the GPU is.
        folder: for the files of comparing.
    """
    called = {launch.label: launch for launch in launches}
    table: Table = {}
    for label, rows in found.rows.items():
        table[label] = {release: Judged(row) for release, row in rows.items()}
        for release, judged in table[label].items():
            if judged.row.failed is None:
                judged.interpreted = evidence.of(label, release)
    _judge_values(table, python, evidence.arrays, arrays, folder)
    for label, rows_ in table.items():
        _judge_failures(rows_)
        for (before, old), (_, new) in _neighbours(rows_):
            _judge_code(called[label], target, old, new, before)
            _judge_times(old, new, before)
        for moved in found.varied[label].moved if label in found.varied else ():
            rows_[moved.after].verdicts.append(Verdict(MOVED, moved.sentence()))
    return table


def _neighbours(rows: Mapping[str, Judged]) -> list[tuple[tuple[str, Judged], tuple[str, Judged]]]:
    """Each release that runs a launch, with the one before it that does."""
    there = [(release, judged) for release, judged in rows.items() if judged.row.failed is None]
    return list(zip(there, there[1:]))


def _judge_failures(rows: Mapping[str, Judged]) -> None:
    ran = False
    for number, judged in enumerate(rows.values()):
        failed = judged.row.failed
        if failed is None:
            ran = True
            continue
        kind = NOT_COMPILED if failed.at == "compile" else NOT_LAUNCHED
        judged.verdicts.append(Verdict(kind, str(failed).removeprefix(f"{NOT_COMPILED}: ")))
        later = any(other.row.failed is None for other in list(rows.values())[number + 1 :])
        judged.counts = ran or not later


def _judge_values(table: Table, python: str, interpreters: Path, arrays: Path, folder: Path) -> None:
    """Compare each launch with the Triton before it, and with an interpreter; then say whose numbers are wrong."""
    asked: list[dict[str, Any]] = []
    of: list[tuple[str, str, str]] = []  # launch, release, the release before it or "" for the interpreter

    def ask(label: str, release: str, before: str, old: Mapping[str, Any], where: Path) -> None:
        new = table[label][release].row
        sides = {
            "before": {"row": dict(old), "folder": str(where)},
            "after": {"row": new.values, "folder": str(arrays)},
        }
        asked.append({"launch": label, "reference": not before, "device": new.dots, **sides})
        of.append((label, release, before))

    for label, rows in table.items():
        for release, judged in rows.items():
            if judged.interpreted is not None:
                ask(label, release, "", judged.interpreted.row, interpreters)
                judged.compared = True
        for (before, old), (after, new) in _neighbours(rows):
            old.compared = new.compared = True
            if _written(old.row) != _written(new.row):
                ask(label, after, before, old.row.values, arrays)
    changes = computing.pairs(python, asked, folder) if asked else []
    said = dict(zip(of, changes))
    for (label, release, before), change in said.items():
        _tell_values(table[label], release, before, change, said.get((label, before, "")) if before else None)


def _tell_values(
    rows: Mapping[str, Judged], release: str, before: str, change: Change, of_older: Optional[Change]
) -> None:
    """Put a comparison where it belongs.

    Args:
        of_older: the older release against its interpreter, where there is one.
    """
    judged = rows[release]
    against = f"triton {before}" if before else f"the interpreter of triton {judged.interpreted.release}"  # type: ignore[union-attr]
    if change.kind != "values":
        if change.reason:
            judged.remarks.append(f"differs from {against} as rounding does")
        return
    if not judged.row.repeats:
        judged.remarks.append(f"not the same in two runs; against {against}: {change.reason}")
        return
    if before and of_older is not None and of_older.kind == "values":
        return  # the older one's numbers are the wrong ones, and said to be
    if before and any(each.kind == WRONG for each in judged.verdicts):
        return  # said already, by an interpreter
    judged.verdicts.append(Verdict(WRONG, f"against {against}: {change.reason}"))


def _written(row: Row) -> list[Any]:
    return [each.get("digest") for each in row.values["storages"]]


def _judge_code(launch: Launched, target: str, old: Judged, new: Judged, before: str) -> None:
    sides = [{"entries": [_compiled(launch, target, each.row)]} for each in (old, new)]
    worse = [change.what for change in compare.changes(*sides) if change.kind == "worse"]
    if worse:
        new.verdicts.append(Verdict(WORSE, f"than triton {before}: {'; '.join(worse)}"))


def _compiled(launch: Launched, target: str, row: Row) -> dict[str, Any]:
    """As comparing compiled code takes it."""
    about: dict[str, Any] = {"id": naming.identifier(launch.label, target), "kernel": launch.kernel, "target": target}
    about |= {"settings": list(launch.settings), "constexprs": {}, "options": {}}
    return {**about, "status": "ok", "metrics": row.metrics, "cpu_seconds": 0.0}


def _judge_times(old: Judged, new: Judged, before: str) -> None:
    first, again = slower(old.row.times, new.row.times), slower(old.row.again, new.row.again)
    if first is None:
        return
    if again is None:
        new.remarks.append(f"looked slower than triton {before} once, not when measured again")
        return
    assert old.row.again is not None
    assert new.row.again is not None
    pair = f"{new.row.again.median * 1e6:.1f} us, was {old.row.again.median * 1e6:.1f}"
    limit = max(again.limit or 0, first.limit or 0)
    what = f"{1 + again.slowdown:.2f} x triton {before} ({pair}; beyond {limit:.1%}), measured twice"
    new.verdicts.append(Verdict(SLOWER, what))
