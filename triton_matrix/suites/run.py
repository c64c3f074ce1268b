"""``run``: a cell's suites in this Python, level by level, each leaving its evidence whole or not at all."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from ..base import files
from ..base.cells import Cell, Table, load_at
from ..evidence import toolchain
from . import chosen

PLUGINS = ("triton_matrix.suites.pytest_plugin", "triton_matrix.suites.imports")
NEEDS = ("pytest", "hypothesis", "torch", "triton")
FAILURE_SCHEMA = "triton-matrix/failure/1"


def main(argv: list[str]) -> int:
    """Run a cell's suites in this Python.

    At level interpreter always, at level device too where torch sees a GPU. Arguments that are not listed go to pytest;
    such a run is a selection, so it leaves the evidence of the last whole run as it is.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix run", description=main.__doc__)
    parser.add_argument("--cell", default="ambient", help="a row of constraints/cells.toml (default: ambient)")
    parser.add_argument("--root", type=Path, help="the repo root (default: found from the current folder up)")
    parser.add_argument("--reports", type=Path, help="where evidence goes (default: reports/ in the repo root)")
    parser.add_argument("--level", choices=("interpreter", "device"), help="only this level")
    parser.add_argument("--suite", action="append", help="a path below the repo root or tests/ (default: the table's)")
    parser.add_argument("--column", help="what the evidence is filed and shown under (default: the cell's name)")
    parser.add_argument("--plugin", help="a pytest plugin to load first")
    options, pytest_args = parser.parse_known_args(argv)
    try:
        table = load_at(options.root)
        root, cell = table.root, table.cell(options.cell)
    except ValueError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        print(f"run: cell {cell.name} needs {', '.join(missing)} in {sys.executable}; add it there", file=sys.stderr)
        return 2
    try:
        suites = chosen.paths(table, options.suite or ())
    except ValueError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    selection = [argument for argument in pytest_args if argument != "--"]
    reports = (options.reports or root / "reports").resolve() / (options.column or cell.name)
    plugins = [*PLUGINS, *(["triton_matrix.suites.no_gpu"] if table.package.needs_gpu else [])]
    early = [word for name in (*plugins, options.plugin) if name for word in ("-p", name)]
    gpus = _count_gpus() if options.level != "interpreter" else 0
    if options.level == "device" and not gpus:
        print(f"run: level device was asked for, but torch in {sys.executable} sees no GPU", file=sys.stderr)
        return 2
    levels = [options.level] if options.level else ["interpreter", *(["device"] if gpus else [])]
    status = max(_run_level(table, reports, cell, level, [*early, *suites], selection) for level in levels)
    if "device" not in levels:
        print("level device: not run" + ("" if options.level else ", torch sees no GPU here"), flush=True)
    return status


def _count_gpus() -> int:
    """How many GPUs torch sees, asked in a process of its own so that this one stays light."""
    code = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) if done.returncode == 0 else 0


def write_failure(reports: Path, cell: str, stage: str, command: list[str], status: int, tail: str) -> None:
    """Keep what stopped a cell before its suites could say so themselves.

    Args:
        reports: the cell's evidence folder.
        stage: ``resolve``, ``build``, ``install`` or ``run``, optionally with ``:<level>``.
        command: what was run; ``status`` its exit status; ``tail`` its last lines.
    """
    found = {"schema": FAILURE_SCHEMA, "cell": cell, "stage": stage, "command": command, "status": status}
    files.write_json(reports / "failure.json", {**found, "tail": tail, "date": toolchain.now()})


def _run_level(table: Table, reports: Path, cell: Cell, level: str, suites: list[str], selection: list[str]) -> int:
    root = table.root
    env = {**os.environ, "TRITON_MATRIX_CELL": cell.name, "TRITON_MATRIX_LEVEL": level}
    env["TRITON_MATRIX_COLUMN"] = reports.name
    env.pop("TRITON_INTERPRET", None)
    if level == "interpreter":
        env["TRITON_INTERPRET"] = "1"
    if cell.ambient:  # nothing is installed there: the source tree is what is tested, and the evidence says so
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [*chosen.sources(table), env.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "pytest", *suites, *selection]
    print(f"cell {cell.name}, level {level}: {' '.join(suites + selection)}", flush=True)
    if selection:
        status = subprocess.run(command, cwd=chosen.folder(table), env=env, check=False).returncode
        print(f"a selection was run: the evidence of cell {cell.name} is left as it was", flush=True)
        return status if status in (0, 1) else 2
    junit, partial = reports / f"junit-{level}.xml", reports / f".junit-{level}.xml.partial"
    for stale in (junit, partial, reports / "unavailable.json", reports / "failure.json"):
        with contextlib.suppress(FileNotFoundError):
            stale.unlink()
    env["TRITON_MATRIX_EVIDENCE"] = str(reports)
    command.append(f"--junitxml={partial}")
    status = subprocess.run(command, cwd=chosen.folder(table), env=env, check=False).returncode
    if partial.is_file():
        # evidence travels: it names files from the repo root or the environment, not folders of this machine
        text = partial.read_text(encoding="utf-8").replace(f"{root}/", "").replace(f"{sys.prefix}/", "")
        files.write_text(junit, text)
        partial.unlink()
    else:
        write_failure(reports, cell.name, f"run:{level}", command, status, "pytest ended without leaving a result")
    return status if status in (0, 1) else 2
