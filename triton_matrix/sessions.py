"""The nox sessions of a table's rows, for this repository's noxfile and for that of a package that takes the matrix.

Only a noxfile imports this: it needs nox.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Optional, Union

import nox
from packaging.version import Version

from .base import commands, env_vars, files, locks
from .base.cells import Cell, Table, load
from .environments import harness, interpreters, provide
from .evidence import writing
from .report import cli as report_cli
from .suites import run, suite_paths
from .verbs import VERBS

# Plain `nox` goes on without a cell that cannot be had here and lists it; asked for by name, that is an error. Children
# of `nox -j` are always given a name, so the first process says in the environment that it is plain, with its own id:
# one that a shell has from elsewhere says nothing.
SELECTORS = ("-s", "-e", "--session", "--sessions", "-t", "--tags", "-k", "--keywords")
PLAIN = "TRITON_MATRIX_PLAIN"
NOX = "2026.8.10"  # the first that runs sessions side by side; pyproject.toml says it too
SANITIZE = "--sanitize"  # behind -- of a cell's session: its kernels under compute-sanitizer, in place of its suites
OF_ATLAS = ("codegen", "values")  # verbs over releases; of the cells' releases they are part of plain `nox`


def table_at(path: Path) -> Table:
    """The table at ``path``; a bad one ends nox with one sentence and exit status 2."""
    try:
        return load(path)
    except ValueError as problem:
        print(f"nox: {problem}", file=sys.stderr)
        sys.exit(2)


def check_nox(installed: str) -> None:
    """End an older nox with one sentence and exit status 2: it would fail at the first session."""
    if Version(installed) < Version(NOX):
        allowed = f"{NOX} or later: `{sys.executable} -m pip install --upgrade nox`"
        print(f"nox: its version is {installed}; the matrix needs {allowed}", file=sys.stderr)
        sys.exit(2)


def from_table(noxfile: str) -> Table:
    """Make the table beside a noxfile its sessions, and plain ``nox`` run every cell, their atlas, and the report.

    Args:
        noxfile: the noxfile's ``__file__``; the table is ``constraints/cells.toml`` beside it.

    Returns:
        The table: each row is ``tests-<cell>``, and ``bench-<cell>`` where the package has a bench suite or launches
        to run. Beside them are ``bench`` (all of those), ``sanitize`` (each cell's), ``codegen``, ``values`` (where
        there is an atlas ``codegen-cells``, where its launches are run ``values-cells``, else ``launches``),
        ``report``, ``bisect``, ``lock``, ``wheelhouse`` and ``ci-matrix``.

    Raises:
        ValueError: as of :func:`triton_matrix.base.cells.load`.
    """
    check_nox(metadata.version("nox"))
    table = table_at(Path(noxfile).resolve().parent / "constraints" / "cells.toml")
    configure(table)
    for cell in table.cells.values():
        add_cell(table, cell)
    if table.has_benches or table.has_values:
        add_bench(table)
    add_sanitize(table)
    add_verbs(table, *OF_ATLAS, "lock", "wheelhouse", "ci-matrix")
    for verb in ("report", "bisect"):
        add_reporting(table, verb)
    of_cells = []
    for verb in OF_ATLAS if table.has_values else OF_ATLAS[:1] if table.package.atlas else ():
        of_cells.append(add_of_cells(table, verb))
    if table.has_unwritten_launches:
        add_launches(table)
        of_cells.append("launches")
    tests = [f"tests-{name}" for name in table.cells if suite_paths.has_tests(table)]
    nox.options.sessions = [*tests, *of_cells, "report"]
    return table


def configure(table: Table) -> None:
    """The options that the sessions rely on: uv where it is, environments that are used again, missing Pythons said."""
    nox.options.default_venv_backend = "uv|virtualenv"
    nox.options.reuse_venv = "yes"
    nox.options.error_on_missing_interpreters = True
    nox.options.sessions = [f"tests-{name}" for name in table.cells]
    os.environ[commands.PARENT] = str(os.getpid())
    for name in env_vars.OF_A_RUN:  # left in a shell, it would make evidence false
        os.environ.pop(name, None)
    own = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    if "NOXSESSION" not in os.environ and not any(argument.split("=")[0] in SELECTORS for argument in own):
        os.environ[PLAIN] = str(os.getpid())


def is_plain() -> bool:
    """Whether this is plain ``nox``, or a child of its ``-j``."""
    return os.environ.get(PLAIN) in (str(os.getpid()), str(os.getppid()))


def add_cell(table: Table, cell: Cell) -> None:
    """Make a row of the table the session ``tests-<cell>``; ``bench-<cell>`` too, if there is something to time."""

    @nox.session(
        name=f"tests-{cell.name}", python=python_of(cell), tags=["tests", *cell.platforms], allow_parallel=True
    )
    def tests(session: nox.Session) -> None:
        if "--subject" in session.posargs:
            return subject(session, table, cell)
        with alone(session, table, cell):
            prepare(session, table, cell)
            if SANITIZE in session.posargs:
                allowed = [0, commands.UNAVAILABLE] if is_plain() else [0]
                return inside(session, table, "sanitize", "--cell", cell.name, success_codes=allowed)
            inside(session, table, "run", "--cell", cell.name)

    tests.__doc__ = f"Build cell {cell.name} and run its suites: {cell.why}."
    if not (table.has_benches or table.has_values):
        return

    @nox.session(name=f"bench-{cell.name}", python=python_of(cell), tags=["bench", *cell.platforms])
    def bench(session: nox.Session) -> None:
        with alone(session, table, cell):
            prepare(session, table, cell)
            inside(session, table, "bench", "--cell", cell.name)

    bench.__doc__ = f"Run the benchmarks of cell {cell.name}, or launches on its GPU."


def add_bench(table: Table) -> None:
    """Make the session ``bench``, which asks for every cell's."""

    @nox.session(python=False)
    def bench(session: nox.Session) -> None:
        """Run the benchmarks of every cell that this machine can provide."""
        os.environ[PLAIN] = str(os.getpid())
        for name in table.cells:
            session.notify(f"bench-{name}", session.posargs)


def add_sanitize(table: Table) -> None:
    """Make the session ``sanitize``: the kernels of every cell that ran level device, under compute-sanitizer."""

    @nox.session(name="sanitize", python=False)
    def of_all(session: nox.Session) -> None:
        os.environ[PLAIN] = str(os.getpid())
        ran = [name for name in table.cells if writing.run_file(table.reports / name, "device").is_file()]
        if not ran:
            session.error("no cell ran level device, which says which test reaches which kernel: `nox -s tests-<cell>`")
        for name in ran:
            session.notify(f"tests-{name}", [SANITIZE, *session.posargs])

    of_all.__doc__ = doc_of("sanitize")


def add_of_cells(table: Table, verb: str) -> str:
    """Make the session that runs a verb over the cells' own releases, part of plain ``nox``; gives its name."""

    @nox.session(name=f"{verb}-cells", python=False)
    def of_cells(session: nox.Session) -> None:
        command = [sys.executable, "-m", "triton_matrix", verb, "--cells", *session.posargs]
        allowed = [0, commands.UNAVAILABLE] if is_plain() else [0]
        session.run(*command, "--root", str(table.root), external=True, success_codes=allowed)

    of_cells.__doc__ = f"Run the verb {verb} for the cells' own Tritons, as plain nox does."
    return f"{verb}-cells"


def add_launches(table: Table) -> None:
    """Make the session that learns of kernels whose launches nobody wrote down, part of plain ``nox``."""

    @nox.session(python=False)
    def launches(session: nox.Session) -> None:
        """Compile the kernels for the cells' own Tritons, as the tests launch them, else as guessed; no GPU needed."""
        command = [sys.executable, "-m", "triton_matrix", "scan", "--cells", *session.posargs]
        allowed = [0, commands.UNAVAILABLE] if is_plain() else [0]
        session.run(*command, "--root", str(table.root), external=True, success_codes=allowed)


def add_reporting(table: Table, verb: str) -> None:
    """Make a verb that needs the harness's own extra ``report`` a session, in an environment that has it."""

    @nox.session(name=verb, python=report_python())
    def session_of_verb(session: nox.Session) -> None:
        pins = table.path.parent / "report.txt"
        session.install(*(["--requirement", str(pins)] if pins.is_file() else harness.extra("report")))
        if session.venv_backend != "none":
            harness.install(session.bin + "/python")
        session.run("python", "-m", "triton_matrix", verb, *session.posargs, "--root", str(table.root))

    session_of_verb.__doc__ = doc_of(verb)


def report_python() -> Optional[str]:
    """The interpreter of the report; None is the one that runs nox, which then says itself what it lacks."""
    oldest = report_cli.OLDEST_PYTHON
    if sys.version_info[:2] >= oldest:
        return None
    return next(filter(None, map(interpreters.find_python, (f"3.{minor}" for minor in range(oldest[1], 15)))), None)


def add_verbs(table: Table, *verbs: str) -> None:
    """Make verbs of the matrix that need no environment of their own sessions, each under the verb's name."""

    def add(verb: str) -> None:
        @nox.session(name=verb, python=False)
        def session_of_verb(session: nox.Session) -> None:
            command = [sys.executable, "-m", "triton_matrix", verb, *session.posargs, "--root", str(table.root)]
            session.run(*command, external=True)

        session_of_verb.__doc__ = doc_of(verb)

    for verb in verbs:
        add(verb)


def doc_of(verb: str) -> str:
    """What a verb does, as a sentence: ``nox -l`` prints it."""
    what = VERBS[verb].what
    return f"{what[0].upper()}{what[1:]}."


@contextlib.contextmanager
def alone(session: nox.Session, table: Table, cell: Cell) -> Iterator[None]:
    """Hold the cell while it is provided and run; end the session with one sentence where another one holds it."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.of_cell(table, cell))
        except ValueError as problem:
            session.error(str(problem))
        except OSError as problem:
            session.error(f"cell {cell.name} cannot be locked: {problem}")
        yield


def python_of(cell: Cell) -> Union[str, bool]:
    """The session's interpreter; False (no environment) for ambient, and where the cell's Python is missing."""
    return False if cell.ambient else interpreters.find_python(str(cell.python)) or False


def prepare(session: nox.Session, table: Table, cell: Cell) -> None:
    """Provide the cell's environment, or end the session with the one sentence that says what was needed."""
    reports = table.reports / cell.name
    if cell.ambient:
        lacking = ambient_lacks(session)
        if lacking:
            provide.mark_unavailable(
                reports, cell, f"cell {cell.name} installs nothing, and its Python lacks {lacking}"
            )
        else:
            writing.end_providing(reports)
    elif python_of(cell) is False:
        provide.mark_unavailable(reports, cell, interpreters.missing_python(cell))
    elif session.venv_backend != "none":
        house, _ = wheelhouse_and_rest(session)
        python = ["--python", session.bin + "/python"]
        matrix(session, table, "provide", "--cell", cell.name, *python, *house, success_codes=[0, commands.UNAVAILABLE])
    missing = provide.unavailable(reports)
    if missing:
        session.skip(missing) if is_plain() else session.error(missing)


def ambient_lacks(session: nox.Session) -> str:
    """What the suites need and the running Python has not, by name; empty where nothing is missing."""
    code = "import importlib.util, sys; print(', '.join(n for n in sys.argv[1:] if not importlib.util.find_spec(n)))"
    return str(session.run("python", "-c", code, *run.NEEDS, silent=True, log=False) or "").strip()


def matrix(session: nox.Session, table: Table, *args: str, **options: Any) -> None:
    """A verb of the matrix that prepares an environment from outside, in the Python that runs nox."""
    command = [sys.executable, "-m", "triton_matrix", *args, "--root", str(table.root)]
    session.run_install(*command, external=True, log=False, **options)


def inside(session: nox.Session, table: Table, *args: str, **options: Any) -> None:
    """A verb of the matrix inside the cell; not from the repo root, so that Python finds the installed wheel."""
    other = harness.other_in(Path(session.bin).parent) if session.venv_backend != "none" else ""
    if other:  # --no-install: an older harness may take for a pass what this one does not
        session.error(f"the environment's triton_matrix is {other}, not {harness.version()}; run without --no-install")
    with session.chdir(suite_paths.folder(table)):
        env = {"PYTHONPATH": harness.unpacked(table)} if session.venv_backend == "none" else {}
        env[files.STARTED_IN] = session.invoked_from
        _, rest = wheelhouse_and_rest(session)
        session.run("python", "-m", "triton_matrix", *args, "--root", str(table.root), *rest, env=env, **options)


def subject(session: nox.Session, table: Table, cell: Cell) -> None:
    """``--subject REQUIREMENT``: the suites against another package's release, in an environment of its own."""
    parser = argparse.ArgumentParser(prog="nox", add_help=False, allow_abbrev=False)
    parser.add_argument("--subject")
    options, rest = parser.parse_known_args(session.posargs)
    if not options.subject:
        session.error("--subject needs a requirement, such as liger-kernel==0.5.10, or a local path")
    command = [sys.executable, "-m", "triton_matrix", "subject", options.subject, "--cell", cell.name]
    session.run(*command, "--root", str(table.root), *rest, external=True)


def wheelhouse_and_rest(session: nox.Session) -> tuple[list[str], list[str]]:
    """``--wheelhouse DIR`` says what the environment is made from; all others, but --sanitize, are the verb's."""
    parser = argparse.ArgumentParser(prog="nox", add_help=False, allow_abbrev=False)
    parser.add_argument("--wheelhouse")
    parser.add_argument(SANITIZE, action="store_true")
    options, rest = parser.parse_known_args(session.posargs)
    return (["--wheelhouse", options.wheelhouse] if options.wheelhouse else []), rest
