"""``nightly``: what the nightlies found, as one issue that is opened, updated, and closed when all is well again."""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import commands, display_text
from ..base.cells import Table, add_root, load_at
from ..base.levels import RUN_LEVELS
from ..report import expected
from ..report.cli import NEEDS
from . import jobs

if TYPE_CHECKING:  # they need what the report needs, which is looked for first
    from ..report.matrix import Matrix
    from ..report.verdict import Verdicts

TITLE = "Nightlies of the matrix"
MARK = "<!-- triton-matrix nightly: this issue is written by its workflow -->"  # GitHub does not show it
LABEL = "nightly"
CAUSE_LINES = 12
LINE = 200  # characters of one line of it
CAUSES = 15  # of a cell: GitHub refuses a text beyond 65,536 characters


@commands.exit_status("nightly")
def main(argv: list[str]) -> int:
    """Say what the nightly cells found: resolved versions, verdict and cause, as Markdown.

    With --publish, keep it as the one open issue of this repository (through the program gh). Exit status 0 also where
    a nightly fails: that is the issue's news, not this command's. 1 where gh failed, 2 for bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix nightly", description=main.__doc__)
    parser.add_argument("--evidence", type=Path, help="evidence of all jobs (default: reports/ in the repo root)")
    parser.add_argument("--run", default="", metavar="URL", help="the CI run that the evidence is from")
    parser.add_argument("--publish", action="store_true", help="open, update or close the issue")
    add_root(parser)
    options = parser.parse_args(argv)
    table = load_at(options.root)
    nightlies = [cell.name for cell in table.cells.values() if cell.nightly]
    if not nightlies:
        raise ValueError(f"{table.path.name} has no nightly cell")
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"it judges as the report does and needs {', '.join(missing)}: `nox -s nightly` has them")
    from ..report.answer import judge, matrix_of  # not before it is known to be there
    from ..report.status import Asked

    verdicts = judge([options.evidence or table.reports], table)
    matrix, lacking = matrix_of(verdicts, Asked()), troubles(verdicts, table, nightlies)
    body = render(matrix, nightlies, options.run, lacking)
    print(body)
    if options.publish:
        publish(body, not lacking and all(matrix["cells"][name]["verdict"] == "pass" for name in nightlies))
    return 0


def troubles(verdicts: Verdicts, table: Table, nightlies: list[str]) -> list[str]:
    """What the nightly jobs were to leave and did not, and what is wrong with their timings: a sentence each."""
    wanted = jobs.expected(table, jobs.select(jobs.jobs(table), "schedule", None))
    on_cpu = [each for each in wanted if each.level == "interpreter"]
    said = expected.unmet(verdicts, on_cpu, table.releases, False)
    said += expected.unrun(verdicts, [each for each in wanted if each not in on_cpu], table.releases, False)
    timed = [run for run in verdicts.facts.bench_runs if str(run.column) in nightlies and run.problem]
    return [*said, *(f"{run.column} benchmarks: {run.problem}" for run in timed)]


def render(matrix: Matrix, cells: list[str], run: str, lacking: list[str]) -> str:
    """The issue's body: for each of the cells, what it resolved to and the report's own verdict and causes.

    Args:
        lacking: what the jobs did not leave.
    """
    from ..report import markdown

    found_in = f" in [this run]({run})" if run else ""
    parts = [MARK, f"What the nightly cells found{found_in}. Kept up to date by that run.", ""]
    parts += [f"- {markdown.code(display_text.clean(sentence))}" for sentence in lacking]
    for name in cells:
        cell = matrix["cells"][name]
        resolved = [_resolved(row) for row in matrix["environments"] if row["cell"] == name]
        parts += [f"## {name}: {cell['verdict']}", ""]
        parts += [f"- resolved: {line}" for line in dict.fromkeys(resolved)] or ["- resolved: nothing"]
        for level in (each for each in RUN_LEVELS if each in cell["levels"]):
            parts.append(f"- {level}: {_counted(cell['levels'][level]['counts'])}")
        parts += [f"- {level}: did not run" for level in RUN_LEVELS if level not in cell["levels"]]
        if cell["reason"]:
            parts += [
                "",
                markdown.code(display_text.clean(cell["reason"])),
            ]  # as code: it may hold names of tests, or mention
        causes = list(_causes(matrix, name))
        parts += [f"\n{cause}" for cause in causes[:CAUSES]]
        if len(causes) > CAUSES:
            parts += ["", f"And {len(causes) - CAUSES} more causes: see the run's report."]
        parts.append("")
    return "\n".join(parts)


def _causes(matrix: Matrix, name: str) -> Iterator[str]:
    """Each group of failures of the cell that is not known: a test of it, and how that ended."""
    from ..report import markdown

    for group in matrix["failures"]:
        for where in group["where"]:
            if where["cell"] == name and not group["known"]:
                first = markdown.code(where["tests"][0])
                count = f" and {where['count'] - 1} more" if where["count"] > 1 else ""
                said = _block(group["message"], group["example"])
                yield f"{where['level']}: {group['cause']}: {first}{count}\n\n{said}"


def _counted(counts: Mapping[str, int]) -> str:
    failed, skipped = counts["failed"] + counts["error"], counts["skipped"] + counts["n/a"]
    known = f" ({counts['known']} known)" if counts["known"] else ""
    return f"{counts['passed']} passed, {failed} failed{known}, {skipped} skipped"


def publish(said: str, well: bool) -> None:
    """Keep ``said`` as the one open issue; where all is ``well``, close the one that is open, if any.

    An issue is this workflow's own where its text begins with MARK: others may have the label too.
    """
    listed = _asked(["issue", "list", "--state", "open", "--label", LABEL, "--json", "number,body", "--limit", "1000"])
    own = sorted(each["number"] for each in listed if str(each.get("body") or "").lstrip().startswith(MARK))
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.md"
        body.write_text(said, encoding="utf-8")
        if own:
            commands.run(["gh", "issue", "edit", str(own[0]), "--body-file", str(body)])
            if well:
                commands.run(["gh", "issue", "close", str(own[0]), "--comment", "All nightly cells pass."])
        elif not well:
            if LABEL not in [each["name"] for each in _asked(["label", "list", "--json", "name", "--limit", "1000"])]:
                about = "Opened and updated by the nightly workflow"
                commands.run(["gh", "label", "create", LABEL, "--description", about])
            commands.run(["gh", "issue", "create", "--title", TITLE, "--label", LABEL, "--body-file", str(body)])


def _asked(words: list[str]) -> list[dict[str, Any]]:
    """What gh answers as JSON."""
    return list(json.loads(commands.run(["gh", *words]).strip() or "[]"))


def _resolved(environment: Mapping[str, Any]) -> str:
    words = [f"Python {environment['python']}"]
    for name in ("torch", "triton"):
        about = environment[name]
        version = about.get("version") or about.get("error")
        words.append(f"{name} {version}" + (f" ({about['distribution']})" if about.get("distribution") else ""))
    words.append(", ".join(gpu["name"] for gpu in environment.get("gpus", ())) or "no GPU")
    return ", ".join(words)


def _block(message: str, example: str) -> str:
    last = [*message.splitlines(), *example.strip().splitlines()[-CAUSE_LINES:]]
    return "\n".join(f"    {line[:LINE]}" for line in last)
