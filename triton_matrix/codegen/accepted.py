"""The file of accepted codegen changes: what got worse between two releases, was looked at and is lived with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import files, versions

CAUSES = ("crash", "compile", "spills", "scratch", "occupancy", "loads", "fp64", "shared", "time")
NOT_EXACT = ("time",)  # may be there in one run and not in the next, so that an entry for it is never stale
_HEAD = """\
# Codegen changes that got worse from one Triton release to the next, and why that is accepted. `nox -s codegen` fails
# on one that is not listed here, and on one listed here that no longer occurs. docs/codegen.md says how to read them.
#
#   kernel   a kernel's name (all its configurations), a configuration's label, or a list of either
#   target   a target or a list of them
#   what     only this kind of change: crash, compile, spills, scratch, occupancy, loads, fp64, shared, time
#            (left out: any)
"""


class AcceptedError(ValueError):
    """The file is not there or is malformed; one sentence."""


@dataclass(frozen=True)
class Accepted:
    """One accepted change of one kernel (or one configuration of it) on one target; ``what`` "" means of any kind."""

    kernel: str
    target: str
    from_: str
    to: str
    what: str
    reason: str

    def covers(self, change: Any) -> bool:
        """Whether ``change`` (a compare.Change) is what this entry accepts, releases aside."""
        return (
            self.kernel in (change.kernel, change.label)
            and self.target == change.target
            and self.what in ("", change.cause)
        )

    def __str__(self) -> str:
        what = f" ({self.what})" if self.what else ""
        return f"{self.kernel} {self.target}{what} from {self.from_} to {self.to}"


def read(path: Path) -> list[Accepted]:
    """The entries of a file, one per kernel and target of each.

    Raises:
        AcceptedError: it is not there, is not TOML, or an entry lacks a key or has a bad value.
    """
    content = files.read_toml(path, "--accepted", AcceptedError)
    result = []
    for number, entry in enumerate(content.get("accepted", []), 1):
        where = f"{path.name} entry {number}"
        for key in entry:
            if key not in ("kernel", "target", "from", "to", "what", "reason"):
                raise AcceptedError(f"{where} has {key!r}; allowed are kernel, target, from, to, what, reason")
        for key in ("from", "to", "reason"):
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise AcceptedError(f"{where} has {key} = {entry.get(key)!r}; allowed is some text")
        what = entry.get("what", "")
        if what not in ("", *CAUSES):
            raise AcceptedError(f"{where} has what = {what!r}; allowed are {', '.join(CAUSES)}")
        for kernel in _texts(entry.get("kernel"), f"{where} has kernel"):
            for target in _texts(entry.get("target"), f"{where} has target"):
                result.append(Accepted(kernel, target, entry["from"], entry["to"], what, entry["reason"]))
    return result


def _texts(value: Any, where: str) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise AcceptedError(f"{where} = {value!r}; allowed is some text or a list of texts")
    return texts


def of_compiled(entries: Sequence[Accepted], compiled: Iterable[Mapping[str, Any]]) -> list[Accepted]:
    """The entries of the targets that ``compiled`` (an atlas's entries) has: of the others nothing can be said."""
    targets = {item["target"] for item in compiled}
    return [entry for entry in entries if entry.target in targets]


def judge(found: Iterable[Any], accepted: Sequence[Accepted], from_: str, to: str) -> tuple[list[Any], list[Accepted]]:
    """The worse changes that no entry covers, and the entries for exactly these releases that cover nothing.

    An entry holds between its own two releases and for any wider pair around them.

    Args:
        found: changes from ``from_`` to ``to`` (of compare.changes).
    """
    around = [
        entry
        for entry in accepted
        if versions.key(from_) <= versions.key(entry.from_) and versions.key(entry.to) <= versions.key(to)
    ]
    worse = [change for change in found if change.kind == "worse"]
    open_ = [change for change in worse if not any(entry.covers(change) for entry in around)]
    exactly = [entry for entry in around if (entry.from_, entry.to) == (from_, to) and entry.what not in NOT_EXACT]
    unused = [entry for entry in exactly if not any(entry.covers(change) for change in worse)]
    return open_, unused


def write(path: Path, entries: Sequence[Accepted]) -> None:
    """Write a file of entries, those that differ only in kernel or target under one another's roof."""
    merged: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for entry in entries:
        group = merged.setdefault((entry.from_, entry.to, entry.what, entry.reason), {})
        group.setdefault(entry.kernel, []).append(entry.target)
    blocks = [_HEAD]
    for from_, to, what, reason in sorted(merged, key=lambda key: (versions.key(key[0]), (*CAUSES, "").index(key[2]))):
        by_targets: dict[tuple[str, ...], list[str]] = {}
        for kernel, names in merged[from_, to, what, reason].items():
            by_targets.setdefault(tuple(sorted(set(names))), []).append(kernel)
        for names_of, kernels in by_targets.items():
            lines = ["[[accepted]]", f"kernel = {_toml(sorted(set(kernels)))}", f"target = {_toml(list(names_of))}"]
            lines += [f'from = "{from_}"', f'to = "{to}"', *([f'what = "{what}"'] if what else [])]
            lines.append(f"reason = {json.dumps(reason, ensure_ascii=False)}")
            blocks.append("\n".join(lines) + "\n")
    files.write_text(path, "\n".join(blocks))


def _toml(texts: list[str]) -> str:
    """One text, or a list of them on lines of their own; JSON strings are TOML strings."""
    if len(texts) == 1:
        return json.dumps(texts[0])
    return "[\n" + "".join(f"    {json.dumps(text)},\n" for text in texts) + "]"
