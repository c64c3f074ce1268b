"""``bench``: run a cell's benchmarks in this Python, print them, keep them, compare them."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Optional, TextIO

from ..base import commands, files
from ..base.cells import Table, find_root, load_at
from ..base.terms import LEVELS
from ..evidence import benchmark_file, installed
from . import regression, table

PACKAGES = ("pytest", "pytest_benchmark")  # what else a suite needs, its own imports say
PATTERN = "bench_*.py"
USAGE_ERROR = 4  # pytest's exit status where an option is wrong


@commands.exit_status("bench")
def main(argv: list[str]) -> int:
    """Run the suite of benchmarks that the table's [package] names (default: tests/benchmarks), in this Python.

    Without a GPU nothing is timed, which is said; a suite then compiles its kernels. The result is written to
    reports/<cell>/benchmark.json, in pytest-benchmark's format, whole or not at all. Arguments that are not listed
    go to pytest: the options of the suite's own conftest.py, and pytest's. Exit status: 0; 1 where a row failed or
    regressed; 2 where the question cannot be asked.
    """
    options, pytest_args = _parser().parse_known_args(argv)
    return _bench(options, [argument for argument in pytest_args if argument != "--"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix bench",
        description=main.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--cell", default="ambient", help="a row of constraints/cells.toml (default: ambient)")
    add("--root", type=Path, help="the repo root (default: found from the current folder up)")
    add("--reports", type=Path, help="where evidence goes (default: reports/ in the repo root)")
    add("--level", choices=("auto", *LEVELS), default="auto", help="default: device with a GPU, codegen without one")
    add("--rows", metavar="REGEX", help="only rows whose name matches")
    add("--budget", type=float, default=0.1, help="seconds of rounds per measurement (default: 0.1)")
    add("--against", metavar="FILE|CELL", help="compare with a stored benchmark.json, or with another cell's")
    add("--threshold", type=float, default=regression.THRESHOLD, help="slow-down never called (default: 0.05)")
    return parser


def _bench(options: argparse.Namespace, pytest_args: list[str]) -> int:
    root = find_root(options.root)
    cells = load_at(root)
    cell = cells.cell(options.cell).name
    suite = suite_of(cells)
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"cell {cell} needs {', '.join(missing)} in {sys.executable}; install it there")
    reports = files.as_given(options.reports or root / "reports")
    base = benchmark_file.read(_baseline(options.against, reports)) if options.against else None
    level = options.level if options.level != "auto" else _level_here()
    if options.level == "auto" and level != "device":
        _keep_timings(reports / cell / benchmark_file.NAME, cell)
    runner = Runner(root, suite, cell, level, reports / cell, options.budget, pytest_args)
    print(f"cell {cell}, level {level}" + ("" if level == "device" else ": no kernel is timed"), flush=True)
    wheel = vars(installed.wheel(cells, cells.cell(cell), is_subject=False))  # before anything is timed
    status, report, shown = runner.run(options.rows)
    if report is None:
        raise ValueError(f"pytest exited with {status} and left no result; {reports / cell} is as it was")
    about = report["triton_matrix"]
    if about.get("not_run"):
        raise ValueError(f"the run ended before {about['not_run']} of its rows did; {reports / cell} is as it was")
    about["wheel"] = wheel
    if base is not None:
        regression.check_comparable(report, base)
        status = max(status, _compare(runner, report, base, options))
    target = benchmark_file.write(reports / cell, report)
    print("\n".join([shown, *table.against(report)]))
    print(f"wrote {target}")
    stale = benchmark_file.outdated(about, about["wheel"]["checkout"])
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


def suite_of(cells: Table) -> Path:
    """The folder of the table's suite of benchmarks; ValueError where it has none."""
    folder = (cells.root / cells.package.bench).resolve()
    if not any(folder.glob(PATTERN)):
        raise ValueError(
            f"bench is {cells.package.bench!r} in {cells.path.name} [package]; "
            f"allowed is a folder below the repo root with {PATTERN}, which docs/bench.md shows"
        )
    return folder


class Runner:
    """Runs the benchmark files under pytest, in a process of its own so that a crash leaves this one to say so.

    Args:
        root: the repo root.
        suite: the folder of the benchmark files.
        cell, level: of this run.
        evidence: the folder that the cell's evidence goes to.
        budget: seconds of rounds per measurement.
        pytest_args: the suite's own options, and pytest's.
    """

    def __init__(
        self, root: Path, suite: Path, cell: str, level: str, evidence: Path, budget: float, pytest_args: list[str]
    ) -> None:
        self._command = [sys.executable, "-m", "pytest", "-p", "triton_matrix.bench.plugin", "-q"]
        self._command += commands.in_one_process()
        self._command += [f"--rootdir={root}", "-o", f"python_files={PATTERN}"]
        self._command += [f"--bench-level={level}", f"--bench-budget={budget}"]
        if not any(argument.startswith("--benchmark") for argument in pytest_args):
            self._command.append(
                "--benchmark-quiet"
            )  # a table of the suite's rows is printed, unless theirs is asked for
        # never from the root, where the checkout's package would be found before the installed wheel
        self._folder = suite.parent if suite.parent != root else suite
        self._arguments = [*pytest_args, str(suite.relative_to(self._folder))]
        package = Path(__file__).resolve().parents[2]
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        evidence_of = {"TRITON_MATRIX_CELL": cell, "TRITON_MATRIX_EVIDENCE": str(evidence), "PYTHONPATH": path}
        self._env = {files.STARTED_IN: os.getcwd(), **os.environ, **evidence_of}
        for name in ("TRITON_INTERPRET", "TRITON_MATRIX_LEVEL"):
            self._env.pop(name, None)
        if level == "interpreter":
            self._env["TRITON_INTERPRET"] = "1"

    def run(self, rows: Optional[str], again: bool = False) -> tuple[int, Optional[dict[str, Any]], str]:
        """Run the suite.

        Args:
            rows: regular expression on the names of rows.
            again: a re-measurement; a suite may then leave out what is not the package's own.

        Returns:
            0 or 1, the report, and its table as text; pytest's exit status, None and "" where it left none.

        Raises:
            ValueError: an option is wrong; what pytest says of it.
        """
        command = [*self._command, *([f"--bench-rows={rows}"] if rows else []), *(["--bench-again"] if again else [])]
        with tempfile.TemporaryDirectory(prefix="triton-matrix-bench-") as folder:
            scratch, shown, errors = (Path(folder) / name for name in ("benchmark.json", "table.txt", "errors.txt"))
            command += [f"--benchmark-json={scratch}", f"--bench-text={shown}", *self._arguments]
            with errors.open("w", encoding="utf-8") as stderr, self._started(command, stderr) as process:
                status = process.wait()
            said = errors.read_text(encoding="utf-8", errors="replace")
            if status == USAGE_ERROR and said.strip():
                raise ValueError(_usage_error(said))
            sys.stderr.write(said)
            if status not in (0, 1) or not scratch.is_file() or not scratch.stat().st_size:
                return status, None, ""
            return status, json.loads(scratch.read_text(encoding="utf-8")), shown.read_text(encoding="utf-8")

    def _started(
        self, command: list[str], stderr: TextIO
    ) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        return commands.group(command, cwd=self._folder, env=self._env, stderr=stderr)


def _usage_error(said: str) -> str:
    """The sentence of pytest's that says which option is wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for mark in ("error: ", "ERROR: "):
        for line in lines:
            if mark in line and "usage:" not in line:
                return line.partition(mark)[2]
    return lines[-1]


def _compare(runner: Runner, report: dict[str, Any], base: dict[str, Any], options: argparse.Namespace) -> int:
    """Compare with the baseline, re-measure what looks slower, and note the outcome in the report. 1 = regressed."""
    now, old = regression.entries(report), regression.entries(base)
    suspects = regression.slower(now, old, options.threshold)
    confirmed: list[regression.Change] = []
    if suspects:
        print(f"{len(suspects)} rows look slower than {options.against}; measuring them again", flush=True)
        pattern = "^(" + "|".join(re.escape(change.row) for change in suspects) + ")$"
        _, again, _ = runner.run(pattern, again=True)
        if again is None:
            raise ValueError("the rows that look slower could not be measured again")
        measured = regression.entries(again)
        gone = [change.row for change in suspects if change.row not in measured]
        if gone:
            raise ValueError(f"the rows that look slower could not be measured again: {', '.join(gone)}")
        confirmed = regression.slower(measured, old, options.threshold, [change.row for change in suspects])
    report["triton_matrix"]["against"] = {
        "baseline": options.against,
        "baseline_cell": base["triton_matrix"]["cell"],
        "baseline_date": base["triton_matrix"]["date"],
        "baseline_commit": base["triton_matrix"].get("commit"),
        "compared": len(now.keys() & old.keys()),
        "not_timed": sorted(old.keys() - now.keys()),
        "threshold": options.threshold,
        "not_confirmed": sorted({change.row for change in suspects} - {change.row for change in confirmed}),
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


def _level_here() -> str:
    """``device`` where torch sees a GPU; asked in a process of its own, because importing torch takes seconds."""
    code = "import torch; print(torch.cuda.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise ValueError(f"torch does not import here: exit status {done.returncode}, {last}")
    return "device" if done.stdout.strip().endswith("True") else "codegen"
