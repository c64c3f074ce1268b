"""The file of accepted codegen changes: what got worse between two releases, was looked at and is lived with.

Entries are grouped by what got worse and why that is lived with. A group keeps the worst value of each metric that was
accepted: beyond it a change is open again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base import display_text, files, versions
from ..launches import naming
from . import metrics

_WORSE_CODE = ("dot", "spills", "scratch", "occupancy", "loads", "fp64", "shared", "time")
CAUSES = ("crash", "compile", "run", "values", *_WORSE_CODE)
WITHOUT_VALUE = ("crash", "compile", "run")  # nothing is worse
NOT_EXACT = ("time",)  # may be there in one run and not in the next, so that an entry for it is never stale
OF_VALUES = ("absolute", "differing")  # the largest difference, and of how many elements
TIMES = "times"  # how much longer a compilation takes, in times of before
_HEAD = """\
# What got worse from one Triton release to the next, and why that is accepted. `nox -s codegen` and `values` fail on
# one that is not listed here, on one that is worse than it was when it was accepted, and on a line that no longer
# occurs. docs/codegen.md says how to read this; `nox -s codegen -- --accept CAUSE=REASON` writes it.
#
#   what     crash, compile, run, values, dot, spills, scratch, occupancy, loads, fp64, shared, time
#   worst    the worst value of each metric that is accepted in this group
#   below    module:kernel, then "FROM -> TO on TARGET ..." = the configurations
"""


class AcceptedError(ValueError):
    """The file is not there or is malformed; one sentence."""


@dataclass(frozen=True)
class Accepted:
    """One accepted change of one configuration on one target between two releases.

    Attributes:
        kernel: ``module:function``.
        settings: what tells the configuration from the kernel's others, as its label has it; "" where there is nothing.
        worst: metric -> the worst value that is accepted.
    """

    kernel: str
    settings: str
    target: str
    from_: str
    to: str
    what: str
    reason: str
    worst: tuple[tuple[str, float], ...] = ()

    @property
    def place(self) -> tuple[str, ...]:
        """What is accepted, and where: without how bad it may be, and why."""
        return self.kernel, self.settings, self.target, self.from_, self.to, self.what

    def occurs_in(self, change: Any) -> bool:
        """Whether ``change`` (a compare.Change) is the one that was accepted, whatever its size; releases aside."""
        of = (change.kernel, ",".join(change.settings), change.target, change.cause)
        return of == (self.kernel, self.settings, self.target, self.what)

    def covers(self, change: Any) -> bool:
        """Whether ``change`` is what this entry accepts, and no worse."""
        worst = dict(self.worst)
        return self.occurs_in(change) and all(
            name in worst and not _is_worse(name, value, worst[name]) for name, value in change.values
        )

    def __str__(self) -> str:
        label = naming.label(self.kernel, [self.settings] if self.settings else [])
        return f"{naming.identifier(label, self.target)} ({self.what}) from {self.from_} to {self.to}"


def _is_worse(name: str, value: float, than: float) -> bool:
    if name in metrics.LESS_IS_WORSE:
        return value < than
    return value > than * (metrics.MUCH_LONGER if name == TIMES else 1)


def read(path: Path) -> list[Accepted]:
    """The entries of a file, one for each configuration, target and step of each group.

    Raises:
        AcceptedError: it is not there, is not TOML, or a group lacks a key or has a bad value.
    """
    content = files.read_toml(path, "--accepted", AcceptedError)
    for key in content:
        if key != "accepted":
            raise AcceptedError(f"{path.name} has {key!r}; allowed are groups, [[accepted]]")
    result: dict[tuple[str, ...], Accepted] = {}
    for number, group in enumerate(content.get("accepted", []), 1):
        for entry in _of_group(group, f"{path.name} group {number}"):
            if entry.place in result:
                raise AcceptedError(f"{path.name} group {number} accepts {entry}, which it or one before it accepts")
            result[entry.place] = entry
    return list(result.values())


def _of_group(group: Any, where: str) -> list[Accepted]:
    if not isinstance(group, dict):
        raise AcceptedError(f"{where} is {group!r}; allowed is a table")
    what, reason, worst = group.get("what"), group.get("reason"), group.get("worst", {})
    if what not in CAUSES:
        raise AcceptedError(f"{where} has what = {what!r}; allowed are {', '.join(CAUSES)}")
    if not isinstance(reason, str) or not reason:
        raise AcceptedError(f"{where} has reason = {reason!r}; allowed is some text")
    if not isinstance(worst, dict) or (not worst and what not in WITHOUT_VALUE):
        raise AcceptedError(f"{where} has worst = {worst!r}; allowed is the worst accepted value of each metric")
    for name, value in worst.items():
        if name not in (*metrics.BY_NAME, *OF_VALUES, TIMES) or type(value) not in (int, float):
            raise AcceptedError(f"{where} has worst.{name} = {value!r}; allowed are numbers, of metrics")
    values = tuple(sorted(worst.items()))
    result = []
    for kernel, steps in group.items():
        if kernel in ("what", "reason", "worst"):
            continue
        if ":" not in kernel or not isinstance(steps, dict):
            raise AcceptedError(f"{where} has {kernel!r}; allowed are what, reason, worst, and tables 'module:kernel'")
        for step, configurations in steps.items():
            from_, to, targets = _step(step, f"{where} has {kernel}")
            if not isinstance(configurations, list) or not all(isinstance(each, str) for each in configurations):
                raise AcceptedError(f"{where} has {kernel}, {step} = {configurations!r}; allowed is a list of texts")
            for settings in configurations:
                result += [Accepted(kernel, settings, each, from_, to, what, reason, values) for each in targets]
    return result


def _step(said: str, where: str) -> tuple[str, str, list[str]]:
    words = said.split()
    if len(words) < 5 or (words[1], words[3]) != ("->", "on"):
        raise AcceptedError(f"{where}, {said!r}; allowed is 'FROM -> TO on TARGET ...'")
    return words[0], words[2], words[4:]


def reasons_of(given: list[str]) -> dict[str, str]:
    """--accept options by cause; raises ValueError for one that is not CAUSE=REASON."""
    reasons = {}
    for item in given:
        cause, _, reason = item.partition("=")
        if cause not in CAUSES or not reason.strip():
            raise ValueError(f"--accept is {item!r}; allowed is CAUSE=REASON, cause one of {', '.join(CAUSES)}")
        reasons[cause] = reason.strip()
    return reasons


def of_compiled(entries: Sequence[Accepted], compiled: Iterable[Mapping[str, Any]]) -> list[Accepted]:
    """The entries of the targets that ``compiled`` (an atlas's entries) has: of the others nothing can be said."""
    targets = {item["target"] for item in compiled}
    return [entry for entry in entries if entry.target in targets]


def judge(
    changes: Iterable[Any], accepted: Sequence[Accepted], from_: str, to: str
) -> tuple[list[Any], list[Accepted]]:
    """The worse changes that no entry covers, and the entries for exactly these releases that do not occur.

    An entry holds between its own two releases and for any wider pair around them; one for what is derived from a
    release, such as a variant, for its own two alone.

    Args:
        changes: changes from ``from_`` to ``to`` (of compare.changes).
    """
    around = [entry for entry in accepted if _is_around(entry, from_, to)]
    worse = [change for change in changes if change.kind == "worse"]
    open_ = [change for change in worse if not any(entry.covers(change) for entry in around)]
    exactly = [entry for entry in around if (entry.from_, entry.to) == (from_, to) and entry.what not in NOT_EXACT]
    unused = [entry for entry in exactly if not any(entry.occurs_in(change) for change in worse)]
    return open_, unused


def _is_around(entry: Accepted, from_: str, to: str) -> bool:
    if any("+" in name for name in (entry.from_, entry.to, from_, to)):
        return (entry.from_, entry.to) == (from_, to)
    return bool(versions.key(from_) <= versions.key(entry.from_) and versions.key(entry.to) <= versions.key(to))


def of_change(change: Any, from_: str, to: str, reason: str) -> Accepted:
    """The entry that accepts a change as it is."""
    settings = ",".join(change.settings)
    return Accepted(change.kernel, settings, change.target, from_, to, change.cause, reason, change.values)


def narrowed(entry: Accepted, changes: Iterable[Any]) -> Accepted:
    """The entry with the values that occur now, where they are not worse than those that were accepted."""
    now = next((change for change in changes if change.kind == "worse" and entry.covers(change)), None)
    return replace(entry, worst=now.values) if now is not None and entry.what not in NOT_EXACT else entry


def write(path: Path, entries: Sequence[Accepted]) -> None:
    """Write a file of entries, in groups of one cause and reason, each with the worst values of its entries."""
    groups: dict[tuple[str, str], list[Accepted]] = {}
    for entry in entries:
        groups.setdefault((entry.what, entry.reason), []).append(entry)
    blocks = [_HEAD]
    for (what, reason), alike in sorted(groups.items(), key=lambda item: CAUSES.index(item[0][0])):
        lines = ["[[accepted]]", f'what = "{what}"', f"reason = {_toml(reason)}"]
        worst = _worst(alike)
        if worst:
            lines.append(f"worst = {{ {', '.join(f'{name} = {value}' for name, value in worst.items())} }}")
        for kernel in sorted({entry.kernel for entry in alike}):
            lines += [f"[accepted.{_toml(kernel)}]", *_lines([entry for entry in alike if entry.kernel == kernel])]
        blocks.append("\n".join(lines) + "\n")
    files.write_text(path, "\n".join(blocks))


def _worst(entries: Sequence[Accepted]) -> dict[str, float]:
    extremes: dict[str, float] = {}
    for name, value in (each for entry in entries for each in entry.worst):
        worse: Any = min if name in metrics.LESS_IS_WORSE else max
        extremes[name] = worse(extremes.get(name, value), value)
    return dict(sorted(extremes.items()))


def _lines(entries: Sequence[Accepted]) -> list[str]:
    """A line for each step: its targets with the same configurations, and these."""
    by_target: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        by_target.setdefault((entry.from_, entry.to, entry.target), []).append(entry.settings)
    lines: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (from_, to, target), settings in by_target.items():
        lines.setdefault((from_, to, tuple(sorted(set(settings), key=display_text.natural))), []).append(target)
    ordered = sorted(lines.items(), key=lambda item: (versions.key(item[0][0]), versions.key(item[0][1]), item[1]))
    return [
        f"{_toml(f'{from_} -> {to} on {chr(32).join(sorted(targets))}')} = [{', '.join(map(_toml, settings))}]"
        for (from_, to, settings), targets in ordered
    ]


def _toml(value: str) -> str:
    """JSON strings are TOML strings."""
    return json.dumps(value, ensure_ascii=False)
