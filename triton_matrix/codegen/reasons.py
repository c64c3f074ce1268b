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
        of: release -> ids of the configurations that have it there.
        known: the releases that there are, in order: a range has no gap among these.
    """

    kind: str
    text: str
    of: Mapping[str, Sequence[str]]
    known: Sequence[str]

    @property
    def ids(self) -> list[str]:
        """Every configuration that has it."""
        return list(dict.fromkeys(name for names in self.of.values() for name in names))

    @property
    def releases(self) -> str:
        """All releases that have it, as a range."""
        return versions.ranges(self.of, self.known)

    @property
    def by_range(self) -> dict[str, list[str]]:
        """The configurations by the range of releases in which they have it."""
        ranges: dict[str, list[str]] = {}
        for name in self.ids:
            ranges.setdefault(
                versions.ranges([each for each in self.of if name in self.of[each]], self.known), []
            ).append(name)
        return ranges

    def lines(self, several: bool = True) -> list[str]:
        """The reason on one line; below it, where there are several, which configurations have it.

        Args:
            several: whether several releases were asked, so that it is said which have it.
        """
        ids, by_range = self.ids, self.by_range
        who = ids[0] if len(ids) == 1 else f"{len(ids)} configurations"
        lines = [f"{self.kind}: {who}{f', triton {self.releases}' if several else ''}: {self.text}"]
        if len(by_range) > 1:
            lines += [f"    {releases}: {_listed(names)}" for releases, names in by_range.items()]
        elif len(ids) > 1:
            lines.append(f"    {_listed(ids)}")
        return lines


def grouped(atlases: Sequence[Mapping[str, Any]], known: Sequence[str], kinds: Iterable[str] = KINDS) -> list[Reason]:
    """The reasons of some releases' configurations, errors first, those of the oldest releases before others.

    Args:
        atlases: content of atlas files, oldest release first.
        known: of a Reason.
    """
    by_reason: dict[tuple[str, str], dict[str, list[str]]] = {}
    texts: dict[tuple[str, str], str] = {}
    for atlas in atlases:
        for item in atlas["entries"]:
            said = [("warning", text) for text in item.get("warnings", ())]
            said += [(item["status"], item["reason"])] if item["status"] != "ok" else []
            for kind, text in said:
                one = kind, diagnostics.alike(text)
                texts[one] = text
                by_reason.setdefault(one, {}).setdefault(atlas["triton"], []).append(item["id"])
    reasons = [Reason(kind, texts[kind, core], of, known) for (kind, core), of in by_reason.items() if kind in kinds]
    return sorted(reasons, key=lambda reason: KINDS.index(reason.kind))


def render(reasons: Sequence[Reason], several: bool, markdown: bool = False) -> str:
    """The lines of all reasons, as of :meth:`Reason.lines`."""
    lines = [line for reason in reasons for line in reason.lines(several)]
    return "\n".join(_item(line) for line in lines) if markdown else "\n".join(lines)


def _item(line: str) -> str:
    indented = line.startswith(" ")
    return f"{'  ' * indented}- {line.strip()}"


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return f"{', '.join(ids[:LISTED])}{more}"
