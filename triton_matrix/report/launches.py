"""Kernel by Triton: what became of each launched kernel at each level, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ..base.levels import VERDICTS, Verdict
from .atlas import OverReleases
from .columns import LEVELS_OF, STATUS
from .matrix import KernelRow, Nearest
from .verdict import Judged, Verdicts

_OF_LETTER: Mapping[str, Verdict] = {STATUS["ok"]: "pass", STATUS["n/a"]: "n/a", STATUS["error"]: "fail"}


def rows(verdicts: Verdicts) -> list[KernelRow]:
    """A row for each kernel that has a launch: level -> release -> the worst verdict among its entries there."""
    facts = verdicts.facts
    all_levels = [(facts.codegen, verdicts.codegen), (facts.values, verdicts.values), (facts.device, verdicts.device)]
    kernels = sorted({entry["kernel"] for over in (facts.values, facts.device) for entry in over.columns["entries"]})
    return [
        {
            "kernel": kernel,
            "levels": {LEVELS_OF[over.verb]: _of_kernel(kernel, over, judged) for over, judged in all_levels},
            "shares": dict(_shares(kernel, facts.device)),
        }
        for kernel in kernels
    ]


def _shares(kernel: str, over: OverReleases) -> Iterator[tuple[str, Nearest]]:
    """Of each release the launch that reaches most of what bounds it; none of what is not of the checkout as it is."""
    for release, of in over.releases.items():
        rows = of.result.record.content["benchmarks"] if of.result.standing.is_shown else ()
        shares: list[Nearest] = [
            {"launch": row["name"], "share": share, "of": row["extra_info"].get("nearer_to", "copy")}
            for row in rows
            if row.get("group") == kernel and (share := _share(row["extra_info"])) is not None
        ]
        if shares:
            yield release, max(shares, key=lambda each: each["share"])


def _share(info: Mapping[str, Any]) -> Optional[float]:
    """Without dots, of the copy; with dots a file of before knew none."""
    share: Optional[float] = info.get("share", info.get("share_of_copy"))
    return share


def _of_kernel(kernel: str, over: OverReleases, judged: Mapping[str, Judged]) -> dict[str, Verdict]:
    places = [number for number, entry in enumerate(over.columns["entries"]) if entry["kernel"] == kernel]
    said: dict[str, Verdict] = {}
    for release in over.releases:
        verdicts = list(_verdicts(over, release, places))
        if verdicts:
            stale = judged[release].verdict == "stale"
            said[release] = "stale" if stale else min(verdicts, key=VERDICTS.index)
    return said


def _verdicts(over: OverReleases, release: str, places: Sequence[int]) -> Iterator[Verdict]:
    columns = over.columns
    letters, ended = columns["status"][release], columns["ended"][release]
    for place in places:
        if letters[place] in _OF_LETTER:
            verdict = _OF_LETTER[letters[place]]
            never_ran = over.verb == "values" and verdict == "fail" and ended.get(str(place)) != "wrong"
            yield "n/a" if never_ran else verdict
    if any(row["to"] == release and row["entry"] in places and not row["accepted"] for row in columns["changes"]):
        yield "regressed"
