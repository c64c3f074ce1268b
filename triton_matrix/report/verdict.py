"""Verdicts of cells and levels, required results, and the exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Optional, cast

from ..base.terms import BAD, VERDICTS, Verdict
from ..evidence.reading import NEEDS_GPU, is_subject, session
from ..suites import causes
from . import atlas, atlas_failures, expected, launches, words
from .expected import Expected
from .matrix import Cell, Changes, Codegen, Failure, Found, FoundCell, FoundLevel, Judged, JudgedLevel, Level, Pair

OK: Literal[0] = 0
FAILED: Literal[1] = 1
CANNOT_SAY: Literal[2] = 2


def judge(found: Found, changes: Optional[Changes] = None, pair: Optional[Pair] = None) -> Judged:
    """Everything of ``found`` with the verdict of every level, cell and release, and its reason.

    Args:
        changes: what differs from an earlier run; without one nothing has regressed since.
        pair: two cells against each other; it is passed on.
    """
    codegen, values = atlas.judge(found["codegen"], changes), atlas.judge(found["values"], None, "values")
    for each in (codegen, values):
        each["summary"] = {name: _stale(row) if row["outdated"] else row for name, row in each["summary"].items()}
    newly = {(row["cell"], row["level"]): row["count"] for row in changes["newly_failing"]} if changes else {}
    slower = Counter(str(row["cell"]) for row in (changes["slower"] if changes else ()) if not row["accepted"])
    cells: dict[str, Cell] = {}
    for name, cell in found["cells"].items():
        levels: dict[str, Level] = {}
        for level, row in cell["levels"].items():
            lost = slower[name] if level == "device" else 0
            verdict, reason = _level_verdict(row, newly.get((name, level), 0), lost)
            judged: JudgedLevel = {**row, "verdict": verdict, "reason": reason}
            levels[level] = _stale(judged) if row["outdated"] else cast(Level, judged)
        of_release = None if is_subject(name) else _codegen_level(codegen, cell)
        if of_release and "codegen" not in levels:
            levels["codegen"] = of_release
        verdict, reason = _cell_verdict(name, cell, levels)
        cells[name] = {**cell, "levels": levels, "verdict": verdict, "reason": reason}
    failures = [*found["failures"], *atlas_failures.failures(codegen, changes, cells)]
    failures += atlas_failures.failures(values, None, cells, "values")
    return {
        **found,
        "cells": cells,
        "codegen": codegen,
        "values": values,
        "launches": launches.rows(codegen, values),
        "failures": sorted(failures, key=_importance),
        "changes": changes,
        "cell_against_cell": pair,
    }


def _stale(level: Any) -> Any:
    """A judged level or release that is not of the checkout as it is now: ``stale``, and ``was`` keeps what it was."""
    when = f"{level['verdict']} of {level['date']}, commit {words.short(level['commit'])}"
    return {**level, "was": level["verdict"], "verdict": "stale", "reason": f"{when}: {level['outdated']}"}


def _importance(group: Failure) -> tuple[bool, bool, int]:
    """Ours before other packages', unknown before known, many before few."""
    others = all(is_subject(where["cell"]) for where in group["where"])
    return others, bool(group["known"]), -group["count"]


@dataclass(frozen=True)
class Asked:
    """What is asked of a report besides what it finds.

    Attributes:
        required: results that must be there and have run a test.
        expected: results that must be there, if only to say that every test was skipped.
        releases: every release of the atlas in the table.
        jobs: what CI says of its jobs.
        allow_stale: whether a stale result counts as what it was.
    """

    required: Sequence[Expected] = ()
    expected: Sequence[Expected] = ()
    releases: Collection[str] = ()
    jobs: Mapping[str, str] = field(default_factory=dict)
    allow_stale: bool = False


def status(matrix: Judged, asked: Asked) -> tuple[Literal[0, 1, 2], list[str]]:
    """The exit status and the sentences that explain it.

    0: every result is fine. 1: a cell failed or regressed. 2: the question cannot be answered: no results, evidence
    that cannot be read, a required result that is missing, or one of ours that is stale. A definite failure outranks
    an unanswered question.
    """
    allow_stale = asked.allow_stale
    stale = list(words.stale_levels(matrix))
    bad = [
        f"{name}: {cell['verdict']}: {cell['reason']}"
        for name, cell in matrix["cells"].items()
        if cell["verdict"] in BAD and not is_subject(name)
    ]
    shown = [cell["levels"]["codegen"] for cell in matrix["cells"].values() if "codegen" in cell["levels"]]
    of_cells = {level.get("release") for level in shown}
    bad += _bad_releases(matrix["codegen"], "codegen", of_cells)
    bad += _bad_releases(matrix["values"], "values", ())
    if allow_stale:
        bad += [f"{where}: {row['was']}: {row['reason']}" for where, row in stale if row["was"] in BAD]
    listed = matrix["changes"]["slower"] if matrix["changes"] else ()
    slower = Counter(str(row["cell"]) for row in listed if not row["accepted"])
    devices = {name: cell["levels"]["device"] for name, cell in matrix["cells"].items() if "device" in cell["levels"]}
    said = {name for name, level in devices.items() if level["verdict"] in BAD}
    bad += [
        f"{name}: {count} benchmark{'s' * (count > 1)} slower than in the earlier run, beyond the noise"
        for name, count in slower.items()
        if name not in said
    ]
    timed = [row for row in matrix.get("bench_runs", ()) if allow_stale or not row["outdated"]]
    wrong = [(row["unanswered"], f"{row['cell']} benchmarks: {row['problem']}") for row in timed if row["problem"]]
    bad += [sentence for unanswered, sentence in wrong if not unanswered]
    bad += [
        f"incident {row['test']} on {row['cell']}: it shows where it should not, or does not where it should"
        for row in matrix["incidents"]
        if "date" in row and row["outcome"] == "failed" and (allow_stale or not row["outdated"])
    ]
    bad += [f"codegen: {sentence}" for sentence in matrix["codegen"]["gone"]]
    bad += [f"values: {sentence}" for sentence in matrix["values"]["gone"]]
    bad += matrix["changes"]["gone"] if matrix["changes"] else []
    bad += [f"job {name}: {result}" for name, result in asked.jobs.items() if result == "failure"]
    unanswered = [f"{row['file']} {row['problem']}" for row in matrix["problems"] if row["broken"]]
    unanswered += [sentence for cannot_say, sentence in wrong if cannot_say]
    unanswered += expected.unrun(matrix, asked.required, asked.releases, allow_stale)
    unanswered += expected.unmet(matrix, asked.expected, asked.releases, allow_stale)
    unanswered += [f"job {name}: {result}" for name, result in asked.jobs.items() if result in expected.NEVER_ENDED]
    unanswered += _nothing_compared(matrix["changes"])
    unanswered += filter(None, [atlas.nothing_compared(matrix["codegen"], allow_stale)])
    unanswered += filter(None, [atlas.nothing_compared(matrix["values"], allow_stale, "values")])
    if not allow_stale:
        unanswered += [f"{where}: stale: {row['reason']}" for where, row in stale if row["own"]]
    found: list[Mapping[str, Any]] = [row for cell in matrix["cells"].values() for row in cell["levels"].values()]
    found += [*matrix["codegen"]["summary"].values(), *matrix["values"]["summary"].values()]
    found = [row for row in found if sum(row["counts"].values()) or row.get("shortfall")]
    counting: list[Mapping[str, Any]] = [row for row in timed if row["level"] == "device"]
    counting += [row for row in found if allow_stale or row["verdict"] != "stale"]
    if not counting and not any(cell["stopped"] for cell in matrix["cells"].values()):
        there = found or matrix.get("bench_runs")
        none = "no result is of the checkout as it is now" if there else "there are no results"
        unanswered.append(f"{none}: run `nox`, or name a folder that holds some with --add")
    return (FAILED if bad else CANNOT_SAY if unanswered else OK), [*bad, *unanswered]


def _bad_releases(over: Codegen, verb: str, of_cells: Collection[Any]) -> list[str]:
    """Releases that failed or regressed, those for one reason at once, without those that stand in a cell."""
    alike: dict[str, list[str]] = {}
    for release, row in over["summary"].items():
        if row["verdict"] in BAD and release not in of_cells:
            alike.setdefault(f"{row['verdict']}: {row['reason']}", []).append(release)
    return [f"{verb} of {', '.join(releases)}: {said}" for said, releases in alike.items()]


def _level_verdict(level: FoundLevel, newly_failing: int, slower: int) -> tuple[Verdict, str]:
    counts = level["counts"]
    if "ok" in counts:  # what another package launched, compiled
        said = ", ".join(f"{count} {cause}" for cause, count in sorted(level["causes"].items(), key=lambda kv: -kv[1]))
        findings = sum(level["causes"].values())
        return ("fail", f"{findings} findings: {said}") if findings else ("pass" if counts["ok"] else "n/a", "")
    failing = words.failing(counts)
    if newly_failing:
        return "regressed", f"{newly_failing} of {failing} failing tests passed in the earlier run"
    if slower and not failing:
        return "regressed", f"{slower} benchmark{'s' * (slower > 1)} slower than in the earlier run, beyond the noise"
    if failing:
        said = ", ".join(f"{count} {cause}" for cause, count in sorted(level["causes"].items(), key=lambda kv: -kv[1]))
        return "fail", f"{failing} failing: {said}"
    if level["shortfall"]:
        return "fail", f"{causes.of_shortfall(level['shortfall'])[0]}: {level['shortfall']}"
    if counts["known"] and not counts["passed"]:
        return "fail", f"no test passed: each of the {counts['known']} failures is known, and nothing else ran"
    if level["gone"]:
        return "fail", level["gone"][0]
    if not counts["passed"]:
        if not sum(counts.values()):
            return "fail", "harness: pytest ran no test"
        reason = level["skips"][0][0] if level["skips"] else "no reason recorded"
        return (
            "n/a" if counts["n/a"] and not counts["skipped"] else "unavailable"
        ), f"every test was skipped: {reason}"
    if level["unlaunched"]:
        return _unlaunched(level)
    return "pass", ""


def _unlaunched(level: FoundLevel) -> tuple[Verdict, str]:
    """Of a level whose tests passed without a kernel: where they are written for a GPU, they wait for one."""
    skipped = sum(count for reason, count in level["skips"] if reason.startswith(NEEDS_GPU))
    if level["waits"] and skipped:
        return "unavailable", f"no Triton kernel ran, and {skipped} tests need a GPU"
    return "fail", level["unlaunched"]


def _codegen_level(codegen: Codegen, cell: FoundCell) -> Optional[Level]:
    """The codegen level of a cell is that of its Triton release in the atlas."""
    ran = [level["versions"].get("triton") for level in cell["levels"].values() if level.get("versions")]
    release = str(next(filter(None, ran), None) or cell["asked"].get("triton")).split("+")[0]
    row = codegen["summary"].get(release)
    if row is None:
        return None
    level: Level = {
        "date": row["date"],
        "commit": row["commit"],
        "counts": row["counts"],
        "verdict": row["verdict"],
        "reason": row["reason"],
        "own": row["own"],
        "outdated": row["outdated"],
        "release": release,
    }
    return {**level, "was": row["was"]} if "was" in row else level


def _cell_verdict(name: str, cell: FoundCell, levels: Mapping[str, Level]) -> tuple[Verdict, str]:
    stopped = cell["stopped"]
    if stopped:
        if stopped["status"] is None:
            return "fail", f"stopped at {stopped['stage']}: {stopped['tail']}"
        return "fail", f"stopped at {stopped['stage']} with status {stopped['status']}"
    # what another machine once found of other sources is shown, and is no part of today's verdict
    counting = {level: row for level, row in levels.items() if row["verdict"] != "stale" or row["own"]}
    ours = not is_subject(name)
    ran = {level: row for level, row in counting.items() if level != "codegen" or not ours}
    if counting:
        level, worst = min(counting.items(), key=lambda item: VERDICTS.index(item[1]["verdict"]))
        if worst["verdict"] in BAD or (worst["verdict"] == "stale" and ran):
            return worst["verdict"], f"{level}: {worst['reason']}"
    if not ran and cell["unavailable"]:
        return cell["unavailable"]["verdict"], cell["unavailable"]["reason"]
    old = {level: row for level, row in levels.items() if row["verdict"] == "stale" and level != "codegen"}
    if not ran and old:
        level, row = next(iter(old.items()))
        return "stale", f"{level}: {row['reason']}"
    if not ran:
        only = "compiled only, " if levels else ""
        return "unavailable", f"{only}no suite has run: `{session(name)}`"
    if any(row["verdict"] == "pass" for row in ran.values()):
        return "pass", ""
    return worst["verdict"], worst["reason"]


def _nothing_compared(changes: Optional[Changes]) -> list[str]:
    """What to say where both runs have timings in common, and nothing can be told of any of them."""
    if changes is None or not changes["too_noisy"] or changes["compared"]:
        return []
    count = len(changes["too_noisy"])
    return [f"timings against {changes['against']}: each of the {count} is too noisy to tell"]
