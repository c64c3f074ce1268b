"""What of the atlas and of values is not whole, does not compile, is wrong or differs, as failures of suites are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from .atlas import LEVELS_OF
from .matrix import Cell, Changes, Codegen, Failure, Where

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


def failures(
    codegen: Codegen, changes: Optional[Changes], judged: Mapping[str, Cell], verb: str = "codegen"
) -> list[Failure]:
    """What has no whole answer or does not compile, reason by reason, and releases that regressed, as of suites."""
    found = [*_not_whole(codegen, judged, verb), *_broken(codegen, judged, verb)]
    for release, summary in codegen["summary"].items():
        if summary["verdict"] != "regressed":
            continue
        ours = [row for row in changes["codegen"] if row["to"] == release] if changes else []
        since = [row for row in codegen["changes"] if row["to"] == release and not row["accepted"]]
        rows: list[dict[str, Any]] = ours or since
        command = f"nox -s {verb} -- --triton {release}"
        if rows is since:
            command = f"nox -s {verb} -- --from {since[0]['from']} --to {release}"
        tests = [str(row["id"]) for row in rows][:KEPT]
        where: list[Where] = [
            {"cell": cell, "level": LEVELS_OF[verb], "count": len(rows), "tests": tests, "command": command}
            for cell in _cells_of(release, judged)
        ]
        found.append(
            {
                "cause": "codegen" if verb == "codegen" else "numerics",
                "message": f"triton {release}: {summary['reason']}; first {rows[0]['id']}: {rows[0]['what']}",
                "hint": HINTS[verb],
                "example": "\n".join(f"{row['id']}: {row['what']}" for row in rows[:20]),
                "known": None,
                "count": len(rows),
                "where": where,
            }
        )
    return found


def _broken(codegen: Codegen, judged: Mapping[str, Cell], verb: str) -> list[Failure]:
    """Each reason why something does not compile, or is wrong, with the releases that failed by it."""
    found: list[Failure] = []
    for each in codegen["why"]:
        rows = codegen["summary"]
        failed = {
            release: ids
            for release, ids in each["of"].items()
            if rows[release]["verdict"] == "fail" and not rows[release].get("shortfall")
        }
        if each["kind"] != "error" or not failed or not _counts(codegen, failed, verb):
            continue
        where: list[Where] = [
            {
                "cell": cell,
                "level": LEVELS_OF[verb],
                "count": len(ids),
                "tests": ids[:KEPT],
                "command": f"nox -s {verb} -- --triton {release}",
            }
            for release, ids in failed.items()
            for cell in _cells_of(release, judged)
        ]
        found.append(
            {
                "cause": "compile" if verb == "codegen" else "numerics",
                "message": f"triton {each['releases']}: {each['text']}",
                "hint": HINT_BROKEN if verb == "codegen" else HINT_WRONG,
                "example": each["text"],
                "known": None,
                "count": sum(map(len, failed.values())),
                "where": where,
            }
        )
    return found


def _counts(codegen: Codegen, failed: Mapping[str, Sequence[str]], verb: str) -> bool:
    """Whether a reason is one to fail by: that a launch never ran is none."""
    places = {entry["id"]: str(number) for number, entry in enumerate(codegen["entries"])}
    wrong = (codegen["ended"][release].get(places[name]) == "wrong" for release in failed for name in failed[release])
    return verb == "codegen" or any(wrong)


def _not_whole(codegen: Codegen, judged: Mapping[str, Cell], verb: str) -> list[Failure]:
    """Releases that a run asked for and that left no whole answer, those with one reason as one failure."""
    alike: dict[str, list[str]] = {}
    for release, row in codegen["summary"].items():
        if row["verdict"] == "fail" and row.get("shortfall"):
            alike.setdefault(row["shortfall"], []).append(release)
    found: list[Failure] = []
    for reason, releases in alike.items():
        command = f"nox -s {verb} -- --triton {','.join(releases)}"
        where: list[Where] = [
            {"cell": cell, "level": LEVELS_OF[verb], "count": 1, "tests": [f"triton {release}"], "command": command}
            for release in releases
            for cell in _cells_of(release, judged)
        ]
        failure: Failure = {
            "cause": "harness",
            "message": f"triton {', '.join(releases)}: {reason}",
            "hint": HINT_NOT_WHOLE,
            "example": reason,
            "known": None,
            "count": len(releases),
            "where": where,
        }
        found.append(failure)
    return found


def _cells_of(release: str, judged: Mapping[str, Cell]) -> list[str]:
    """The cells whose level codegen is of a release; where there is none, the release itself."""
    levels = {name: cell["levels"]["codegen"] for name, cell in judged.items() if "codegen" in cell["levels"]}
    return [name for name, level in levels.items() if level.get("release") == release] or [f"triton {release}"]
