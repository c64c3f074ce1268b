"""What of the atlas and of values is not whole, does not compile, is wrong or differs, as failures of suites are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..evidence.causes import Group, Where
from .atlas import OverReleases
from .columns import LEVELS_OF
from .verdict import Judged, Verdicts

HINT_WRONG = "what a launch writes is not what the reference that it names says, in the release's interpreter"
HINT_BROKEN = "this Triton does not compile the kernel, or no GPU of the target could run the launch"
HINT_VALUES = (
    "a launch computes something else, or does not run, in the releases' own interpreters, their faults repaired:"
    " change the kernel, or accept it in tests/atlas/accepted.toml"
)
HINT_NOT_WHOLE = "what was asked for and has no whole answer says nothing: run it again"
HINT_WORSE = (
    "a risk, not a measured slow-down: change the plan or the kernel, or accept it in tests/atlas/accepted.toml"
)
HINTS = {"codegen": HINT_WORSE, "values": HINT_VALUES}
KEPT = 50  # ids listed per failure; the count is always the full one


@dataclass(frozen=True)
class _Judged:
    """What one verb found, with the verdicts, and the rows that show a release: release -> their names."""

    over: OverReleases
    verdicts: Mapping[str, Judged]
    rows: Mapping[str, Sequence[str]]

    @property
    def verb(self) -> str:
        return self.over.verb

    def where(self, release: str, count: int, tests: Sequence[str], command: str = "") -> Iterator[Where]:
        """The rows whose level is of the release; where there is none, the release itself."""
        again = command or f"nox -s {self.verb} -- --triton {release}"
        for row in self.rows.get(release) or [f"triton {release}"]:
            yield Where(row, LEVELS_OF[self.verb], count, tuple(tests[:KEPT]), again)


def failures(verdicts: Verdicts) -> list[Group]:
    """What has no whole answer or does not compile, reason by reason, and releases that regressed, as of suites."""
    rows: dict[str, list[str]] = {}
    for column, row in verdicts.rows.items():
        rows.setdefault(row.release, []).append(str(column))
    since = verdicts.changes["codegen"] if verdicts.changes else []
    codegen = _Judged(verdicts.facts.codegen, verdicts.codegen, rows)
    values = _Judged(verdicts.facts.values, verdicts.values, rows)
    return [group for each, ours in ((codegen, since), (values, [])) for group in _failures(each, ours)]


def _failures(judged: _Judged, since: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    yield from _not_whole(judged)
    yield from _broken(judged)
    for release, level in judged.verdicts.items():
        if level.verdict == "regressed":
            yield _regressed(judged, release, level.reason, [row for row in since if row["to"] == release])


def _regressed(judged: _Judged, release: str, reason: str, ours: Sequence[Mapping[str, Any]]) -> Group:
    """A release that regressed: since the earlier run, else since the release before."""
    rows, command = ours, ""
    if not ours:
        columns = judged.over.columns
        rows = [row for row in columns["changes"] if row["to"] == release and not row["accepted"]]
        command = f"nox -s {judged.verb} -- --from {rows[0]['from']} --to {release}"
    return Group(
        "codegen" if judged.verb == "codegen" else "numerics",
        f"triton {release}: {reason}; first {rows[0]['id']}: {rows[0]['what']}",
        HINTS[judged.verb],
        "\n".join(f"{row['id']}: {row['what']}" for row in rows[:20]),
        "",
        len(rows),
        tuple(judged.where(release, len(rows), [str(row["id"]) for row in rows], command)),
    )


def _broken(judged: _Judged) -> Iterator[Group]:
    """Each reason why something does not compile, or is wrong, with the releases that failed by it."""
    compiled = judged.verb == "codegen"
    for each in judged.over.columns["why"]:
        failed = {release: ids for release, ids in each["of"].items() if _failed(judged.verdicts[release])}
        if each["kind"] == "error" and failed and (compiled or _is_any_wrong(judged.over, failed)):
            yield Group(
                "compile" if compiled else "numerics",
                f"triton {each['releases']}: {each['text']}",
                HINT_BROKEN if compiled else HINT_WRONG,
                each["text"],
                "",
                sum(map(len, failed.values())),
                tuple(where for release, ids in failed.items() for where in judged.where(release, len(ids), ids)),
            )


def _failed(level: Judged) -> bool:
    return level.verdict == "fail" and not level.shortfall


def _is_any_wrong(over: OverReleases, failed: Mapping[str, Sequence[str]]) -> bool:
    """Whether a launch of these ran and was wrong: that one never ran is no reason to fail."""
    places = {entry["id"]: str(number) for number, entry in enumerate(over.columns["entries"])}
    ended = over.columns["ended"]
    return any(ended[release].get(places[name]) == "wrong" for release, ids in failed.items() for name in ids)


def _not_whole(judged: _Judged) -> Iterator[Group]:
    """Releases that a run asked for and that left no whole answer, those with one reason as one failure."""
    alike: dict[str, list[str]] = {}
    for release, level in judged.verdicts.items():
        if level.verdict == "fail" and level.shortfall:
            alike.setdefault(level.shortfall, []).append(release)
    for reason, releases in alike.items():
        command = f"nox -s {judged.verb} -- --triton {','.join(releases)}"
        places = [where for name in releases for where in judged.where(name, 1, [f"triton {name}"], command)]
        message = f"triton {', '.join(releases)}: {reason}"
        yield Group("harness", message, HINT_NOT_WHOLE, reason, "", len(releases), tuple(places))
