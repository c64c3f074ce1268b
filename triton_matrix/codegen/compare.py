"""The verb ``compare``: the codegen changes between two atlas files, worst first.

A codegen change is a risk, not a measured slow-down. ``worse`` means: the compiler crashes or refuses, a dot that runs
on slower units, new or more spills, lower occupancy, narrower loads, new fp64 instructions, scratch memory where there
was none, more shared memory than some listed target of the family allows a block, or a compilation of twice the CPU
time. All else is ``info``.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, display_text, tables, targets
from ..evidence import atlas_file
from ..launches import naming
from . import accepted, metrics, occupancy
from .accepted import Accepted
from .cache import code_digest

Values = tuple[tuple[str, float], ...]
LISTED, LISTED_ALIKE = 8, 3  # ids named in a sentence; the count is always the full one

# what :func:`_worse` looks at
JUDGED = {"global_loads", "global_loads_128"}
JUDGED |= {
    name for role in ("spills", "scratch", "occupancy", "fp64", "shared", "matrix") for name in metrics.of_role(role)
}


@dataclass(frozen=True)
class Change:
    """One difference of one configuration between two releases.

    Attributes:
        kind: "worse" or "info".
        kernel, settings: of the configuration, as an atlas file has them.
        cause: one of accepted.CAUSES, worst first; "" for info.
        what: such as "spill_stores 158 -> 808".
        size: how much worse, among changes with the same cause.
        values: what it came to, metric by metric: what accepting it accepts.
    """

    kind: str
    kernel: str
    settings: tuple[str, ...]
    target: str
    what: str
    cause: str = ""
    size: float = 0
    values: tuple[tuple[str, float], ...] = ()

    @property
    def label(self) -> str:
        return naming.label(self.kernel, self.settings)

    @property
    def id(self) -> str:
        return naming.identifier(self.label, self.target)


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Every change from one atlas file's content to another's, worst first. Configurations in only one are left out."""
    old = {item["id"]: item for item in before["entries"]}
    all_changes: list[Change] = []
    for item in after["entries"]:
        if item["id"] in old:
            all_changes += _of_entry(old[item["id"]], item)
    order = (*accepted.CAUSES, "")
    return sorted(all_changes, key=lambda change: (order.index(change.cause), -change.size, change.label))


@dataclass(frozen=True)
class Coverage:
    """How much of two atlas files :func:`changes` can compare, by ids of configurations.

    Attributes:
        compared: what compiled in the first, or does not compile there and did in the second.
        before_only, after_only: what is in one file only.
        broken: what does not compile in either.
        not_asked: what is left: it is n/a in one of them or in both.
        unknown: which metrics that may be worse (and the release) are known in one of the two only -> of what.
        reasons: why what is in both and not compared is not.
    """

    compared: list[str]
    before_only: list[str]
    after_only: list[str]
    broken: list[str]
    not_asked: list[str]
    unknown: dict[tuple[str, str], list[str]]
    reasons: list[str]

    def lines(self, before: str, after: str) -> list[str]:
        """What is not compared, a sentence a kind.

        Args:
            before, after: what the two files are called.
        """
        kinds = [
            (f"in {before} only, and not compared", self.before_only, LISTED),
            (f"in {after} only, and not compared", self.after_only, LISTED),
            ("does not compile in both", self.broken, LISTED_ALIKE),
            ("n/a in one of the two or in both", self.not_asked, LISTED_ALIKE),
        ]
        for (metric, side), ids in self.unknown.items():
            where = before if side == "before" else after
            kinds.append((f"{metric} is not known in {where}, and not compared", ids, LISTED_ALIKE))
        count = "{} configuration{}".format
        return [
            f"{what}: {count(len(ids), 's' * (len(ids) > 1))}: {display_text.named(ids, shown)}"
            for what, ids, shown in kinds
            if ids
        ]

    def why_nothing(self, before: str, after: str) -> str:
        """Why nothing at all is compared; "" where something is."""
        if self.compared:
            return ""
        why = f"; first {self.reasons[0]}" if self.reasons else ", as none is in both"
        return f"no configuration can be compared between {before} and {after}{why}"


def coverage(before: dict[str, Any], after: dict[str, Any]) -> Coverage:
    """What of two atlas files' content can be compared and what cannot."""
    old, new = ({item["id"]: item for item in content["entries"]} for content in (before, after))
    both = {name: (old[name]["status"], new[name]["status"]) for name in old if name in new}
    compared = [name for name, (was, is_) in both.items() if was == "ok" or (was, is_) == ("error", "ok")]
    broken = [name for name, pair in both.items() if pair == ("error", "error")]
    unknown: dict[tuple[str, str], list[str]] = {}
    for name in compared:
        if both[name] == ("ok", "ok"):
            known = old[name]["metrics"].keys(), new[name]["metrics"].keys()
            for metric in JUDGED & (known[0] ^ known[1]):
                unknown.setdefault((metric, "after" if metric in known[0] else "before"), []).append(name)
    reasons = {each[name]["reason"] for name in both for each in (old, new) if each[name]["status"] != "ok"}
    return Coverage(
        compared=compared,
        before_only=[name for name in old if name not in new],
        after_only=[name for name in new if name not in old],
        broken=broken,
        not_asked=[name for name in both if name not in {*compared, *broken}],
        unknown=dict(sorted(unknown.items())),
        reasons=sorted(reasons),
    )


def beside(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What :func:`changes` does not compare, one sentence each, and that the two are not of the same sources.

    Raises:
        ValueError: no configuration compiled in both, so that nothing can be said of any change.
    """
    names = before["triton"], after["triton"]
    extent = coverage(before, after)
    if not extent.compared:
        raise ValueError(extent.why_nothing(*names))
    commits = [display_text.short(content.get("commit")) for content in (before, after)]
    alike = names[0] == names[1] or atlas_file.question(before) == atlas_file.question(after)
    sources = f"of other sources: {names[0]} of commit {commits[0]}, {names[1]} of commit {commits[1]}"
    return [*([] if alike else [sources]), *extent.lines(*names)]


def _of_entry(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    def change(kind: str, what: str, cause: str = "", size: float = 0, values: Values = ()) -> Change:
        return Change(kind, new["kernel"], tuple(new["settings"]), new["target"], what, cause, size, values)

    deltas = []
    settings = [
        f"{name} {old[part].get(name)} -> {new[part].get(name)}"
        for part in ("constexprs", "options")
        for name in sorted({*old[part], *new[part]})
        if old[part].get(name) != new[part].get(name)
    ]
    if settings:
        deltas.append(change("info", f"other settings: {', '.join(settings)}"))
    if old["status"] != new["status"]:
        cause = "crash" if new.get("crash") else "" if new.get("unanswered") else "compile"
        if old["status"] == "ok":
            deltas.append(change("worse", f"no longer compiles: {_why(new)}", cause))
        elif new["status"] == "error":  # it is an error of the later release; the earlier one could not be asked
            deltas.append(change("info", f"was n/a, does not compile: {_why(new)}"))
        else:
            deltas.append(change("info", f"was {old['status']}, is {new['status']}"))
    if old["status"] == new["status"] == "ok":
        worse = [*_worse(old["metrics"], new["metrics"], new["target"]), *_slower_to_compile(old, new)]
        deltas += [change("worse", *parts) for parts in worse]
        said = " ".join(what for what, *_ in worse)
        for name in metrics.of_role("shared"):
            before, after = old["metrics"].get(name, 0), new["metrics"].get(name, 0)
            if after > before and name not in said.split():
                deltas.append(change("info", f"{name} {before} -> {after}", size=after - before))  # first of the infos
                said += f" {name}"
        rest = _differences(old["metrics"], new["metrics"], said)
        if rest:
            deltas.append(change("info", rest))
    return deltas


def _why(entry: dict[str, Any]) -> str:
    """The reason behind "does not compile: ", which stands before it anyway."""
    return str(entry["reason"]).removeprefix("does not compile: ")


def _worse(old: dict[str, Any], new: dict[str, Any], target: str) -> Iterable[tuple[str, str, float, Values]]:
    """What got worse, its cause, how much, and what it came to."""

    def both(name: str) -> str:
        return f"{name} {old[name]} -> {new[name]}"

    def now(*names: str) -> Values:
        return tuple((name, new[name]) for name in sorted(names) if name in new)

    def more(names: Sequence[str]) -> list[str]:
        return [name for name in names if name in old and name in new and new[name] > old[name]]

    gone = metrics.slower_units(old, new)
    if gone:
        others = more(metrics.of_role("matrix"))
        where = "slower units" if others else "plain multiplies"
        what = f"{', '.join(map(both, (*gone, *others)))}: a dot runs on {where}"
        yield what, "dot", sum(old[name] for name in gone), now(*gone)
    spills = more(metrics.of_role("spills"))
    if spills:
        yield (
            ", ".join(map(both, spills)),
            "spills",
            sum(new[name] - old[name] for name in spills),
            now(*metrics.of_role("spills")),
        )
    scratch = [name for name in more(metrics.of_role("scratch")) if old[name] == 0]
    if scratch:
        yield ", ".join(map(both, scratch)), "scratch", sum(new[name] for name in scratch), now(*scratch)
    for name in metrics.of_role("occupancy"):
        if name in old and name in new and new[name] < old[name]:
            by = " and ".join(map(both, _limiting(old, new, new[name], target)))
            yield f"{both(name)}{f' by {by}' if by else ''}", "occupancy", 1 - new[name] / old[name], now(name)
    if _narrower(old, new):
        what = f"narrower loads: {both('global_loads')}, {both('global_loads_128')}"
        yield what, "loads", new["global_loads"], now("global_loads", "global_loads_128")
    for name in more(metrics.of_role("fp64")):
        yield both(name), "fp64", new[name], now(name)
    for name in more(metrics.of_role("shared")):
        passed = _no_longer_fit(old[name], new[name], target)
        if passed:
            yield f"{both(name)}: more than {' and '.join(passed)} allows a block", "shared", new[name], now(name)


def _limiting(old: dict[str, Any], new: dict[str, Any], reached: int, compiled_for: str) -> list[str]:
    """The resources that lowered occupancy to ``reached``: each alone allows no more now, and allowed more before."""
    target = targets.parse(compiled_for)
    before, after = (occupancy.by_resource(target, values) for values in (old, new))
    return [name for name in after if name in old and after[name] <= reached < before.get(name, 0)]


def _no_longer_fit(before: int, after: int, compiled_for: str) -> list[str]:
    """The targets of a family on which a block may have ``before`` bytes of shared memory and not ``after``.

    Those older than the oldest that is compiled for by default say something only to who compiles for them.
    """
    family = targets.of_family(compiled_for.partition(":")[0])
    names = [target.name for target in family]
    first = min(names.index(name) for name in (*targets.DEFAULT, compiled_for) if name in names)
    return [
        f"{target.name} ({target.shared_per_block})"
        for target in family[first:]
        if before <= target.shared_per_block < after
    ]


def _slower_to_compile(old: dict[str, Any], new: dict[str, Any]) -> Iterable[tuple[str, str, float, Values]]:
    """The CPU time of a compilation that takes long, where it is more than twice what it was."""
    before, after = old.get("cpu_seconds", 0), new.get("cpu_seconds", 0)
    if before > 0 and after > metrics.LONG_COMPILATION and after > metrics.MUCH_LONGER * before:
        times = after / before
        yield f"compile time {before:.1f} -> {after:.1f} s of CPU", "time", times, ((accepted.TIMES, round(times, 1)),)


def _narrower(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether more load instructions move less each: wide loads gave way to others, or all lost width."""
    if "global_loads" not in old or "global_loads" not in new:
        return False
    narrow_before = old["global_loads"] - old["global_loads_128"]
    narrow_after = new["global_loads"] - new["global_loads_128"]
    if new["global_loads_128"] < old["global_loads_128"]:
        return bool(narrow_after > narrow_before)
    if new["global_loads_128"] or old["global_loads_128"] or not new["global_loads"] or not old["global_loads"]:
        return False
    more_loads = new["global_loads"] > old["global_loads"]
    wide, were = new["global_load_bits"] / new["global_loads"], old["global_load_bits"] / old["global_loads"]
    return bool(more_loads and wide < were)


def _differences(old: dict[str, Any], new: dict[str, Any], said: str) -> str:
    """The metrics that differ and that ``said`` does not name already, on one line."""
    names = [name for name in new if name in old and old[name] != new[name] and name not in said.split()]
    lost = [f"{name} {old[name]} -> not known" for name in old if name not in new]
    return ", ".join([*(f"{name} {old[name]} -> {new[name]}" for name in names), *lost])


def render(shown: Sequence[Change], open_: Sequence[Change], markdown: bool = False) -> str:
    """A table of changes, worst first; a worse change that is accepted says so."""
    if not shown:
        return "no codegen change"
    rows = []
    for change in shown:
        kind = change.kind if change.kind == "info" or change in open_ else "accepted"
        rows.append([kind, change.label, change.target, change.what])
    return tables.render(["", "configuration", "target", "change"], rows, markdown=markdown)


def print_aside(lines: Sequence[str], markdown: bool) -> None:
    """Print sentences below a table."""
    if lines:
        print("\n" + "\n".join(f"- {line}" for line in lines) if markdown else "\n".join(lines))


def unused_lines(unused: Sequence[Accepted]) -> list[str]:
    """One sentence per accepted entry that no longer occurs."""
    return [f"accepted, but no longer occurs: {entry}; remove it from accepted.toml" for entry in unused]


@commands.exit_status("compare")
def main(argv: list[str]) -> int:
    """Exit status 0: nothing got worse, or it is accepted. 1: it did, or an accepted entry is stale. 2: cannot ask.

    It cannot be asked either where no configuration compiled in both.
    """
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix compare",
        description="The codegen changes from one atlas file to another, worst first.",
    )
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--accepted", type=Path, metavar="FILE", help="TOML of accepted changes; each with its reason")
    parser.add_argument("--worse", action="store_true", help="leave out what is only info")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args(argv)
    before, after = atlas_file.read(options.before), atlas_file.read(options.after)
    entries = accepted.read(options.accepted) if options.accepted else []
    aside = beside(before, after)
    all_changes = changes(before, after)
    open_, unused = accepted.judge(all_changes, entries, before["triton"], after["triton"])
    shown = [change for change in all_changes if change.kind == "worse"] if options.worse else all_changes
    print(render(shown, open_, options.markdown))
    print_aside(aside, options.markdown)
    for line in [*ages([before, after]), *unused_lines(unused)]:
        print(line, file=sys.stderr)
    return 1 if open_ or unused else 0


def ages(atlases: Sequence[dict[str, Any]]) -> list[str]:
    """Which atlas files are of other sources than the checkout at or above the current folder, or than one another."""
    table: Optional[cells.Table] = None
    with contextlib.suppress(ValueError):
        table = cells.load_at()
    return atlas_file.ages(atlases, table, code_digest())
