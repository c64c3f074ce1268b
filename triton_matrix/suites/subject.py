"""``subject``: the suites against another package's release instead of ours, in a cell, in an environment of its own.

The cell's pins are installed first and the subject without its dependencies, so that it meets exactly the cell's torch
and Triton. The table's ``[package.subject]`` says what a subject must provide and which suites ask only that. Its
evidence is a column of its own: ``reports/<cell>@<name>-<version>/``.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from ..base import commands, env_vars
from ..base.cells import Cell, Table, add_cell, load_at
from ..base.levels import LEVELS
from ..environments import interpreters, provide, stamped
from ..evidence import writing

KEYS = {"provides", "suites", "plugin", "codegen"}


class NoSubject(ValueError):
    """What was asked for is no subject, or cannot be installed; one sentence."""


@commands.exit_status("subject", {provide.Unavailable: 3, commands.ToolError: 2})
def main(argv: list[str]) -> int:
    """Run the suites that the table's [package.subject] names against another package.

    Arguments that are not listed go to pytest. Exit status 0: all pass; 1: something does not; 2: no subject; 3: the
    cell cannot be provided here.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix subject", description=main.__doc__)
    parser.add_argument("subject", metavar="REQUIREMENT", help="such as liger-kernel==0.5.10, or a local path")
    add_cell(parser)
    parser.add_argument("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/subjects)")
    parser.add_argument("--level", choices=LEVELS, help="only this level")
    options, pytest_args = parser.parse_known_args(argv)
    table = load_at(options.root)
    cell = table.cell(options.cell)
    hook = read_hook(table)
    python = install(table, cell, options.subject, (options.envs or table.root / ".nox" / "subjects").resolve())
    name, version = check(python, options.subject, hook["provides"])
    column = f"{cell.name}@{name}-{version}"
    reports = (options.reports or table.reports).resolve()
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", env_vars.INTERPRET)}
    env.update({env_vars.SUBJECT: options.subject, env_vars.SUBJECT_NAME: name})
    common = ["--cell", cell.name, "--root", str(table.root), "--column", column]
    suite = [str(python), "-m", "triton_matrix", "run", *common, "--reports", str(reports)]
    suite += ["--plugin", hook["plugin"]] if "plugin" in hook else []
    for each in hook["suites"]:
        suite += ["--suite", each]
    suite += ["--level", options.level] if options.level else []
    # From tests/, never from the root: there the checkout's own package would be found first.
    statuses, tests = [], table.root / "tests"
    if options.level != "codegen":
        statuses.append(_call([*suite, *pytest_args], tests, env))
    if "codegen" in hook and options.level in (None, "codegen") and not pytest_args:
        launches = [str(python), "-m", hook["codegen"], *common, "--json", str(writing.launches_file(reports / column))]
        statuses.append(_call(launches, tests, env))
    return max(statuses, default=0)


def read_hook(table: Table) -> Mapping[str, Any]:
    """The table's ``[package.subject]``.

    Raises:
        NoSubject: there is none, or a key is missing or unknown.
    """
    hook = table.package.subject
    if not hook:
        raise NoSubject(f"{table.path.name} has no [package.subject]: its suites are for its own package alone")
    if not {"provides", "suites"} <= set(hook) <= KEYS:
        allowed = "provides and suites, with plugin and codegen where there are any"
        raise NoSubject(f"{table.path.name} [package.subject] has {', '.join(hook)}; allowed are {allowed}")
    return hook


def _call(command: list[str], folder: Path, env: dict[str, str]) -> int:
    print(shlex.join(command[1:]), flush=True)
    return subprocess.run(command, cwd=folder, env=env, check=False).returncode


def install(table: Table, cell: Cell, subject: str, envs: Path) -> Path:
    """The Python of an environment with the cell's pins and the subject; made on the first call, then reused.

    Raises:
        provide.Unavailable: no such Python, or no network.
        NoSubject: the subject cannot be installed.
        ValueError: the cell has no pins; commands.ToolError: a step failed.
    """
    if cell.ambient or cell.nightly:
        raise NoSubject(f"cell is {cell.name!r}; a subject needs a cell with pins, as its environment is made anew")
    pins = table.locked_pins(cell)
    interpreter = interpreters.find_python(str(cell.python))
    if interpreter is None:
        raise provide.Unavailable(interpreters.missing_python(cell))
    source = str(Path(subject).resolve()) if Path(subject).exists() else subject
    home = envs / f"{cell.name}@{re.sub('[^A-Za-z0-9.]+', '-', subject).strip('-')}"
    print(f"cell {cell.name}: {pins.name} into {home.name} (the first time this downloads)", flush=True)
    try:
        return stamped.make(home, str(cell.python), (), pins=[pins], fresh=[source])
    except commands.ToolError as problem:
        if any(sign in problem.tail for sign in provide.NETWORK_SIGNS):
            raise provide.Unavailable(f"subject {subject} cannot be downloaded from here: {problem}") from None
        if problem.command[-1] == source:
            raise NoSubject(f"subject is {subject!r}, which cannot be installed: {problem}") from None
        raise


def check(python: Path, subject: str, provides: str) -> tuple[str, str]:
    """The name and version of the distribution that owns the module of ``provides`` in that environment.

    Args:
        provides: ``module:Class``.

    Raises:
        NoSubject: there is none, or it does not define what the suites call. One that is there and fails to import is
            a subject: that is what the suites are to find.
    """
    module, _, name = provides.partition(":")
    # the file is read and not imported: a package that fails to import on this Triton is a subject all the same
    code = (
        "import ast, importlib.metadata as m\n"
        f"path = {module.replace('.', '/') + '.py'!r}\n"
        "for d in m.distributions():\n"
        "    if path in map(str, d.files or ()):\n"
        "        tree = ast.parse(open(d.locate_file(path), encoding='utf-8').read())\n"
        f"        if {name!r} in [n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]:\n"
        "            print(d.metadata['Name'], d.version)\n"
    )
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=False)
    words: Optional[list[str]] = done.stdout.split()[-2:] if done.returncode == 0 else None
    if not words:
        raise NoSubject(f"subject is {subject!r}, which has no {module}.{name}; a subject needs that name")
    return re.sub("[-_.]+", "-", words[0]), words[1]
