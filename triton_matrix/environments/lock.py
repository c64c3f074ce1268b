"""``lock``: compile the constraint files, each headed by the command that wrote it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..base import commands, files
from ..base.cells import Cell, Table, add_root, load_at
from ..base.schema import GROUPS
from . import builds, index, listing, pins, provide, wheel

GROUP_PYTHON = "3.11"  # of the groups' own environments
ANY_PYTHON = {"tools": "3.10"}  # groups for every Python from this one on: pins that differ carry markers


@commands.exit_status("lock", {commands.ToolError: 2})
def main(argv: list[str]) -> int:
    """Resolve the whole closure of each cell (or of the named ones) and write constraints/<cell>.txt.

    Exit status 0; 2 bad input, or uv found no solution.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix lock", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"cells, or {', '.join(GROUPS)} (default: all)")
    add_root(parser)
    parser.add_argument("--upgrade", action="store_true", help="take newer versions of what the file already pins")
    options = parser.parse_args(argv)
    table = load_at(options.root)
    lockable = [name for name, cell in table.cells.items() if cell.torch and not cell.nightly]
    names = options.names or [*lockable, *_groups(table)]
    for name in names:
        if name in GROUPS:
            pins = compile_group(table, name, options.upgrade)
        else:
            pins = compile_cell(table, table.cell(name), options.upgrade)
        print(f"constraints/{name}.txt: {pins} pins", flush=True)
    if listing.update(table):
        print("README.md: its table of cells", flush=True)
    return 0


def _groups(table: Table) -> list[str]:
    """Those of GROUPS that the package's pyproject.toml has."""
    pyproject = table.root / "pyproject.toml"
    there = files.read_toml(pyproject, "the package's description") if pyproject.is_file() else {}
    return [name for name in GROUPS if name in there.get("dependency-groups", {})]


def requirements(table: Table, cell: Cell) -> list[str]:
    """What the cell's environment is resolved from: its pair, and what the pair, the package and its suites need."""
    pair = [f"torch=={cell.torch}", f"triton=={cell.triton}"]
    own = wheel.own_requirements(table, cell)
    return [*pair, *cell.requires, *own, *wheel.suite_requirements(table)]


def compile_cell(table: Table, cell: Cell, upgrade: bool) -> int:
    """Write the cell's constraint file; returns how many pins it has."""
    if cell.ambient:
        raise ValueError(f"cell {cell.name} takes what the running Python has: there is nothing to lock")
    if cell.index:
        return compile_from_index(table, cell)
    asked = "\n".join(requirements(table, cell)) + "\n"
    return _compile(table, cell.name, str(cell.python), ["--python-platform", pins.PLATFORM, "-"], asked, upgrade)


def resolve(python: str, wanted: Sequence[str]) -> None:
    """See whether these requirements resolve in a cell of that Python; nothing is written.

    Raises:
        commands.ToolError: they do not, or the network is missing; its text is uv's.
    """
    command = [commands.uv(), "pip", "compile", "--quiet", "--no-header", "--python-version", python]
    commands.run([*command, "--python-platform", pins.PLATFORM, "-"], stdin="\n".join(wanted) + "\n")


def compile_from_index(table: Table, cell: Cell) -> int:
    """Like :func:`compile_cell`; what stops it is kept as evidence too, because a nightly's first step is to be locked.

    Raises:
        ValueError: the index cannot be reached, or has no torch with its Triton.
        commands.ToolError: uv found no solution.
    """
    reports = table.reports / cell.name
    try:
        provide.check_index(cell)
        return index.lock(table, cell)
    except provide.Unavailable as error:
        provide.mark_unavailable(reports, cell, str(error))
        raise ValueError(str(error)) from None
    except ValueError as error:
        provide.mark_failed(reports, cell, "resolve", ["nox", "-s", "lock", "--", cell.name], 2, str(error))
        raise
    except commands.ToolError as error:
        provide.mark_failed(reports, cell, "resolve", error.command, error.status, error.tail)
        raise


def compile_group(table: Table, group: str, upgrade: bool) -> int:
    """Write the constraint file of a dependency group; returns how many pins it has."""
    pyproject = table.root / "pyproject.toml"
    universal = ["--universal"] if group in ANY_PYTHON else []
    python = ANY_PYTHON.get(group, GROUP_PYTHON)
    return _compile(table, group, python, [*universal, "--group", f"{pyproject}:{group}"], "", upgrade)


def _compile(table: Table, name: str, python: str, arguments: list[str], stdin: str, upgrade: bool) -> int:
    target = table.path.parent / f"{name}.txt"
    with files.replacing(target) as scratch:
        if target.exists():
            scratch.write_text(target.read_text(encoding="utf-8"), encoding="utf-8")  # uv keeps pins that still fit
        options = ["--quiet", "--no-emit-index-url", "--no-emit-find-links", "--output-file", str(scratch)]
        options += ["--generate-hashes", "--python-version", python]
        options += ["--custom-compile-command", f"nox -s lock -- {name}", *(["--upgrade"] if upgrade else [])]
        # what this machine has in place of the index's own files is nobody else's pin
        env = builds.without_other_builds()
        commands.run([commands.uv(), "pip", "compile", *options, *arguments], stdin=stdin, env=env)
        lines = scratch.read_text(encoding="utf-8").splitlines()
        lines.insert(2, pins.header(python))  # below uv's own words and the command
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return len(pins.read(scratch))
