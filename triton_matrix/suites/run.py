"""``run``: a cell's suites in this Python, level by level, each leaving its evidence whole or not at all."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base import commands, compiler_variables, env_vars, locks, per_gpu, sources
from ..base.cells import Cell, Table, add_cell, load_at
from ..base.display_text import masked
from ..base.levels import RUN_LEVELS
from ..evidence import installed, runs, toolchain, writing
from ..evidence.column import parse
from . import fit, suite_paths

PLUGINS = ("triton_matrix.suites.pytest_plugin", "triton_matrix.suites.imports")
PROBE_S = 300  # for torch to import and to count the GPUs
LATE_S = 60  # what a test may take beyond its limit, at most, where pytest-timeout cannot end it
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
NEEDS = ("pytest", "hypothesis", "torch", "triton")


@dataclass(frozen=True)
class Asked:
    """What the command line asks for, with what the table says to it."""

    table: Table
    cell: Cell
    folder: Path
    suites: list[str]
    plugin: Optional[str]
    selection: list[str]

    @property
    def whole(self) -> bool:
        """Whether this is everything that the column's suites hold, so that it may be filed as their result."""
        return not self.selection and self.suites == all_suites(self.table, self.folder.name)


@commands.exit_status("run")
def main(argv: list[str]) -> int:
    """Run a cell's suites in this Python.

    At level interpreter always, at level device too where torch sees a GPU. Arguments that are not listed go to pytest;
    such a run is a selection, so it leaves the evidence of the last whole run as it is; so does --suite.

    Exit status 0: all passed. 1: a test failed. 2: nothing was run, or not the whole, or not what the checkout holds.
    """
    options, pytest_args = _parser().parse_known_args(argv)
    table = load_at(options.root)
    if options.devices is not None:
        if options.level == "interpreter":
            raise ValueError("devices are for level device, and the level is interpreter")
        asked_for = [*per_gpu.without(argv), *([] if options.level else ["--level", "device"])]
        reports = (options.reports or table.reports).resolve()
        return per_gpu.each("run", asked_for, per_gpu.numbers(options.devices), reports)
    cell = table.cell(options.cell)
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"cell {cell.name} needs {', '.join(missing)} in {sys.executable}; add it there")
    column = cell.name if options.column is None else options.column
    named = parse(column)
    if column != cell.name and named.cell in table.cells and not (named.cell == cell.name and named.subject):
        raise ValueError(
            f"the column is {column!r}, which is another row's; allowed are {cell.name} and {cell.name}@..."
        )
    folder = writing.column_folder((options.reports or table.reports).resolve(), column)
    suites = suite_paths.paths(table, options.suite) if options.suite else all_suites(table, column)
    selection = [argument for argument in pytest_args if argument != "--"]
    asked = Asked(table, cell, folder, suites, options.plugin, selection)
    gpus, trouble = _count_gpus(cell) if options.level != "interpreter" else (0, "")
    if options.level == "device" and (trouble or not gpus):
        raise ValueError(f"level device was asked for, but {trouble or f'torch in {sys.executable} sees no GPU'}")
    levels = [options.level] if options.level else ["interpreter", *(["device"] if gpus else [])]
    try:
        with locks.held(folder.parent / f".{folder.name}.lock", f"the evidence {folder}"):
            status = max(_run_level(asked, level) for level in levels)
            if trouble:
                return _refuse(asked, "device", f"whether there is a GPU cannot be known: {trouble}")
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise ValueError(f"the evidence of cell {cell.name} cannot be written:{where}: {error.strerror}") from None
    if "device" not in levels:
        print("level device: not run" + ("" if options.level else ", torch sees no GPU here"), flush=True)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix run", description=main.__doc__)
    add_cell(parser, "ambient")
    parser.add_argument("--devices", metavar="N,N", help="a process for each of these GPUs, at once, at level device")
    parser.add_argument("--level", choices=RUN_LEVELS, help="only this level")
    parser.add_argument("--suite", action="append", help="a path below the repo root or tests/ (default: the table's)")
    parser.add_argument("--column", help="what the evidence is filed and shown under (default: the cell's name)")
    parser.add_argument("--plugin", help="a pytest plugin to load first")
    return parser


def all_suites(table: Table, column: str) -> list[str]:
    """What a whole run of the column is: the package's suites, or those that ask what any subject must answer."""
    return suite_paths.paths(table, table.package.subject.get("suites", ()) if parse(column).subject else ())


def _count_gpus(cell: Cell) -> tuple[int, str]:
    """How many GPUs torch sees; and why nobody can say.

    In a cell's own environment this first import of torch leaves its bytecode, also where the shell forbids that: each
    process that imports torch later would take twice as long.
    """
    code = "import torch; print('gpus', torch.cuda.device_count() if torch.cuda.is_available() else 0)"
    count, why = ask_torch(code, without=() if cell.ambient else (NO_BYTECODE,))
    return int(count or 0), why


def ask_torch(code: str, path: str = "", without: Sequence[str] = ()) -> tuple[str, str]:
    """What a program prints behind the word ``gpus``, and why nobody can say.

    It is a process of its own: this one stays light, and holds no GPU.

    Args:
        path: a folder that it imports from, behind those of PYTHONPATH.
        without: variables of the environment that it does not get.
    """
    env = {name: value for name, value in os.environ.items() if name not in (env_vars.INTERPRET, *without)}
    if path:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), path]))
    try:
        done = commands.captured([sys.executable, "-c", code], env=env, timeout_s=PROBE_S)
    except subprocess.TimeoutExpired:
        return "", f"torch in {sys.executable} did not answer in {PROBE_S} s"
    _, told, said = done.stdout.rpartition("gpus ")
    if done.returncode == 0 and told:
        return said.strip(), ""
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return "", f"torch does not import in {sys.executable}: {last}"


def _limit(table: Table, env: dict[str, str]) -> list[str]:
    """pytest's options for the limit of a test. ``env`` tells our own plugin, which ends what pytest-timeout cannot.

    pytest-timeout waits for Python code to run. A test that hangs in a kernel or in the compiler runs none.
    """
    seconds = table.package.timeout
    if importlib.util.find_spec("pytest_timeout") is not None:
        env[env_vars.LATE] = str(min(seconds, LATE_S))
        return ["-p", "timeout", f"--timeout={seconds}"]
    env[env_vars.TIMEOUT] = str(seconds)
    missing = f"there is no pytest-timeout in {sys.executable}"
    print(f"{missing}: a test that takes more than {seconds} s ends the whole level", flush=True)
    return []


def declare(asked: Asked, level: str) -> runs.Run:
    """The run of a level, before it starts."""
    table, cell = asked.table, asked.cell
    commit, dirty = toolchain.git_state(table.root)
    suites = sources.suites_digest(table, suite_paths.folder(table), asked.suites)
    inputs = runs.Inputs(suites, sources.pins_digest(table, cell))
    wheel = installed.wheel(table, cell, bool(parse(asked.folder.name).subject))
    column, now = asked.folder.name, toolchain.now()
    run = runs.Run(uuid.uuid4().hex, column, level, now, commit, dirty, wheel, inputs, list(asked.suites))
    run.versions, other = fit.versions(), fit.pinned_otherwise()
    run.notes = [other] if other else []
    return run


def _refuse(asked: Asked, level: str, problem: str) -> int:
    """Say why a level is not run, also to those who read the evidence."""
    print(f"run: cell {asked.cell.name}, level {level} was not run: {problem}", file=sys.stderr, flush=True)
    if asked.whole:
        run = declare(asked, level)
        run.problem = f"it was not run: {problem}"
        writing.open_run(asked.folder, run)
        writing.close_run(asked.folder, run, 2, asked.table.root, sys.prefix)
    return 2


def invocation(asked: Asked, level: str) -> tuple[list[str], dict[str, str]]:
    """The command that runs what is asked for at a level, without what limits it, and its environment."""
    table, cell, folder = asked.table, asked.cell, asked.folder
    env = {**os.environ, env_vars.CELL: cell.name, env_vars.LEVEL: level}
    env[env_vars.COLUMN] = folder.name
    for name in (env_vars.INTERPRET, "PYTHONOPTIMIZE"):  # which leaves out every assert that pytest does not rewrite
        env.pop(name, None)
    if level == "interpreter":
        env[env_vars.INTERPRET] = "1"
    if cell.ambient:  # nothing is installed there: the source tree is what is tested, and the evidence says so
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [*suite_paths.sources(table), env.get("PYTHONPATH")]))
    plugins = [*PLUGINS, *(["triton_matrix.suites.no_gpu"] if table.package.needs_gpu else []), asked.plugin]
    early = [word for name in plugins if name for word in ("-p", name)]
    # settings above the root, as of a monorepo, count; tests and the table are found from the root all the same
    early += [
        f"--rootdir={os.path.relpath(table.root, suite_paths.folder(table))}"
    ]  # pytest puts variables into it, too
    early += ["--continue-on-collection-errors"]  # a broken file costs itself, and is an error of the run
    command = [sys.executable, "-m", "pytest", *early, *asked.suites]
    return command, env


def _run_level(asked: Asked, level: str) -> int:
    table, cell, folder = asked.table, asked.cell, asked.folder
    misfit = fit.misfit(cell, level)
    if misfit:
        return _refuse(asked, level, misfit)
    command, env = invocation(asked, level)
    command += [*_limit(table, env), *asked.selection]
    print(f"cell {cell.name}, level {level}: {' '.join(command[3:])}", flush=True)
    if not asked.whole:
        status = commands.run_group(command, cwd=suite_paths.folder(table), env=env)
        print(f"a selection was run: the evidence of cell {cell.name} is left as it was", flush=True)
        return status if status in (0, 1) else 2
    commands.drop_pytest_options(env)
    run = declare(asked, level)
    variables = compiler_variables.of_run(os.environ)
    if variables:
        print(f"the shell sets {masked(compiler_variables.shown(variables))}", flush=True)
    other = compiler_variables.replacing(os.environ) if level == "device" else {}
    if other:
        run.problem = f"other code than this Triton compiles was run: the shell sets {', '.join(other)}"
    old = "" if parse(folder.name).subject else runs.outdated(run, run.wheel, None)
    if old:
        print(f"run: the package in {sys.prefix} is not of this checkout's sources: {old}", file=sys.stderr, flush=True)
    writing.open_run(folder, run)
    env.update({env_vars.EVIDENCE: str(folder), env_vars.RUN: run.id})
    env[env_vars.SUITES] = os.pathsep.join(asked.suites)
    partial = str(writing.partial_junit(folder, level))
    if "$" in partial:  # pytest puts variables into it, and would write elsewhere
        partial = os.path.relpath(partial, suite_paths.folder(table))
    # a prefix of the package's own would give its tests other names than they have
    command += [f"--junitxml={partial}", "--junitprefix=", *commands.in_one_process()]
    limit_s = table.package.level_timeout
    try:
        with tempfile.TemporaryDirectory(prefix="triton-cache-") as compiled:
            # Triton's own cache takes no notice of a constant outside of the kernel, a constexpr one until 3.5
            env["TRITON_CACHE_DIR"] = compiled
            status = commands.run_group(command, cwd=suite_paths.folder(table), env=env, timeout_s=limit_s)
    except subprocess.TimeoutExpired:
        status = -signal.SIGKILL
        run.problem = f"it was ended after {limit_s} s, the level's limit (level_timeout in {table.path.name})"
    except BaseException:
        run.problem = "it was interrupted"
        writing.close_run(folder, run, -signal.SIGINT, table.root, sys.prefix)
        raise
    counted, lacking = writing.close_run(folder, run, status, table.root, sys.prefix)
    if lacking:
        print(f"run: cell {cell.name}, level {level} is not a whole run: {lacking}", file=sys.stderr, flush=True)
    for note in run.notes:
        print(f"note: {note}", flush=True)
    if run.kernels is not None:
        print(f"level {level}: {runs.of_kernels(run.launched())}", flush=True)
    nothing = runs.unlaunched(run) if counted and counted.passed() and not _waits_for_gpu(table, level) else ""
    if nothing:
        print(f"run: cell {cell.name}, level {level}: {nothing}", file=sys.stderr, flush=True)
    return 2 if lacking or old or nothing else status


def _waits_for_gpu(table: Table, level: str) -> bool:
    """Whether a level says nothing of the kernels, since the suites are written for a GPU."""
    return table.package.needs_gpu and level == "interpreter"
