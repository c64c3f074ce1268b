"""The range of Tritons that a package's kernels work with: each bound with the kernel that sets it and why.

A kernel fails on a release where a launch that the package makes does not compile there. Of a guessed launch only a
failure counts that does not follow from the guess: the kernel's module does not load, a name or keyword of Triton is
not there, or the linter names the release too. Any other failure of a guess is unknown, and so is what was not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base import targets, versions
from ..codegen.batches import OUT_OF_TIME, REFUSED, TOO_LARGE
from ..codegen.compile import unknown_to
from ..launches import naming
from ..lint.finding import Finding

GUESSED, NOT_REACHED = "guessed", "not reached"
OK, FAILS, UNKNOWN = "ok", "fails", "unknown"
BACKENDS = {"cuda": "CUDA", "hip": "HIP"}
# a failure that is the kernel's source's own, whatever it is launched with
_OF_SOURCE = re.compile(
    r"module 'triton[\w.]*' has no attribute|unexpected keyword argument|cannot import name '\w+' from 'triton"
    r"|No module named 'triton\.|does not load|Cannot access global variable"
)
_OURS = re.compile(r"not installed here|took longer|took more than|ended with")


@dataclass
class Kernel:
    """A kernel of the package and what was learned of it.

    Attributes:
        reference: ``/path/to/file.py:function``.
        place: ``file.py:12`` below the package's root.
        how: ``brought``, ``captured``, GUESSED or NOT_REACHED.
        launches: how many were asked.
        status: backend -> release -> OK, FAILS or UNKNOWN.
        reasons: backend -> release -> one sentence where it is not OK.
        late: the time was over before all its launches were asked on every release.
    """

    reference: str
    place: str
    how: str
    launches: int = 0
    status: dict[str, dict[str, str]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    late: bool = False

    @property
    def name(self) -> str:
        """``module:function``."""
        return naming.kernel(self.reference)

    def on(self, backend: str, status: str) -> list[str]:
        """The releases with this status."""
        return [release for release, state in self.status.get(backend, {}).items() if state == status]

    def give_up(self, release: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """Its guess is too large, as these entries of a release say: nobody asks for it any more."""
        self.how = NOT_REACHED
        for item in entries:
            self.reasons.setdefault(item["target"].partition(":")[0], {})[release] = item["reason"]

    def is_too_large(self) -> bool:
        """Whether its guess took longer than it may."""
        return too_large({"reason": why} for texts in self.reasons.values() for why in texts.values())

    @property
    def works_nowhere(self) -> bool:
        """Whether it fails wherever something is known: it says nothing of a range."""
        return all(not self.on(backend, OK) for backend in self.status)


@dataclass(frozen=True)
class Bound:
    """One clause of the range, such as ``>=3.4``, and why."""

    clause: str
    reason: str


@dataclass(frozen=True)
class Range:
    """Of one backend.

    Attributes:
        asked: the releases of which something is known.
        bad: release -> why some kernel fails there.
        bounds: what excludes these; none where every release that was asked is good, or none is.
    """

    backend: str
    asked: tuple[str, ...]
    bad: Mapping[str, str]
    bounds: tuple[Bound, ...]

    @property
    def good(self) -> list[str]:
        """The releases on which no kernel is known to fail."""
        return [release for release in self.asked if release not in self.bad]

    @property
    def specifier(self) -> str:
        """As a requirement has it, ``>=3.4,!=3.5.1``; "" where nothing bounds it or no release is good."""
        return ",".join(bound.clause for bound in self.bounds)


def learn(
    kernels: Sequence[Kernel],
    atlases: Mapping[str, Sequence[Mapping[str, Any]]],
    findings: Mapping[tuple[str, str], list[Finding]],
) -> None:
    """Fill in what entries of atlas files and the linter say of each kernel.

    Args:
        atlases: release -> entries of its atlas file.
        findings: release and backend -> what the linter says of these alone.
    """
    entries: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for release, items in atlases.items():
        for item in items:
            backend = item["target"].partition(":")[0]
            if not (item["status"] == "n/a" and unknown_to(targets.parse(item["target"]), release)):
                entries.setdefault((item["kernel"], backend, release), []).append(item)
    for kernel in kernels:
        if kernel.how == NOT_REACHED:
            continue
        for backend in dict.fromkeys(item["target"].partition(":")[0] for items in atlases.values() for item in items):
            releases = dict.fromkeys(release for release, _ in findings)
            found = {release: entries.get((kernel.name, backend, release), []) for release in releases}
            failing = _labels(_failing(item for items in found.values() for item in items))
            for release, items in found.items():
                kernel.launches = max(kernel.launches, len(_labels(items)))
                kernel.late = kernel.late or out_of_time(items)
                lint = _lint_of(kernel, findings.get((release, backend), ()))
                status, reason = _judged(kernel, _deciding(items, failing), lint)
                kernel.status.setdefault(backend, {})[release] = status
                if reason:
                    kernel.reasons.setdefault(backend, {})[release] = reason
    for kernel in kernels:
        if kernel.how == GUESSED and kernel.works_nowhere:  # then it was no launch
            kernel.how = NOT_REACHED


def _labels(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    return {item["label"] for item in entries}


def _failing(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [item for item in entries if item["status"] != "ok" and not is_late(item)]


def _deciding(entries: Sequence[Mapping[str, Any]], failing: set[str]) -> Sequence[Mapping[str, Any]]:
    """Of a kernel's entries on a release: those that were asked, unless one that was not may fail as it does elsewhere.

    Args:
        failing: labels of those that fail on some release.
    """
    asked = [item for item in entries if not is_late(item)]
    return asked if asked and (_failing(asked) or failing <= _labels(asked)) else entries


def _judged(kernel: Kernel, entries: Sequence[Mapping[str, Any]], lint: str) -> tuple[str, str]:
    failed = [item for item in entries if item["status"] != "ok"]
    if entries and not failed:
        return OK, ""
    if not failed:
        return (UNKNOWN, lint) if lint else (UNKNOWN, "")
    said = re.sub(r" \(/\S*\)?", "", str(failed[0].get("reason", "")).replace("\n", " "))  # where a module lies here
    ours = failed[0].get("unanswered") or _OURS.search(said) or said.startswith(REFUSED)
    if too_large(failed) or out_of_time(failed):
        return UNKNOWN, said
    if kernel.how != GUESSED and not ours:
        return FAILS, lint or said
    if lint:
        return FAILS, lint
    return (UNKNOWN, said) if ours or not _OF_SOURCE.search(said) else (FAILS, said)


def too_large(entries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a guess took longer than it may."""
    return any(str(item.get("reason", "")).endswith(TOO_LARGE) for item in entries)


def is_late(entry: Mapping[str, Any]) -> bool:
    """Whether a launch was not begun, since the time was over."""
    return entry.get("reason") == OUT_OF_TIME


def out_of_time(entries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of them was not begun."""
    return any(map(is_late, entries))


def _lint_of(kernel: Kernel, findings: Iterable[Finding]) -> str:
    file, _, name = kernel.reference.rpartition(":")
    last = name.rpartition(".")[2]
    for each in findings:
        if each.rule == "not-portable" and each.path == file and each.kernel == last:
            return f"{each.cause}, {Path(each.path).name}:{each.line}"
    return ""


def of(kernels: Sequence[Kernel], backend: str, asked: Sequence[str]) -> Range:
    """The range of those kernels that work somewhere."""
    bad: dict[str, list[str]] = {}
    for kernel in kernels:
        if kernel.on(backend, OK):
            for release in kernel.on(backend, FAILS):
                bad.setdefault(release, []).append(
                    f"{kernel.name.rpartition(':')[2]}: {kernel.reasons[backend][release]}"
                )
    asked = [each for each in asked if each in bad or any(each in kernel.on(backend, OK) for kernel in kernels)]
    why = {release: _summed(bad[release]) for release in asked if release in bad}
    return Range(backend, tuple(asked), why, tuple(_bounds(asked, why)))


def _summed(reasons: Sequence[str]) -> str:
    more = len(reasons) - 1
    first = reasons[0] if len(reasons[0]) <= 200 else f"{reasons[0][:197]}..."
    return f"{first}{f'; and {more} more kernels' if more > 1 else '; and one more kernel' if more else ''}"


def _bounds(asked: Sequence[str], bad: Mapping[str, str]) -> Iterable[Bound]:
    good = [release for release in asked if release not in bad]
    if not good:
        return
    first, last = asked.index(good[0]), asked.index(good[-1])
    if first:
        yield Bound(f">={_shown(good[0])}", f"{asked[first - 1]}: {bad[asked[first - 1]]}")
    for release in asked[first:last]:
        if release in bad:
            yield Bound(f"!={release}", f"{release}: {bad[release]}")
    if last + 1 < len(asked):
        yield Bound(f"<{_shown(asked[last + 1])}", f"{asked[last + 1]}: {bad[asked[last + 1]]}")


def _shown(release: str) -> str:
    """``3.4`` for 3.4.0."""
    return release.removesuffix(".0") if release.count(".") == 2 else release


def span(some: Iterable[str], asked: Sequence[str]) -> str:
    """Releases as text, ``-`` for none."""
    return versions.ranges(list(some), list(asked)) or "-"
