"""Verdicts of cells and levels, known failures, required results, and the exit status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import files
from ..base.terms import BAD, VERDICTS
from ..evidence.reading import is_subject, session, table_cell
from . import atlas, words

OK, FAILED, CANNOT_SAY = 0, 1, 2


@dataclass(frozen=True)
class KnownRow:
    """A failure that is known and accepted, with the reason. ``*`` and ``?`` match as in a shell."""

    cell: str
    level: str
    test: str
    reason: str

    def covers(self, cell: str, level: str) -> bool:
        """Whether the row speaks of this level of this cell."""
        return _like(self.cell, cell) and _like(self.level, level)


@dataclass(frozen=True)
class Known:
    """The rows of ``tests/known.toml``, and what they accept."""

    rows: tuple[KnownRow, ...] = ()
    slower: tuple[KnownRow, ...] = ()
    file: str = field(default="known.toml", compare=False)

    def reason(self, cell: str, level: str, test: str) -> str:
        """Why this failure is accepted; empty where it is not."""
        return next((row.reason for row in self.rows if row.covers(cell, level) and _like(row.test, test)), "")

    def accepts_slower(self, cell: str, benchmark: str) -> str:
        """Why this benchmark may be slower than before; empty where it may not."""
        return next((row.reason for row in self.slower if _like(row.cell, cell) and _like(row.test, benchmark)), "")

    def slower_gone(self, slower: Iterable[Mapping[str, Any]], compared: Iterable[tuple[str, str]]) -> list[str]:
        """Rows of [[slower]] whose benchmarks were compared and are no longer slower, one sentence each."""
        found, compared = [], list(compared)
        for row in self.slower:
            there = [item for item in compared if _like(row.cell, item[0]) and _like(row.test, item[1])]
            if there and not {(item["cell"], item["name"]) for item in slower} & set(there):
                found.append(
                    f"known slow-down {row.test!r} no longer occurs ({row.reason}): remove it from {self.file}"
                )
        return found

    def gone(self, cell: str, level: str, outcomes: Mapping[str, str]) -> list[str]:
        """Rows whose tests ran here and no longer fail, one sentence each: such a row must go."""
        found = []
        for row in self.rows:
            if row.covers(cell, level):
                ran = [letter for test, letter in outcomes.items() if _like(row.test, test) and letter in "EF."]
                if ran and not set(ran) & {"E", "F"}:
                    found.append(
                        f"known failure {row.test!r} no longer occurs ({row.reason}): remove it from {self.file}"
                    )
        return found


def load_known(path: Optional[Path]) -> Known:
    """Read the known failures; no file means none.

    Raises:
        ValueError: not to be read as TOML, or a row without its reason; names file and row.
    """
    if path is None or not path.is_file():
        return Known()
    table = files.read_toml(path, "--known")
    unknown = sorted(set(table) - {"test", "slower"})
    if unknown:
        raise ValueError(f"{path.name}: unknown table {unknown[0]!r}; allowed are [[test]] and [[slower]]")
    kinds = {"test": ("cell", "level", "test", "reason"), "slower": ("cell", "benchmark", "reason")}
    rows: dict[str, list[KnownRow]] = {"test": [], "slower": []}
    for kind, keys in kinds.items():
        for number, row in enumerate(table.get(kind, []), 1):
            for key in keys:
                if not row.get(key):
                    raise ValueError(
                        f"{path.name}: row {number} of [[{kind}]] lacks {key!r}; it needs {', '.join(keys)}"
                    )
            for key in row:
                if key not in keys:
                    raise ValueError(
                        f"{path.name}: row {number} of [[{kind}]] has {key!r}; allowed are {', '.join(keys)}"
                    )
            test = row["test" if kind == "test" else "benchmark"]
            rows[kind].append(KnownRow(row["cell"], row.get("level", "device"), test, row["reason"]))
    return Known(tuple(rows["test"]), tuple(rows["slower"]), path.name)


def judge(matrix: dict[str, Any]) -> None:
    """Write the verdict and its reason into every level and cell of ``matrix``; ``changes`` must be in it already."""
    for row in matrix["codegen"]["summary"].values():
        if row["outdated"]:
            mark_stale(row)
    changes = matrix.get("changes") or {}
    newly = {(row["cell"], row["level"]): row["count"] for row in changes.get("newly_failing", [])}
    slower: dict[str, int] = {}
    for row in changes.get("slower", []):
        if not row["accepted"]:
            slower[row["cell"]] = slower.get(row["cell"], 0) + 1
    for name, cell in matrix["cells"].items():
        for level, found in cell["levels"].items():
            if "verdict" in found:
                continue  # of a subject's launches, judged already
            lost = slower.get(name, 0) if level == "device" else 0
            found["verdict"], found["reason"] = _level_verdict(found, newly.get((name, level), 0), lost)
            if found["outdated"]:
                mark_stale(found)
        codegen = None if is_subject(name) else _codegen_level(matrix, cell)
        if codegen and "codegen" not in cell["levels"]:
            cell["levels"]["codegen"] = codegen
        cell["verdict"], cell["reason"] = _cell_verdict(name, cell)
    matrix["failures"] += atlas.failures(matrix)
    matrix["failures"].sort(key=_importance)


def mark_stale(level: dict[str, Any]) -> None:
    """Make a judged result that is not of the checkout as it is now ``stale``; ``was`` keeps what it was."""
    level["was"] = level["verdict"]
    when = f"{level['was']} of {level['date']}, commit {words.short(level['commit'])}"
    level.update(verdict="stale", reason=f"{when}: {level['outdated']}")


def _importance(group: Mapping[str, Any]) -> tuple[bool, bool, int]:
    """Ours before other packages', unknown before known, many before few."""
    others = all(is_subject(where["cell"]) for where in group["where"])
    return others, bool(group["known"]), -group["count"]


def status(
    matrix: Mapping[str, Any], required: Iterable[tuple[str, str]], allow_stale: bool = False
) -> tuple[int, list[str]]:
    """The exit status and the sentences that explain it.

    0: every result is fine. 1: a cell failed or regressed. 2: the question cannot be answered: no results, evidence
    that cannot be read, a required result that is missing, or one of ours that is stale. A definite failure outranks
    an unanswered question.

    Args:
        allow_stale: whether a stale result counts as what it was.
    """
    stale = list(words.stale_levels(matrix))
    bad = [
        f"{name}: {cell['verdict']}: {cell['reason']}"
        for name, cell in matrix["cells"].items()
        if cell["verdict"] in BAD and not is_subject(name)
    ]
    of_cells = {cell["levels"].get("codegen", {}).get("release") for cell in matrix["cells"].values()}
    for release, row in matrix["codegen"]["summary"].items():
        if row["verdict"] in BAD and release not in of_cells:
            bad.append(f"codegen of {release}: {row['verdict']}: {row['reason']}")
    if allow_stale:
        bad += [f"{where}: {row['was']}: {row['reason']}" for where, row in stale if row["was"] in BAD]
    bad += [f"codegen: {sentence}" for sentence in matrix["codegen"]["gone"]]
    bad += (matrix["changes"] or {}).get("gone", [])
    unanswered = [f"{row['file']} {row['problem']}" for row in matrix["problems"] if row["broken"]]
    unanswered += [sentence for cell, level in required if (sentence := _missing(matrix, cell, level, allow_stale))]
    if not allow_stale:
        unanswered += [f"{where}: stale: {row['reason']}" for where, row in stale if row["own"]]
    ran = any(cell["levels"] or cell["stopped"] for cell in matrix["cells"].values())
    if not ran and not matrix["codegen"]["releases"]:
        unanswered.append("there are no results: run `nox`, or name a folder that holds some with --add")
    return (FAILED if bad else CANNOT_SAY if unanswered else OK), [*bad, *unanswered]


def _level_verdict(level: Mapping[str, Any], newly_failing: int, slower: int) -> tuple[str, str]:
    counts = level["counts"]
    failing = counts["failed"] + counts["error"] - counts["known"]
    if newly_failing:
        return "regressed", f"{newly_failing} of {failing} failing tests passed in the earlier run"
    if slower and not failing:
        return "regressed", f"{slower} benchmark{'s' * (slower > 1)} slower than in the earlier run, beyond the noise"
    if failing:
        causes = ", ".join(
            f"{count} {cause}" for cause, count in sorted(level["causes"].items(), key=lambda kv: -kv[1])
        )
        return "fail", f"{failing} failing: {causes}"
    if level["shortfall"]:
        return "fail", f"harness: {level['shortfall']}"
    if level["gone"]:
        return "fail", level["gone"][0]
    if not counts["passed"] and not counts["known"]:
        if not sum(counts.values()):
            return "fail", "harness: pytest ran no test"
        reason = level["skips"][0][0] if level["skips"] else "no reason recorded"
        return (
            "n/a" if counts["n/a"] and not counts["skipped"] else "unavailable"
        ), f"every test was skipped: {reason}"
    return "pass", ""


def _codegen_level(matrix: Mapping[str, Any], cell: Mapping[str, Any]) -> Optional[dict[str, Any]]:
    """The codegen level of a cell is that of its Triton release in the atlas."""
    ran = [level["versions"].get("triton") for level in cell["levels"].values() if level.get("versions")]
    triton = next(filter(None, ran), None) or cell["asked"].get("triton")
    row = matrix["codegen"]["summary"].get(str(triton).split("+")[0])
    if row is None:
        return None
    kept = ("date", "commit", "counts", "verdict", "reason", "was", "own", "outdated")
    return {**{key: row[key] for key in kept if key in row}, "release": str(triton).split("+")[0]}


def _cell_verdict(name: str, cell: Mapping[str, Any]) -> tuple[str, str]:
    if cell["stopped"]:
        stopped = cell["stopped"]
        if stopped["status"] is None:
            return "fail", f"stopped at {stopped['stage']}: {stopped['tail']}"
        return "fail", f"stopped at {stopped['stage']} with status {stopped['status']}"
    # what another machine once found of other sources is shown, and is no part of today's verdict
    counting = {level: row for level, row in cell["levels"].items() if row["verdict"] != "stale" or row["own"]}
    ours = not is_subject(name)
    ran = {level: row for level, row in counting.items() if level != "codegen" or not ours}
    if counting:
        level, worst = min(counting.items(), key=lambda item: VERDICTS.index(item[1]["verdict"]))
        if worst["verdict"] in BAD or (worst["verdict"] == "stale" and ran):
            return worst["verdict"], f"{level}: {worst['reason']}"
    if not ran and cell["unavailable"]:
        return cell["unavailable"]["verdict"], cell["unavailable"]["reason"]
    old = {level: row for level, row in cell["levels"].items() if row["verdict"] == "stale" and level != "codegen"}
    if not ran and old:
        level, row = next(iter(old.items()))
        return "stale", f"{level}: {row['reason']}"
    if not ran:
        only = "compiled only, " if cell["levels"] else ""
        return "unavailable", f"{only}no suite has run: `{session(name)}`"
    if any(row["verdict"] == "pass" for row in ran.values()):
        return "pass", ""
    return worst["verdict"], worst["reason"]


def _missing(matrix: Mapping[str, Any], cell: str, level: str, allow_stale: bool) -> str:
    """What to say where a required result is not there; a level whose tests were all skipped did not run."""
    names = [name for name in matrix["cells"] if cell in (name, table_cell(name))]
    found = [matrix["cells"][name]["levels"].get(level) for name in names]
    good = ("pass", *BAD)
    ran = [row for row in found if row and (row["verdict"] in good or (allow_stale and row.get("was") in good))]
    if ran:
        return ""
    because = next((f": {row['reason']}" for row in found if row), "")
    return f"required but not there: level {level} of cell {cell}{because}"


def _like(pattern: str, value: str) -> bool:
    """Whether ``value`` matches; only ``*`` and ``?`` are special, since test ids are full of brackets."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.DOTALL) is not None
