"""Why configurations do not compile, and what compilers warn of: each reason once, with its range of releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base import versions
from . import diagnostics

LISTED = 6  # ids named of those that share a reason; the count is always the full one
KINDS = ("error", "n/a", "warning")


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        kind: one of KINDS.
        text: as the newest of the releases words it.
        releases: all that have it, as a range; "" where only one was asked.
        where: range -> ids of the configurations that have it there.
    """

    kind: str
    text: str
    releases: str
    where: Mapping[str, Sequence[str]]

    @property
    def ids(self) -> list[str]:
        """Every configuration that has it."""
        return list(dict.fromkeys(name for names in self.where.values() for name in names))

    def lines(self) -> list[str]:
        """The reason on one line; below it, where there are several, which configurations have it."""
        ids = self.ids
        who = ids[0] if len(ids) == 1 else f"{len(ids)} configurations"
        lines = [f"{self.kind}: {who}{f', triton {self.releases}' if self.releases else ''}: {self.text}"]
        if len(self.where) > 1:
            lines += [f"    {releases}: {_listed(names)}" for releases, names in self.where.items()]
        elif len(ids) > 1:
            lines.append(f"    {_listed(ids)}")
        return lines


def grouped(atlases: Sequence[Mapping[str, Any]], known: Sequence[str], kinds: Iterable[str] = KINDS) -> list[Reason]:
    """The reasons of some releases' configurations, errors first, those of the oldest releases before others.

    Args:
        atlases: content of atlas files, oldest release first.
        known: the releases that there are, in order: a range has no gap among these.
    """
    found: dict[tuple[str, str], dict[str, list[str]]] = {}  # kind and reason -> id -> releases
    texts: dict[tuple[str, str], str] = {}
    for atlas in atlases:
        for item in atlas["entries"]:
            said = [("warning", text) for text in item.get("warnings", ())]
            said += [(item["status"], item["reason"])] if item["status"] != "ok" else []
            for kind, text in said:
                of = kind, diagnostics.alike(text)
                texts[of] = text
                found.setdefault(of, {}).setdefault(item["id"], []).append(atlas["triton"])
    several = len(atlases) > 1
    result = []
    for of, releases_of in sorted(found.items(), key=lambda one: KINDS.index(one[0][0])):
        if of[0] not in kinds:
            continue
        where: dict[str, list[str]] = {}
        for name, releases in releases_of.items():
            where.setdefault(versions.ranges(releases, known), []).append(name)
        every = {release for releases in releases_of.values() for release in releases}
        result.append(Reason(of[0], texts[of], versions.ranges(every, known) if several else "", where))
    return result


def render(reasons: Sequence[Reason], markdown: bool = False) -> str:
    """The lines of all reasons."""
    lines = [line for reason in reasons for line in reason.lines()]
    return "\n".join(_item(line) for line in lines) if markdown else "\n".join(lines)


def _item(line: str) -> str:
    indented = line.startswith(" ")
    return f"{'  ' * indented}- {line.strip()}"


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return f"{', '.join(ids[:LISTED])}{more}"
