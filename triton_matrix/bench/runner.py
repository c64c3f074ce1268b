"""A suite of benchmarks under pytest, in a process of its own so that a crash leaves this one to say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..base import commands, env_vars, files
from ..base.cells import Cell, Table

PATTERN = "bench_*.py"
JOURNAL = "TRITON_MATRIX_JOURNAL"  # the variable that names a run's journal to its process
# pytest-benchmark is one of those that pytest finds itself, unless it is told to find none
PLUGINS = ("benchmark", "triton_matrix.bench.plugin", "triton_matrix.suites.imports")
USAGE_ERROR, NO_ROWS = 4, 5  # pytest's exit status where an option is wrong, and where nothing is selected


@dataclass(frozen=True)
class Ended:
    """What a run of the suite left.

    Attributes:
        status: pytest's exit status.
        report: the content of pytest-benchmark's file; None where it left none that is whole.
        shown: its table as text.
        usage: what pytest says of a wrong option; else "".
    """

    status: int
    report: Optional[dict[str, Any]] = None
    shown: str = ""
    usage: str = ""


class Runner:
    """Runs the benchmark files of a table's suite.

    Args:
        table: whose suite it is.
        cell, level: of this run.
        evidence: the folder that the cell's evidence goes to.
        budget: seconds of rounds per measurement.
        pytest_args: the suite's own options, and pytest's.
    """

    def __init__(
        self, table: Table, cell: Cell, level: str, evidence: Path, budget: float, pytest_args: list[str]
    ) -> None:
        suite = suite_of(table)
        # never from the root, where the checkout's package would be found before the installed wheel
        self._folder = suite.parent if suite.parent != table.root else suite
        self._command = [sys.executable, "-m", "pytest", *(word for name in PLUGINS for word in ("-p", name)), "-q"]
        self._command += commands.in_one_process()
        self._command += [f"--rootdir={table.root}", "-o", f"python_files={PATTERN}"]
        self._command += [f"--bench-level={level}", f"--bench-budget={budget}"]
        if not any(argument.startswith("--benchmark") for argument in pytest_args):
            # a table of the suite's rows is printed, unless theirs is asked for
            self._command.append("--benchmark-quiet")
        named = str(suite.relative_to(self._folder))
        self._arguments = [*pytest_args, named]
        package = Path(__file__).resolve().parents[2]
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        own = {env_vars.CELL: cell.name, env_vars.EVIDENCE: str(evidence), env_vars.SUITES: named, "PYTHONPATH": path}
        self._env = {files.STARTED_IN: os.getcwd(), **os.environ, **own}
        for name in (env_vars.INTERPRET, env_vars.LEVEL, env_vars.RUN, "PYTHONOPTIMIZE"):
            self._env.pop(name, None)
        commands.drop_pytest_options(self._env)
        if level == "interpreter":
            self._env[env_vars.INTERPRET] = "1"

    def run(self, rows: Optional[str], journal: Path) -> Ended:
        """Run the suite.

        Args:
            rows: regular expression on the names of rows.
            journal: a file to which the process tells what it does (:func:`evidence.runs.read_journal`).
        """
        return self._run(rows, [], {JOURNAL: str(journal)})

    def again(self, rows: str) -> Ended:
        """Measure rows again; a suite may leave out what is not the package's own."""
        return self._run(rows, ["--bench-again"], {})

    def _run(self, rows: Optional[str], options: list[str], env: Mapping[str, str]) -> Ended:
        command = [*self._command, *([f"--bench-rows={rows}"] if rows else []), *options]
        with tempfile.TemporaryDirectory(prefix="triton-matrix-bench-") as folder:
            scratch, shown, errors = (Path(folder) / name for name in ("benchmark.json", "table.txt", "errors.txt"))
            command += [f"--benchmark-json={scratch}", f"--bench-text={shown}", *self._arguments]
            options_ = {"cwd": self._folder, "env": {**self._env, **env}}
            with errors.open("w", encoding="utf-8") as stderr, commands.group(command, stderr=stderr, **options_) as it:
                status = it.wait()
            said = errors.read_text(encoding="utf-8", errors="replace")
            if status == USAGE_ERROR and said.strip():
                return Ended(status, usage=_usage_error(said))
            sys.stderr.write(said)
            if status not in (0, 1) or not scratch.is_file() or not scratch.stat().st_size:
                return Ended(status)
            report = json.loads(scratch.read_text(encoding="utf-8"))
            return Ended(status, report, shown.read_text(encoding="utf-8"))


def suite_of(table: Table) -> Path:
    """The folder of the table's suite of benchmarks; ValueError where it has none."""
    folder = (table.root / table.package.bench).resolve()
    if not any(folder.glob(PATTERN)):
        raise ValueError(
            f"bench is {table.package.bench!r} in {table.path.name} [package]; "
            f"allowed is a folder below the repo root with {PATTERN}, which docs/bench.md shows"
        )
    return folder


def level_here() -> str:
    """``device`` where torch sees a GPU; asked in a process of its own, because importing torch takes seconds.

    Raises:
        ValueError: torch does not import.
    """
    code = "import torch; print(torch.cuda.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise ValueError(f"torch does not import here: exit status {done.returncode}, {last}")
    return "device" if done.stdout.strip().endswith("True") else "codegen"


def _usage_error(said: str) -> str:
    """The sentence of pytest's that says which option is wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for mark in ("error: ", "ERROR: "):
        for line in lines:
            if mark in line and "usage:" not in line:
                return line.partition(mark)[2]
    return lines[-1]
