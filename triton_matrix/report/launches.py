"""Kernel by Triton: what became of each launched kernel at the levels that need no GPU, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..base import versions
from ..base.terms import VERDICTS, Verdict
from .atlas import LEVELS_OF, STATUS
from .matrix import Codegen, Judged, KernelRow

_OF_LETTER: Mapping[str, Verdict] = {STATUS["ok"]: "pass", STATUS["n/a"]: "n/a", STATUS["error"]: "fail"}


def rows(codegen: Codegen, values: Codegen) -> list[KernelRow]:
    """A row for each kernel that has a launch: level -> release -> the worst verdict among its entries there."""
    kernels = dict.fromkeys(entry["kernel"] for entry in values["entries"])
    both = {"codegen": codegen, "values": values}
    return [
        {"kernel": kernel, "levels": {LEVELS_OF[verb]: _of_kernel(kernel, found, verb) for verb, found in both.items()}}
        for kernel in sorted(kernels)
    ]


def _of_kernel(kernel: str, found: Codegen, verb: str) -> dict[str, Verdict]:
    places = [number for number, entry in enumerate(found["entries"]) if entry["kernel"] == kernel]
    said: dict[str, Verdict] = {}
    for release in found["releases"]:
        verdicts = list(_verdicts(found, release, places, verb))
        if verdicts:
            stale = found["summary"][release]["verdict"] == "stale"
            said[release] = "stale" if stale else min(verdicts, key=VERDICTS.index)
    return said


def _verdicts(found: Codegen, release: str, places: Sequence[int], verb: str) -> Iterator[Verdict]:
    letters, ended = found["status"][release], found["ended"][release]
    for place in places:
        if letters[place] in _OF_LETTER:
            verdict = _OF_LETTER[letters[place]]
            never_ran = verb == "values" and verdict == "fail" and ended.get(str(place)) != "wrong"
            yield "n/a" if never_ran else verdict
    if any(row["to"] == release and row["entry"] in places and not row["accepted"] for row in found["changes"]):
        yield "regressed"


def lines(matrix: Judged) -> list[str]:
    """The rows as sentences: each level's verdicts with their ranges of releases."""
    found = []
    for row in matrix["launches"]:
        parts = []
        for level, by_release in row["levels"].items():
            verb = next(verb for verb, of in LEVELS_OF.items() if of == level)
            known = matrix[verb]["releases"]  # type: ignore[literal-required]
            alike: dict[str, list[str]] = {}
            for release, verdict in by_release.items():
                alike.setdefault(verdict, []).append(release)
            said = [f"{verdict} {versions.ranges(releases, known)}" for verdict, releases in alike.items()]
            parts.append(f"{level}: {'; '.join(said) or 'not run'}")
        found.append(f"{row['kernel']}: {' | '.join(parts)}")
    return found
