"""``subject``: the suites against another package's release instead of ours, in a cell, in an environment of its own.

The cell's pins are installed first and the subject without its dependencies, so that it meets exactly the cell's torch
and Triton. Of this checkout only the harness comes in: ``liger_kernel.matrix`` and the suites. What the subject calls
``liger_kernel`` stays its own, and its evidence is a column of its own: ``reports/<cell>@<name>-<version>/``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Optional

from . import files, provide, pythons, tools
from .cells import Cell, Table, load_at

NEEDED = ("liger_kernel.ops.layer_norm", "LigerLayerNormFunction")
# What asks only what users of Liger may expect; the other files of tests/correctness look inside our own package.
SUITES = ("values", "sizes", "shapes_and_strides", "gradients", "properties")
# Where the subject is imported, ``liger_kernel.matrix`` is this checkout's, and nothing else of it can be found.
FINDER = '''
"""Finds liger_kernel.matrix in a checkout, beside another package that is called liger_kernel too."""
import importlib.util
import sys


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "liger_kernel.matrix":
            return None
        return importlib.util.spec_from_file_location(name, {init!r}, submodule_search_locations=[{folder!r}])


sys.meta_path.insert(0, Finder)
'''


class NoSubject(ValueError):
    """What was asked for is no subject, or cannot be installed; one sentence."""


def main(argv: list[str]) -> int:
    """Run the correctness and codegen suites against another package that provides liger_kernel.ops.layer_norm.

    Arguments that are not listed go to pytest. Exit status 0: all pass; 1: something does not; 2: no subject; 3: the
    cell cannot be provided here.
    """
    parser = argparse.ArgumentParser(prog="python -m liger_kernel.matrix subject", description=main.__doc__)
    parser.add_argument("subject", metavar="REQUIREMENT", help="such as liger-kernel==0.5.10, or a local path")
    parser.add_argument("--cell", required=True, help="a row of constraints/cells.toml")
    parser.add_argument("--root", type=Path, help="the repo root (default: found from the current folder up)")
    parser.add_argument("--reports", type=Path, help="where evidence goes (default: reports/ in the repo root)")
    parser.add_argument("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/subjects)")
    parser.add_argument("--level", choices=("interpreter", "codegen", "device"), help="only this level")
    parser.add_argument("--size", type=int, action="append", help="n_cols of level codegen (see the verb launches)")
    options, pytest_args = parser.parse_known_args(argv)
    try:
        table = load_at(options.root)
        cell = table.cell(options.cell)
        python = install(table, cell, options.subject, (options.envs or table.root / ".nox" / "subjects").resolve())
        name, version = check(python, options.subject)
    except provide.Unavailable as problem:
        print(f"subject: {problem}", file=sys.stderr)
        return 3
    except (ValueError, tools.ToolError) as problem:
        print(f"subject: {problem}", file=sys.stderr)
        return 2
    column = f"{cell.name}@{name}-{version}"
    reports = (options.reports or table.root / "reports").resolve()
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "TRITON_INTERPRET")}
    env.update(LIGER_MATRIX_SUBJECT=options.subject, LIGER_MATRIX_SUBJECT_NAME=name)
    inside = [str(python), "-m", "liger_kernel.matrix"]
    common = ["--cell", cell.name, "--root", str(table.root)]
    suite = [
        "run",
        *common,
        "--reports",
        str(reports),
        "--column",
        column,
        "--plugin",
        "liger_kernel.matrix.subject_plugin",
    ]
    for each in SUITES:
        suite += ["--suite", f"correctness/test_{each}.py"]
    suite += ["--level", options.level] if options.level else []
    # From tests/, never from the root: there the checkout's own package would be found first.
    statuses, tests = [], table.root / "tests"
    if options.level != "codegen":
        statuses.append(_call([*inside, *suite, *pytest_args], tests, env))
    if options.level in (None, "codegen") and not pytest_args:
        out = reports / column / "launches.json"
        launches = ["launches", *common, "--column", column, "--json", str(out)]
        launches += [f"--size={size}" for size in options.size or ()]
        statuses.append(_call([*inside, *launches], tests, env))
    return max(statuses)


def _call(command: list[str], folder: Path, env: dict[str, str]) -> int:
    print(shlex.join(command[1:]), flush=True)
    return subprocess.run(command, cwd=folder, env=env, check=False).returncode


def install(table: Table, cell: Cell, subject: str, envs: Path) -> Path:
    """The Python of an environment with the cell's pins and the subject; made on the first call, then reused.

    Raises:
        provide.Unavailable: no such Python, or no network.
        NoSubject: the subject cannot be installed.
        ValueError: the cell has no pins; tools.ToolError: a step failed.
    """
    if cell.ambient or cell.nightly:
        raise NoSubject(f"cell is {cell.name!r}; a subject needs a cell with pins, as its environment is made anew")
    pins = table.locked_pins(cell)
    interpreter = pythons.find_python(str(cell.python))
    if interpreter is None:
        raise provide.Unavailable(pythons.missing_python(cell))
    local = Path(subject).exists()
    source = str(Path(subject).resolve()) if local else subject
    wanted = f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {source}"
    home = envs / f"{cell.name}@{re.sub('[^A-Za-z0-9.]+', '-', subject).strip('-')}"
    python, stamp = home / "bin" / "python", home / "liger-matrix-subject.txt"
    if not local and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    uv = tools.uv()
    pip = [uv, "pip", "install", "--quiet", "--python", str(python)]
    try:
        if not python.exists():
            tools.run([uv, "venv", "--quiet", "--clear", "--python", interpreter, str(home)])
        print(f"cell {cell.name}: {pins.name} into {home.name} (the first time this downloads)", flush=True)
        tools.run([uv, "pip", "sync", "--quiet", "--python", str(python), str(pins)])
        tools.run([*pip, "--no-deps", *(["--reinstall"] if local else []), source])
    except tools.ToolError as problem:
        if any(sign in problem.tail for sign in provide.NETWORK_SIGNS):
            raise provide.Unavailable(f"subject {subject} cannot be downloaded from here: {problem}") from None
        if problem.command[-1] == source:
            raise NoSubject(f"subject is {subject!r}, which cannot be installed: {problem}") from None
        raise
    packages = next(home.glob("lib/python*/site-packages"))
    matrix = Path(__file__).resolve().parent
    finder = textwrap.dedent(FINDER).lstrip().format(init=str(matrix / "__init__.py"), folder=str(matrix))
    files.write_text(packages / "_liger_matrix_of_checkout.py", finder)
    files.write_text(packages / "_liger_matrix_of_checkout.pth", "import _liger_matrix_of_checkout\n")
    files.write_text(stamp, wanted)
    return python


def check(python: Path, subject: str) -> tuple[str, str]:
    """The name and version of the distribution that owns ``liger_kernel/ops/layer_norm`` in that environment.

    Raises:
        NoSubject: there is none, or it does not define what the suites call. One that is there and fails to import is
            a subject: that is what the suites are to find.
    """
    module, name = NEEDED
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
