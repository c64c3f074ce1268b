"""The verb ``compare``: the codegen changes between two atlas files, worst first.

A codegen change is a risk, not a measured slow-down. ``worse`` means: new or more spills, lower occupancy, narrower
loads, new fp64 instructions, scratch memory where there was none, or no longer compiles. Everything else is ``info``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .codegen import record, table
from .codegen.adapters import version_key

_SPILLS = ("spill_stores", "spill_loads", "vgpr_spills", "sgpr_spills")
_OCCUPANCY = ("occupancy_warps", "waves_per_simd")
_SCRATCH = ("stack_bytes", "scratch_bytes")
_ACCEPTED_KEYS = ("kernel", "target", "from", "to", "reason")


@dataclass(frozen=True)
class Change:
    """One difference of one configuration between two releases.

    Attributes:
        kind: "worse" or "info".
        what: such as "spill_stores 158 -> 808".
        rank: sorts worse changes, worst first (higher is worse); (class of the change, its size).
    """

    kind: str
    label: str
    target: str
    what: str
    rank: tuple[int, float]

    @property
    def kernel(self) -> str:
        return self.label.partition("[")[0]


class AcceptedError(ValueError):
    """The file of accepted changes is not there or is malformed; one sentence."""


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Every change from one atlas file's content to another's, worst first. Configurations in only one are left out."""
    old = {item["id"]: item for item in before["entries"]}
    found: list[Change] = []
    for item in after["entries"]:
        if item["id"] in old:
            found += _of_entry(old[item["id"]], item)
    return sorted(found, key=lambda change: (change.kind != "worse", -change.rank[0], -change.rank[1], change.label))


def _of_entry(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    def change(kind: str, what: str, rank: tuple[int, float] = (0, 0)) -> Change:
        return Change(kind, new["label"], new["target"], what, rank)

    found = []
    settings = [
        f"{name} {old[part].get(name)} -> {new[part].get(name)}"
        for part in ("constexprs", "options")
        for name in sorted({*old[part], *new[part]})
        if old[part].get(name) != new[part].get(name)
    ]
    if settings:
        found.append(change("info", f"other settings: {', '.join(settings)}"))
    if old["status"] != new["status"]:
        if old["status"] == "ok":
            found.append(change("worse", f"no longer compiles: {new['reason']}", (9, 0)))
        else:
            found.append(change("info", f"was {old['status']}, is {new['status']}"))
    if old["status"] == new["status"] == "ok":
        worse = list(_worse(old["metrics"], new["metrics"]))
        found += [change("worse", what, rank) for what, rank in worse]
        rest = _differences(old["metrics"], new["metrics"], said=" ".join(what for what, _ in worse))
        if rest:
            found.append(change("info", rest))
    return found


def _worse(old: dict[str, Any], new: dict[str, Any]) -> Iterable[tuple[str, tuple[int, float]]]:
    """What got worse, with its rank: spills before scratch before occupancy before loads before fp64."""

    def both(name: str) -> str:
        return f"{name} {old[name]} -> {new[name]}"

    def more(names: Sequence[str]) -> list[str]:
        return [name for name in names if name in old and name in new and new[name] > old[name]]

    spills = more(_SPILLS)
    if spills:
        yield ", ".join(map(both, spills)), (8, sum(new[name] - old[name] for name in spills))
    scratch = [name for name in more(_SCRATCH) if old[name] == 0]
    if scratch:
        yield ", ".join(map(both, scratch)), (7, sum(new[name] for name in scratch))
    for name in _OCCUPANCY:
        if name in old and name in new and new[name] < old[name]:
            yield both(name), (6, 1 - new[name] / old[name])
    if _narrower(old, new):
        yield f"narrower loads: {both('global_loads')}, of 128 bit {both('global_loads_128').split(' ', 1)[1]}", (5, 0)
    if more(("fp64_instructions",)):
        yield both("fp64_instructions"), (4, new["fp64_instructions"] - old["fp64_instructions"])


def _narrower(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether more load instructions move less each: wide loads gave way to others, or all lost width."""
    if "global_loads" not in old or "global_loads" not in new:
        return False
    narrow_before = old["global_loads"] - old["global_loads_128"]
    narrow_after = new["global_loads"] - new["global_loads_128"]
    if new["global_loads_128"] < old["global_loads_128"]:
        return narrow_after > narrow_before
    if new["global_loads_128"] or old["global_loads_128"]:
        return False
    more_loads = new["global_loads"] > old["global_loads"]
    return more_loads and new["global_load_bits"] / new["global_loads"] < old["global_load_bits"] / old["global_loads"]


def _differences(old: dict[str, Any], new: dict[str, Any], said: str) -> str:
    """The metrics that differ and that ``said`` does not name already, on one line."""
    names = [name for name in new if name in old and old[name] != new[name] and name not in said.split()]
    return ", ".join(f"{name} {old[name]} -> {new[name]}" for name in names)


def read_accepted(path: Path) -> list[dict[str, str]]:
    """The accepted changes of a file.

    Raises:
        AcceptedError: it is not there, is not TOML, or an entry lacks a key.
    """
    try:
        import tomllib
    except ImportError:  # Python < 3.11
        import tomli as tomllib
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise AcceptedError(f"--accepted is {str(path)!r}; {problem.strerror}") from None
    except tomllib.TOMLDecodeError as problem:
        raise AcceptedError(f"--accepted is {str(path)!r}; it is not TOML: {problem}") from None
    entries = content.get("accepted", [])
    for number, entry in enumerate(entries, 1):
        for key in _ACCEPTED_KEYS:
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise AcceptedError(f"{path.name} entry {number} has {key} = {entry.get(key)!r}; allowed is some text")
    return entries


def judge(
    found: Sequence[Change], accepted: Sequence[dict[str, str]], from_: str, to: str
) -> tuple[list[Change], list[dict[str, str]]]:
    """The worse changes that no entry accepts, and the entries for exactly these releases that accept nothing.

    An entry names a kernel (all its configurations) or one label ("kernel[n_cols=512,fp32]"). It holds between its own
    two releases and for any wider pair around them.
    """
    around = [
        entry
        for entry in accepted
        if version_key(from_) <= version_key(entry["from"]) and version_key(entry["to"]) <= version_key(to)
    ]
    worse = [change for change in found if change.kind == "worse"]
    open_ = [change for change in worse if not any(_accepts(entry, change) for entry in around)]
    exactly = [entry for entry in around if (entry["from"], entry["to"]) == (from_, to)]
    unused = [entry for entry in exactly if not any(_accepts(entry, change) for change in worse)]
    return open_, unused


def _accepts(entry: dict[str, str], change: Change) -> bool:
    return entry["kernel"] in (change.kernel, change.label) and entry["target"] == change.target


def render(found: Sequence[Change], open_: Sequence[Change], markdown: bool = False) -> str:
    """A table of changes, worst first; a worse change that is accepted says so."""
    if not found:
        return "no codegen change"
    rows = []
    for change in found:
        kind = change.kind if change.kind == "info" or change in open_ else "accepted"
        rows.append([kind, change.label, change.target, change.what])
    return table.render(["", "configuration", "target", "change"], rows, markdown)


def unused_lines(unused: Sequence[dict[str, str]]) -> list[str]:
    """One sentence per accepted entry that no longer occurs."""
    return [
        f"accepted, but no longer occurs: {e['kernel']} {e['target']} from {e['from']} to {e['to']}; remove the entry"
        for e in unused
    ]


def main(argv: Optional[list[str]] = None) -> int:
    """Exit status 0: nothing got worse, or it is accepted. 1: something did, or an accepted entry is stale. 2: cannot ask."""
    parser = argparse.ArgumentParser(
        prog="python -m liger_kernel.matrix compare",
        description="The codegen changes from one atlas file to another, worst first.",
    )
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--accepted", type=Path, metavar="FILE", help="TOML of accepted changes; each with its reason")
    parser.add_argument("--worse", action="store_true", help="leave out what is only info")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args(argv)
    try:
        before, after = record.read(options.before), record.read(options.after)
        accepted = read_accepted(options.accepted) if options.accepted else []
    except (record.RecordError, AcceptedError) as problem:
        print(problem, file=sys.stderr)
        return 2
    found = changes(before, after)
    open_, unused = judge(found, accepted, before["triton"], after["triton"])
    shown = [change for change in found if change.kind == "worse"] if options.worse else found
    print(render(shown, open_, options.markdown))
    for line in unused_lines(unused):
        print(line, file=sys.stderr)
    return 1 if open_ or unused else 0
