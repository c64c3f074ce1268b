"""``bench``: run a cell's benchmarks in this Python, print them, keep them, compare them."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import re
import signal
import sys
import uuid
from pathlib import Path
from typing import Any, Optional

from ..base import commands, compiler_variables, files, locks, per_gpu
from ..base.cells import Cell, Table, add_cell, load_at
from ..base.levels import LEVELS
from ..evidence import bench_runs, benchmark_file, installed, runs, toolchain, writing
from . import regression
from . import table as lines
from .device import cli as device
from .runner import NO_ROWS, Ended, Runner, level_here, suite_of

PACKAGES = ("pytest", "pytest_benchmark")  # what else a suite needs, its own imports say


@commands.exit_status("bench")
def main(argv: list[str]) -> int:
    """Run the suite of benchmarks that the table's [package] names (default: tests/benchmarks), in this Python.

    Without a GPU nothing is timed, which is said; a suite then compiles its kernels. The result is written to
    reports/<cell>/benchmark.json, in pytest-benchmark's format, whole or not at all. Arguments that are not listed
    go to pytest: the options of the suite's own conftest.py, and pytest's. Exit status: 0; 1 where a row failed or
    regressed; 2 where the question cannot be asked.
    """
    options, pytest_args = _parser().parse_known_args(argv)
    if options.devices is not None:
        reports = files.as_given(options.reports or load_at(options.root).reports)
        return per_gpu.each("bench", per_gpu.without(argv), per_gpu.numbers(options.devices), reports)
    if options.launches is not None:
        if pytest_args:
            raise ValueError(f"the argument {pytest_args[0]!r} is none of bench --launches, which runs no pytest")
        return device.main(options)
    return _bench(options, [argument for argument in pytest_args if argument != "--"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix bench",
        description=main.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add_cell(parser, "ambient")
    add(
        "--devices",
        metavar="N,N",
        help="a process for each of these GPUs, at once; its evidence is in gpu-N/",
    )
    add("--level", choices=("auto", *LEVELS), default="auto", help="default: device with a GPU, codegen without one")
    add("--rows", metavar="REGEX", help="only rows whose name matches")
    add("--budget", type=float, default=0.1, help="seconds of rounds per measurement (default: 0.1)")
    add("--against", metavar="FILE|CELL", help="compare with a stored benchmark.json, or with another cell's")
    add("--threshold", type=float, default=regression.THRESHOLD, help="slow-down never called (default: 0.05)")
    device.add_options(parser)
    return parser


def _bench(options: argparse.Namespace, pytest_args: list[str]) -> int:
    if not 0 <= options.threshold < math.inf:
        raise ValueError(f"threshold is {options.threshold}; it must be a fraction, such as 0.05")
    table = load_at(options.root)
    cell = table.cell(options.cell)
    suite_of(table)
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"cell {cell.name} needs {', '.join(missing)} in {sys.executable}; install it there")
    reports = files.as_given(options.reports or table.reports)
    folder = reports / cell.name
    base = benchmark_file.read(_baseline(options.against, reports)) if options.against else None
    with locks.held(reports / f".{cell.name}.lock", f"the evidence {folder}"):
        level = options.level if options.level != "auto" else _level_here(table, cell, folder)
        runner = Runner(table, cell, level, folder, options.budget, pytest_args)
        print(f"cell {cell.name}, level {level}" + ("" if level == "device" else ": no kernel is timed"), flush=True)
        ended, report = _timed(runner, _declare(table, cell, level), folder, options.rows, bool(pytest_args))
        return _told(table, runner, ended, report, base, options, folder)


def _level_here(table: Table, cell: Cell, folder: Path) -> str:
    """What torch allows here; a run that cannot know it is declared all the same, and is no whole one."""
    try:
        level = level_here()
    except ValueError as error:
        run = _declare(table, cell, "device")
        run.problem = f"whether there is a GPU cannot be known: {error}"
        writing.open_bench(folder, run)
        writing.close_bench(folder, run, 2)
        raise
    if level != "device":
        _keep_timings(folder / benchmark_file.NAME, cell.name)
    return level


def _declare(table: Table, cell: Cell, level: str) -> runs.Run:
    """The run, before anything is timed."""
    commit, dirty = toolchain.git_state(table.root)
    wheel, inputs = installed.wheel(table, cell, is_subject=False), benchmark_file.inputs(table, cell)
    suites = [table.package.bench]
    return runs.Run(uuid.uuid4().hex, cell.name, level, toolchain.now(), commit, dirty, wheel, inputs, suites)


def _timed(
    runner: Runner, run: runs.Run, folder: Path, rows: Optional[str], is_selected: bool
) -> tuple[Ended, dict[str, Any]]:
    """Run the suite from its declaration to its end.

    Raises:
        ValueError: it left no timings of its suite; the last ones are as they were. A question that could not be asked,
            of a wrong option or of no row, was none: its declaration is taken back.
    """
    other = compiler_variables.replacing(os.environ) if run.level == "device" else {}
    if other:
        run.problem = f"other code than this Triton compiles was run: the shell sets {', '.join(other)}"
    earlier = writing.open_bench(folder, run)
    try:
        ended = runner.run(rows, folder / bench_runs.JOURNAL)
    except BaseException:
        run.problem = "it was interrupted"
        writing.close_bench(folder, run, -signal.SIGINT)
        raise
    nothing = ended.status == NO_ROWS and (rows or is_selected)
    if ended.usage or nothing:
        writing.withdraw_bench(folder, earlier)
    alike = regression.called_alike(ended.report) if ended.report else []
    if alike and not run.problem:
        run.problem = f"{alike[0]} is the name of several rows: pytest.mark.row(NAME) tells them apart"
    lacking = "" if ended.usage or nothing else writing.close_bench(folder, run, ended.status)
    if ended.usage:
        raise ValueError(ended.usage)
    if ended.report is None or lacking:
        why = f": {lacking}" if lacking else ""
        kept = folder / benchmark_file.NAME
        raise ValueError(f"pytest exited with {ended.status} and left no result{why}; {kept} is as it was")
    about = ended.report["triton_matrix"]
    about.update(run=run.id, wheel=vars(run.wheel), inputs=vars(run.inputs), helpers=run.helpers, read=run.read)
    about["deselected"] = about["deselected"] or len(run.left_out)  # files that pytest was told to ignore
    return ended, ended.report


def _told(
    table: Table,
    runner: Runner,
    ended: Ended,
    report: dict[str, Any],
    base: Optional[dict[str, Any]],
    options: argparse.Namespace,
    folder: Path,
) -> int:
    """Keep what was timed, compare it, and print both; returns the exit status."""
    about, status = report["triton_matrix"], ended.status
    if base is not None:
        about["against"] = {"baseline": options.against}  # what is asked for: kept without an answer if there is none
        benchmark_file.write(folder, report)
        regression.check_comparable(report, base)
        status = max(status, _compare(runner, report, base, options))
    target = benchmark_file.write(folder, report)
    print("\n".join([ended.shown, *lines.against(report)]))
    print(f"wrote {target}")
    stale = benchmark_file.outdated(about, about["wheel"]["checkout"], None)
    if stale:
        print(f"bench: this is stale already: {stale}", file=sys.stderr)
    if base is not None and not about["against"]["compared"]:
        print(f"bench: no row could be compared with {options.against}: nothing is said of any", file=sys.stderr)
        return max(status, 2)
    return status


def _keep_timings(path: Path, cell: str) -> None:
    """ValueError where a file holds timings of a GPU that torch does not see now: it may have vanished."""
    if not path.is_file():
        return
    try:
        about = benchmark_file.read(path)["triton_matrix"]
    except ValueError:
        return  # nothing that could be kept
    if about["level"] == "device":
        gpus = ", ".join(sorted({gpu["name"] for gpu in about.get("gpus", [])}))
        kept = f"{path} holds timings of {about.get('date')} on {gpus or 'a GPU'}"
        raise ValueError(f"torch sees no GPU in cell {cell}, and {kept}; --level codegen replaces them")


def _compare(runner: Runner, report: dict[str, Any], base: dict[str, Any], options: argparse.Namespace) -> int:
    """Compare with the baseline, re-measure what looks slower, and note the outcome in the report. 1 = regressed."""
    now, old = regression.entries(report), regression.entries(base)
    suspects = [change.row for change in regression.slower(now, old, options.threshold)]
    if suspects:
        print(f"{len(suspects)} rows look slower than {options.against}; measuring them again", flush=True)
        again = runner.again("^(" + "|".join(map(re.escape, suspects)) + ")$").report
        if again is None:
            raise ValueError("the rows that look slower could not be measured again")
        measured = regression.entries(again)
        gone = [row for row in suspects if row not in measured]
        if gone:
            raise ValueError(f"the rows that look slower could not be measured again: {', '.join(gone)}")
        now = {**now, **{row: measured[row] for row in suspects}}
    confirmed = regression.slower(now, old, options.threshold, suspects)
    noisy = regression.too_noisy(now, old, options.threshold)
    settled = {change.row for change in (*confirmed, *noisy)}
    report["triton_matrix"]["against"] = {
        "baseline": options.against,
        "baseline_cell": base["triton_matrix"]["cell"],
        "baseline_date": base["triton_matrix"]["date"],
        "baseline_commit": base["triton_matrix"].get("commit"),
        "compared": len(now.keys() & old.keys()) - len(noisy),
        "too_noisy": [vars(change) for change in noisy],
        "not_timed": sorted(old.keys() - now.keys()),
        "new": sorted(now.keys() - old.keys()),
        "threshold": options.threshold,
        "not_confirmed": sorted(set(suspects) - settled),
        "regressed": [vars(change) for change in confirmed],
    }
    return 1 if confirmed else 0


def _baseline(against: str, reports: Path) -> Path:
    """The file that ``--against`` means: a path, or another cell's report."""
    path = Path(against)
    if path.suffix == ".json":
        return files.as_given(path)
    report = reports / against / benchmark_file.NAME
    if not report.is_file():
        raise ValueError(f"against is {against!r}; it is no .json file, and there is no {report}")
    return report
