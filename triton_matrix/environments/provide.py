"""``provide``: turn a Python into a cell: its pins, then this checkout's own wheel built for the cell's platform."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Optional

from ..base import commands, locks
from ..base.cells import Cell, Table, add_cell, load_at
from ..evidence import installed, writing
from . import builds, contents, harness, index, interpreters, pins, wheel, wheelhouse
from .contents import Contents

# what uv and pip print when it is the network that is missing, not the package
NETWORK_SIGNS = (
    "dns error",
    "Failed to fetch",
    "network was disabled",
    "Network connectivity is disabled",
    "Network is unreachable",
    "Failed to establish a new connection",
)


class Unavailable(RuntimeError):
    """This machine or network cannot provide the cell; the text is one sentence that says what was needed."""


def mark_unavailable(reports: Path, cell: Cell, reason: str, verdict: str = "unavailable") -> None:
    """Keep why the cell could not be provided, in place of older evidence: nothing that did not run shows as passed."""
    writing.unavailable(reports, cell.name, reason, verdict)


def mark_failed(reports: Path, cell: Cell, stage: str, command: list[str], status: int, tail: str) -> None:
    """Keep which step stopped the cell, before older evidence; the arguments are those of writing.failure."""
    writing.failure(reports, cell.name, stage, command, status, tail)


def unavailable(reports: Path) -> Optional[str]:
    """The sentence that :func:`mark_unavailable` kept for a cell, or None."""
    return writing.why_unavailable(reports)


def check_index(cell: Cell) -> None:
    """Raise Unavailable where the cell's own index does not answer."""
    if cell.index is None:
        return
    try:
        with index.open_page(cell, "torch", 10):
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unavailable(
            f"cell {cell.name} needs the index {index.shown(cell)}, which cannot be reached ({reason})"
        ) from None


def install(table: Table, cell: Cell, python: str) -> Contents:
    """Give the environment of ``python`` exactly the cell's pins and a fresh wheel of this checkout.

    Returns:
        The environment's contents, to be ended when all else is there too.

    Raises:
        Unavailable: the network or the cell's index cannot be reached.
        index.Stale: a nightly's pins are too old, or gone from its index.
        ValueError: the cell has no constraint file yet, or one that disagrees with its row.
        commands.ToolError: a step failed; :func:`interpreters.check_environment` is the last.
    """
    check_index(cell)
    wanted = pins.check(table, cell)
    inside = contents.begin(python)
    uv = commands.find_uv()
    try:
        print(f"cell {cell.name}: {cell.name}.txt into its environment (the first time this downloads)", flush=True)
        if cell.nightly:
            index.check_fresh(table, cell)
        if cell.index:
            triton, platform = index.install(table, cell, python, inside), cell.platforms[0]
        else:
            builds.sync(wanted, python, uv, inside)
            triton, platform = "triton", wheel.platform_of(table, cell)
        with tempfile.TemporaryDirectory() as folder:
            built = wheel.build_wheel(table, platform, Path(folder), python, triton)
            interpreters.install_wheel(python, built)
    except commands.ToolError as error:
        if any(sign in error.tail for sign in NETWORK_SIGNS):
            raise Unavailable(f"cell {cell.name} needs packages that cannot be downloaded from here: {error}") from None
        raise
    interpreters.check_environment(cell, python)
    return inside


@commands.exit_status("provide", {Unavailable: 3, index.Stale: 3, OSError: 1})
def main(argv: list[str]) -> int:
    """Install a cell's pins and this checkout's wheel into an environment.

    Exit status 0; 1 where a step failed (kept as failure.json); 2 bad input; 3 where this machine or network cannot
    provide the cell (kept as unavailable.json).
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix provide", description=main.__doc__)
    add_cell(parser)
    parser.add_argument("--python", required=True, help="the environment's interpreter")
    parser.add_argument("--wheelhouse", type=Path, metavar="DIR", help="install from this folder, with no network")
    options = parser.parse_args(argv)
    table = load_at(options.root)
    cell = table.cell(options.cell)
    reports = (options.reports or table.reports) / cell.name
    try:
        with locks.of_cell(table, cell):
            _provide(table, cell, reports, options, ["python", "-m", "triton_matrix", "provide", *argv])
    except OSError as error:  # a full disk, a folder that is read-only: what was begun stays unfinished
        with contextlib.suppress(OSError):
            writing.forget_results(reports)
        named = f" {error.filename}:" if error.filename else ""
        raise OSError(f"cell {cell.name} cannot be provided:{named} {error.strerror}") from None
    return 0


def _provide(table: Table, cell: Cell, reports: Path, options: argparse.Namespace, asked: list[str]) -> None:
    """From the first word in the evidence to the last; until then an older result does not count."""
    for scratch in reports.glob(".*.partial"):  # what a killed process was writing; the cell's lock says it is gone
        scratch.unlink()
    writing.begin_providing(reports, cell.name, asked)
    try:
        installed.forget(options.python)
        if options.wheelhouse:
            inside = wheelhouse.install(table, cell, options.python, options.wheelhouse)
        else:
            inside = install(table, cell, options.python)
        harness.install(options.python)
        installed.stamp(table, cell, options.python, inside.others)
        inside.end()
    except index.Stale as error:
        mark_unavailable(reports, cell, str(error), verdict="stale")
        raise
    except Unavailable as error:
        mark_unavailable(reports, cell, str(error))
        raise
    except ValueError as error:
        mark_failed(reports, cell, "provide", asked, 2, str(error))
        raise
    except commands.ToolError as error:
        mark_failed(reports, cell, "install", error.command, error.status, error.tail)
        raise
    writing.end_providing(reports)
