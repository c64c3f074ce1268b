"""Verdicts of launches on a GPU: by Triton, against the Triton before it, the interpreters and the references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ...base import versions
from ...codegen import compare
from ...launches import naming
from ...launches.launch_list import Launched
from ...values import computing, entries, outcomes
from .beside import Beside
from .interpreted import Evidence, Interpreted
from .run import Found, Row, slower

NOT_COMPILED, NOT_LAUNCHED, WRONG = "does not compile", "does not launch", "wrong numbers"
SLOWER, WORSE, MOVED = "slower", "worse code", "optimum moved"
FAILING = (NOT_COMPILED, NOT_LAUNCHED, WRONG)
BAD = (*FAILING, SLOWER, MOVED)  # worse code that is no slower is a risk, and no failure


@dataclass
class Verdict:
    """What is wrong with a launch in a Triton: one of the kinds above, and what exactly.

    Attributes:
        change, since: what the accepted file knows it by, and from which release on; None where nothing accepts it.
        accepted: why it is lived with; "" where it is not.
    """

    kind: str
    what: str
    change: Optional[compare.Change] = None
    since: str = ""
    accepted: str = ""


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
        return self.counts and any(each.kind in BAD and not each.accepted for each in self.verdicts)


Table = dict[str, dict[str, Judged]]  # launch -> release -> judged


@dataclass(frozen=True)
class Held:
    """What launches are held against, besides the Tritons of the run.

    Attributes:
        evidence: what interpreters computed.
        references: launch -> what its reference says.
        beside: what other cells' launches wrote; None where no other cell counts.
        target: what the accepted file calls the GPU.
    """

    evidence: Evidence
    references: Mapping[str, outcomes.Outcome] = field(default_factory=dict)
    beside: Optional[Beside] = None
    target: str = ""


def judge(
    launches: Sequence[Launched], results: Found, python: str, held: Held, arrays: Path, target: str, folder: Path
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
    for label, rows in results.rows.items():
        table[label] = {release: Judged(row) for release, row in rows.items()}
        for release, judged in table[label].items():
            if judged.row.failed is None:
                judged.interpreted = held.evidence.of(label, release)
    _judge_values(called, table, python, held, arrays, folder)
    for label, rows_ in table.items():
        _judge_failures(called[label], rows_, held.target)
        for (before, old), (_, new) in _neighbours(rows_):
            _judge_code(called[label], target, old, new, before)
            _judge_times(old, new, before)
        for moved in results.varied[label].moved if label in results.varied else ():
            rows_[moved.after].verdicts.append(Verdict(MOVED, moved.sentence()))
    return table


def _neighbours(rows: Mapping[str, Judged]) -> list[tuple[tuple[str, Judged], tuple[str, Judged]]]:
    """Each column that runs a launch, with what it is compared with of those that do."""
    there = {release: judged for release, judged in rows.items() if judged.row.failed is None}
    return [((before, there[before]), (after, there[after])) for before, after in versions.steps(list(there))]


def _judge_failures(launch: Launched, rows: Mapping[str, Judged], target: str) -> None:
    ran = ""
    for number, (release, judged) in enumerate(rows.items()):
        failed = judged.row.failed
        if failed is None:
            ran = release
            continue
        kind, cause = (NOT_COMPILED, "compile") if failed.at == "compile" else (NOT_LAUNCHED, "run")
        what = str(failed).removeprefix(f"{NOT_COMPILED}: ")
        change = _change(launch, target, what, cause) if ran else None
        judged.verdicts.append(Verdict(kind, what, change, ran))
        later = any(other.row.failed is None for other in list(rows.values())[number + 1 :])
        judged.counts = bool(ran) or not later


def _change(
    launch: Launched, target: str, what: str, cause: str, worst: Optional[Mapping[str, float]] = None
) -> compare.Change:
    """A verdict as the accepted file knows it."""
    values = tuple(sorted((worst or {}).items()))
    return compare.Change("worse", launch.kernel, tuple(launch.settings), target, what, cause, values=values)


@dataclass(frozen=True)
class _Question:
    """A launch in a release, and what it is held against.

    Attributes:
        against: in words.
        since: the release that the accepted file takes it to differ from; "" where nothing accepts that it does.
        row, folder: of that side.
        older: the release of this run that is that side; "" where it is none.
        is_reference: whether a reference or an interpreter says it: what differs from that is wrong itself.
    """

    label: str
    release: str
    against: str
    since: str
    row: Mapping[str, Any]
    folder: Path
    older: str = ""
    is_reference: bool = False


def _judge_values(
    called: Mapping[str, Launched], table: Table, python: str, held: Held, arrays: Path, folder: Path
) -> None:
    """Compare each launch with all that it is held against; then say whose numbers are wrong."""
    questions = [each for label, rows in table.items() for each in _questions(called[label], rows, held, arrays)]
    asked = []
    for each in questions:
        new = table[each.label][each.release].row
        sides = {
            "before": {"row": dict(each.row), "folder": str(each.folder)},
            "after": {"row": new.values, "folder": str(arrays)},
        }
        asked.append({"launch": each.label, "reference": each.is_reference, "device": new.dots, **sides})
    changes = computing.pairs(python, asked, folder) if asked else []
    wrong = {
        (each.label, each.release)
        for each, change in zip(questions, changes)
        if each.is_reference and change.kind == "values"
    }
    for each, change in zip(questions, changes):
        if (each.label, each.older) in wrong:
            continue  # the older one's numbers are the wrong ones, and said to be
        _tell_values(called[each.label], table[each.label][each.release], each, change, held.target)


def _questions(launch: Launched, rows: Mapping[str, Judged], held: Held, arrays: Path) -> Iterator[_Question]:
    """What a launch is held against: its reference, an interpreter, the Triton before, other cells' Tritons."""
    label = launch.label
    reference = held.references.get(label)
    for release, judged in rows.items():
        if judged.row.failed is not None:
            continue
        if reference is not None and reference.status == "computed":
            judged.compared = True
            function = str(launch.asked.get("reference")).rpartition("/")[2]
            yield _Question(
                label, release, f"its reference {function}", "", reference.row, reference.folder, is_reference=True
            )
        elif reference is not None:
            judged.verdicts.append(Verdict(WRONG, str(reference.row["reason"])))
        if judged.interpreted is not None:
            judged.compared = True
            said = f"the interpreter of triton {judged.interpreted.release}"
            yield _Question(
                label, release, said, release, judged.interpreted.row, held.evidence.arrays, is_reference=True
            )
    there = _neighbours(rows)
    for (before, old), (after, new) in there:
        old.compared = new.compared = True
        if _written(old.row) != _written(new.row):
            yield _Question(label, after, f"triton {before}", before, old.row.values, arrays, before)
    yield from _beside(label, rows, held.beside, arrays)


def _beside(label: str, rows: Mapping[str, Judged], beside: Optional[Beside], arrays: Path) -> Iterator[_Question]:
    """The oldest Triton of this run against the one before it in another cell, the newest against the one after it."""
    plain = [(release, judged) for release, judged in rows.items() if release == versions.plain(release)]
    there = [(release, judged) for release, judged in plain if judged.row.failed is None]
    if beside is None or not there:
        return
    for (release, judged), other in (
        (there[0], beside.before(label, there[0][0])),
        (there[-1], beside.after(label, there[-1][0])),
    ):
        if other is not None:
            judged.compared = True
            if [each.get("digest") for each in other.row["storages"]] != _written(judged.row):
                said = f"triton {other.release} of cell {other.cell}"
                yield _Question(label, release, said, other.release, other.row, arrays)


def _tell_values(launch: Launched, judged: Judged, question: _Question, change: outcomes.Change, target: str) -> None:
    """Put a comparison where it belongs."""
    if change.kind != "values":
        if change.reason:
            judged.remarks.append(f"differs from {question.against} as rounding does")
        return
    if not judged.row.repeats:
        judged.remarks.append(f"not the same in two runs; against {question.against}: {change.reason}")
        return
    if any(each.kind == WRONG for each in judged.verdicts):
        return  # said already
    what = f"against {question.against}: {change.reason}"
    worst = entries.told(change, "", "")["worst"]
    known = _change(launch, target, what, "values", worst) if question.since else None
    judged.verdicts.append(Verdict(WRONG, what, known, question.since))


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
