"""From the files of several runs to the tables of results/semantics.md: what changed, what interpreters get wrong."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ...base import tables, versions
from .. import dtypes
from ..compare import ROUNDING
from ..repairs import REPAIRS
from . import inputs
from .operations import Operation
from .run import SIZES, label, rows

REFUSED, NOT_RUN = "refused", "n/a"


@dataclass(frozen=True)
class Answer:
    """What one Triton made of a row.

    Attributes:
        type: of the result; REFUSED, or NOT_RUN where an interpreter cannot.
        values: fp64 or int64; None of a frontend's answer, and where there are none.
        reason: of what is refused or not run.
        repairs: what it went through.
    """

    type: str
    values: Any = None
    reason: str = ""
    repairs: tuple[str, ...] = ()

    def same(self, other: Answer) -> bool:
        """The same type and the same numbers; the sign of zero counts, which NaN it is does not."""
        if self.type != other.type or (self.values is None) != (other.values is None):
            return False
        return self.values is None or not _differing(self, other).any()

    def agrees(self, other: Answer) -> bool:
        """The same type, and numbers as near as rounding and a GPU's approximate functions leave them."""
        if self.type != other.type or self.values is None or other.values is None:
            return self.type == other.type
        part = ROUNDING.get(self.type, 0.0)
        a, b = self.values.astype(np.float64), other.values.astype(np.float64)
        with np.errstate(all="ignore"):
            near = np.abs(a - b) <= part * np.maximum(np.abs(a), np.abs(b))
        return bool((near | (a == b) | (np.isnan(a) & np.isnan(b))).all())


def _differing(one: Answer, other: Answer) -> Any:
    a, b = one.values, other.values
    if a.dtype != np.float64:
        return a != b
    with np.errstate(all="ignore"):
        return ~((a == b) & (np.signbit(a) == np.signbit(b)) | (np.isnan(a) & np.isnan(b)))


@dataclass(frozen=True)
class Run:
    """One file: a Triton at a level."""

    about: Mapping[str, Any]
    answers: Mapping[str, Answer]

    @property
    def triton(self) -> str:
        return str(self.about["triton"]).partition("+")[0]


@dataclass(frozen=True)
class Runs:
    """Every file, by level, oldest Triton first."""

    interpreters: tuple[Run, ...]
    as_is: tuple[Run, ...]
    frontends: tuple[Run, ...]
    devices: tuple[Run, ...]


@dataclass(frozen=True)
class Change:
    """A row that changed at a release."""

    operation: Operation
    dtype: str
    release: str
    before: Answer
    after: Answer


def read(paths: Iterable[Path]) -> Runs:
    """The files that ``--out`` wrote.

    Raises:
        ValueError: a file is none, or two are of the same Triton and level.
    """
    levels: dict[str, dict[str, Run]] = {"interpreter": {}, "as is": {}, "codegen": {}, "device": {}}
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            about = content["about"]
            level = "as is" if about["level"] == "interpreter" and not about["repaired"] else about["level"]
            run = Run(about, {name: _answer(row) for name, row in content["rows"].items()})
            place = levels[level]
        except (ValueError, KeyError, TypeError) as problem:
            raise ValueError(f"{path} is no file of this command's --out: {problem!r}") from None
        if run.triton in place:
            raise ValueError(f"{path} is of triton {run.triton} at level {level}, and so is another file")
        place[run.triton] = run
    ordered = {level: tuple(place[name] for name in sorted(place, key=versions.key)) for level, place in levels.items()}
    return Runs(ordered["interpreter"], ordered["as is"], ordered["codegen"], ordered["device"])


def _answer(row: Mapping[str, Any]) -> Answer:
    if "type" not in row:
        kind = REFUSED if "error" in row else NOT_RUN
        return Answer(kind, reason=str(row.get("error") or row["n/a"]))
    values = None
    if "values" in row:
        storage = np.float64 if row["type"].startswith(("fp", "bf")) else np.int64
        values = np.frombuffer(zlib.decompress(base64.b64decode(row["values"])), storage)
    return Answer(row["type"], values, repairs=tuple(row.get("repairs", ())))


def changes(runs: Runs) -> Iterator[Change]:
    """Every row that differs between a release's interpreter and the one before it."""
    for operation, dtype in rows():
        name = label(operation, dtype)
        for older, newer in zip(runs.interpreters, runs.interpreters[1:]):
            before, after = older.answers.get(name), newer.answers.get(name)
            if before is None or after is None or NOT_RUN in (before.type, after.type) or before.same(after):
                continue
            yield Change(operation, dtype, newer.triton, before, after)


def markdown(runs: Runs) -> str:
    """The whole generated part of the page."""
    all_changes = list(changes(runs))
    parts = [_coverage(runs), "## What changed", _changed(all_changes, runs)]
    parts += ["## What came and went", _came_and_went(all_changes)]
    if runs.as_is:
        parts += ["## What interpreters get wrong", _faults(runs)]
    if runs.devices:
        parts += ["## Where a repaired interpreter and the GPU still differ", _left(runs)]
    return "\n\n".join(parts)


def _coverage(runs: Runs) -> str:
    """What was asked, and how the levels agree."""
    shown = []
    for run in runs.interpreters:
        counts = [sum(test(each) for each in run.answers.values()) for test in (_computed, _refused, _not_run)]
        frontend = next((each for each in runs.frontends if each.triton == run.triton), None)
        device = next((each for each in runs.devices if each.triton == run.triton), None)
        shown.append([run.triton, *counts, _agreement(run, frontend), _agreement(run, device)])
    headings = ["Triton", "computed", "refused by the language", "n/a", "as its frontend", "as its GPU code"]
    return tables.render(headings, shown, markdown=True, labels=1)


def _computed(answer: Answer) -> bool:
    return answer.type not in (REFUSED, NOT_RUN)


def _refused(answer: Answer) -> bool:
    return answer.type == REFUSED


def _not_run(answer: Answer) -> bool:
    return answer.type == NOT_RUN


def _agreement(run: Run, other: Optional[Run]) -> str:
    """How many of the rows that both have agree, of those whose values are defined."""
    if other is None:
        return tables.DASH
    names = [label(*row) for row in rows() if not row[0].undefined]
    both = [(run.answers[name], other.answers[name]) for name in names if name in run.answers and name in other.answers]
    both = [(one, two) for one, two in both if NOT_RUN not in (one.type, two.type)]
    return f"{sum(one.agrees(two) for one, two in both):,} of {len(both):,}"


def _changed(all_changes: Sequence[Change], runs: Runs) -> str:
    """Operations that both releases take, and that give another type or other values."""
    kept = [
        each
        for each in all_changes
        if _computed(each.before) and _computed(each.after) and not each.operation.undefined
    ]
    groups: dict[tuple[str, str], dict[str, list[Change]]] = {}
    by_expression: dict[tuple[str, str], list[Change]] = {}
    for each in kept:
        by_expression.setdefault((each.release, each.operation.expression), []).append(each)
    for (release, expression), some in by_expression.items():
        groups.setdefault((release, _transitions(some)), {})[expression] = some
    shown = []
    for (release, transitions), expressions in sorted(groups.items(), key=lambda item: versions.key(item[0][0])):
        every = [each for some in expressions.values() for each in some]
        names = ", ".join(f"`{name}`" for name in expressions)
        shown.append([release, names, transitions, _example(every), _on_gpu(every, runs)])
    headings = ["from", "operation", "type of the result", "for example", "on the GPU"]
    return tables.render(headings, shown, markdown=True, labels=1)


def _transitions(some: Sequence[Change]) -> str:
    """Types of operands and of results: ``i8, u8: i32 -> its own``."""
    operands: dict[str, list[str]] = {}
    for each in some:
        asked = each.dtype if each.operation.second == "same" else f"{each.dtype} with {each.operation.second}"
        if each.before.type == each.after.type:
            what = f"{'its own' if each.after.type == each.dtype else each.after.type}, other values"
        else:
            what = f"{each.before.type} -> {'its own' if each.after.type == each.dtype else each.after.type}"
        if asked not in operands.setdefault(what, []):
            operands[what].append(asked)
    return "; ".join(f"{', '.join(asked)}: {what}" for what, asked in operands.items())


def _example(some: Sequence[Change]) -> str:
    """One element of one of the changes: operands, then what was and what is."""
    for each in some:
        if each.before.values is None or each.after.values is None:
            continue
        size = min(len(each.before.values), len(each.after.values), SIZES[each.operation.shape])
        a, b = each.before.values[:size], each.after.values[:size]
        with np.errstate(all="ignore"):
            differ = ~((a == b) & (np.signbit(a) == np.signbit(b)) | (np.isnan(a * 1.0) & np.isnan(b * 1.0)))
        if differ.any():
            at = int(np.argmax(differ))
            operands = _operands(each, at) if each.operation.shape == "pairs" else ""
            return f"`{each.operation.expression}`, {each.dtype}{operands}: {_number(a[at])} -> {_number(b[at])}"
    return ""


def _operands(change: Change, at: int) -> str:
    parts = []
    for place, name in enumerate("xyz"):
        if name in change.operation.expression.replace("tl.", "").replace("exp", "").replace("max", ""):
            second = change.dtype if change.operation.second == "same" or not place else change.operation.second
            dtype = dtypes.find(second)
            size = SIZES[change.operation.shape]
            value = dtypes.decode(inputs.values(change.operation.inputs, place, size, dtype)[at], dtype)
            parts.append(f"{name} = {_number(value)}")
    return f", {', '.join(parts)}" if parts else ""


def _number(value: Any) -> str:
    number = value.item()
    return f"{number:.6g}" if isinstance(number, float) else str(number)


def _on_gpu(some: Sequence[Change], runs: Runs) -> str:
    """Whether GPU code changes so too, of the two Tritons nearest to the release on each side."""
    at = versions.key(some[0].release)
    older = [run for run in runs.devices if versions.key(run.triton) < at]
    newer = [run for run in runs.devices if versions.key(run.triton) >= at]
    if not older or not newer:
        return tables.DASH
    votes = [_vote(each, older[-1], newer[0]) for each in some]
    known = [vote for vote in votes if vote is not None]
    if not known:
        return tables.DASH
    return f"{older[-1].triton} -> {newer[0].triton}: {sum(known)} of {len(known)}"


def _vote(change: Change, older: Run, newer: Run) -> Optional[bool]:
    name = label(change.operation, change.dtype)
    before, after = older.answers.get(name), newer.answers.get(name)
    if before is None or after is None:
        return None
    return change.before.agrees(before) and change.after.agrees(after)


def _came_and_went(all_changes: Sequence[Change]) -> str:
    """Operations that one of the two releases refuses."""
    types: dict[tuple[str, str, str, str], list[str]] = {}
    for each in all_changes:
        if _computed(each.before) == _computed(each.after):
            continue
        refused = not _computed(each.after)
        reason = each.after.reason.partition(": ")[2].partition(" for type")[0] if refused else ""
        key = (each.release, "refuses" if refused else "takes", each.operation.expression, _short(reason))
        types.setdefault(key, []).append(each.dtype)
    merged: dict[tuple[str, str, str, str], list[str]] = {}
    for (release, what, expression, reason), asked in types.items():
        of = ", ".join(dict.fromkeys(asked))
        merged.setdefault((release, what, of, reason), []).append(f"`{expression}`")
    shown = [
        [release, what, ", ".join(expressions), of, reason]
        for (release, what, of, reason), expressions in sorted(
            merged.items(), key=lambda item: versions.key(item[0][0])
        )
    ]
    return tables.render(["from", "the language", "operation", "of", "saying"], shown, markdown=True, labels=5)


def _short(reason: str) -> str:
    return reason if len(reason) <= 90 else f"{reason[:87]}..."


def _faults(runs: Runs) -> str:
    """Each repair: how many rows go through it and are otherwise as they are, and whether the GPU agrees."""
    shown = []
    for repair in REPAIRS:
        row = repair.row
        differing, where = [], []
        for run in runs.interpreters:
            plain = next((each for each in runs.as_is if each.triton == run.triton), None)
            if plain is None:
                continue
            names = [
                name
                for name, answer in run.answers.items()
                if row.name in answer.repairs and name in plain.answers and not plain.answers[name].same(answer)
            ]
            if names:
                where.append(run.triton)
                differing += [(run, name) for name in names]
        if differing:
            counts = [
                f"{sum(run.triton == at for run, _ in differing)} in {at}"
                for at in dict.fromkeys((where[0], where[-1]))
            ]
            shown.append([row.name, row.why, ", ".join(counts), _confirmed(differing, runs)])
    headings = ["repair", "what interpreters do", "operations", "the repaired one is as the GPU"]
    return tables.render(headings, shown, markdown=True, labels=2)


def _confirmed(differing: Sequence[tuple[Run, str]], runs: Runs) -> str:
    asked = agreed = 0
    for run, name in differing:
        device = next((each for each in runs.devices if each.triton == run.triton), None)
        if device is not None and name in device.answers and _computed(device.answers[name]):
            asked += 1
            agreed += run.answers[name].agrees(device.answers[name])
    return f"{agreed} of {asked}" if asked else tables.DASH


def _left(runs: Runs) -> str:
    """What the repaired interpreters and GPUs do not agree on, by operation."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for operation, dtype in rows():
        name = label(operation, dtype)
        if operation.undefined:
            continue
        for device in runs.devices:
            run = next((each for each in runs.interpreters if each.triton == device.triton), None)
            one, two = (each.answers.get(name) if each else None for each in (run, device))
            if one is None or two is None or one.type == NOT_RUN or one.agrees(two):
                continue
            groups.setdefault((operation.expression, dtype, _disagreement(one, two)), []).append(device.triton)
    shown = [[f"`{name}`", dtype, what, ", ".join(tritons)] for (name, dtype, what), tritons in groups.items()]
    return tables.render(["operation", "of", "interpreter, GPU", "Triton"], shown, markdown=True, labels=2)


def _disagreement(one: Answer, two: Answer) -> str:
    if one.type != two.type or one.values is None or two.values is None:
        return f"{one.type}, {two.type}{': ' + _short(two.reason) if two.reason else ''}"
    differ = _differing(one, two)
    at = int(np.argmax(differ))
    return f"{int(differ.sum())} elements: {_number(one.values[at])}, {_number(two.values[at])}"
