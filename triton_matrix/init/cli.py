"""``init``: write what a package's repository needs to take the matrix. It asks nothing and overwrites nothing."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..base import commands, files, pairs
from ..base.cells import Table, load
from ..environments import harness, lock
from ..environments.provide import NETWORK_SIGNS
from . import choice, texts

WORKFLOWS = Path(".github") / "workflows"
IGNORED = ("/.nox/", "/reports/")


@commands.exit_status("init")
def main(argv: list[str]) -> int:
    """Write noxfile.py, constraints/cells.toml with its pins, tests/conftest.py and a CI workflow for a package.

    Exit status 0; 1: files were written, and the pins of a cell could not be compiled; 2: nothing to write them for.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix init", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the package's repo root (default: here)")
    parser.add_argument("--module", help="what is imported (default: the module whose files import triton)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    parser.add_argument("--no-lock", action="store_true", help="leave the pins to `nox -s lock`")
    options = parser.parse_args(argv)
    root = options.root.resolve()
    chosen = choice.of(root, pairs.known(), options.module)
    for sentence in chosen.said:
        print(sentence)
    if chosen.test and not options.no_lock:
        chosen = with_tests_that_resolve(chosen)
    write(root, contents(root, chosen), options.dry_run)
    ignored(root)
    if options.dry_run:
        return 0
    unlocked = [] if options.no_lock else lock_all(load(root / "constraints" / "cells.toml"))
    print("next: " + ("`nox -s lock`, then " if options.no_lock or unlocked else "") + "`nox`, and commit what is new")
    return 1 if unlocked else 0


def contents(root: Path, chosen: choice.Choice) -> dict[Path, str]:
    """Path of each file to write -> its text. GitHub looks for workflows at the repository's root alone."""
    first = chosen.suites[0] if chosen.suites else "tests"
    tests = root / first if not (root / first).is_file() else (root / first).parent
    top = repository(root)
    below = "" if top == root else root.relative_to(top).as_posix()
    name = f"triton-matrix-{chosen.project.name}.yml" if below else "triton-matrix.yml"
    return {
        root / "noxfile.py": texts.NOXFILE,
        root / "constraints" / "cells.toml": texts.table(chosen),
        tests / "conftest.py": texts.CONFTEST,
        top / WORKFLOWS / name: texts.workflow(branch(top), chosen.project.name, below),
    }


def repository(root: Path) -> Path:
    """The root of the Git repository that a folder lies in; the folder itself where it is in none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def write(root: Path, wanted: dict[Path, str], dry_run: bool) -> None:
    """Write each file that is not there, and print what is to be added where one is."""
    for path, text in wanted.items():
        there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        shown = os.path.relpath(path, root)
        if there == text:
            print(f"{shown} is there already, as it would be written")
        elif there is not None:
            print(f"{shown} is there and stays as it is; {advice(path)}:\n{indented(text)}")
        elif dry_run:
            print(f"{shown} would be written:\n{indented(text)}")
        else:
            files.write_text(path, text)
            print(f"{shown} written")
    workflow = next(path for path in wanted if path.parent.name == WORKFLOWS.name)
    shown, top = os.path.relpath(workflow, root), repository(root)
    if top != root:
        print(f"{shown} is at the root of the repository: GitHub looks there alone. Its steps run in this folder")
    if texts.harness_requirement() == harness.NAME:
        print(f"{shown} installs {harness.NAME} by its name; say there where your runners get it from, if not so")


def advice(path: Path) -> str:
    """What to do with a file that is there."""
    if path.name == "conftest.py":
        return "cells need nothing in it; for the fixtures in your own pytest runs, add"
    if path.name == "noxfile.py":
        return "add to it"
    return "compare it with"


def ignored(root: Path) -> None:
    """Say which folders Git should ignore, where .gitignore does not name them."""
    path = root / ".gitignore"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = {line.strip().strip("/") for line in text.splitlines()}
    missing = [each for each in IGNORED if each.strip("/") not in lines]
    if missing:
        print(f"add to .gitignore: {' '.join(missing)}")


def branch(root: Path) -> str:
    """The branch that the repository calls its main one; ``main`` where Git does not say."""
    git = ["git", "-C", str(root)]
    try:
        remote = commands.run([*git, "symbolic-ref", "--short", "refs/remotes/origin/HEAD"])
        return remote.strip().removeprefix("origin/")
    except commands.ToolError:
        pass  # no Git, no repository, or none that was cloned
    here: list[str] = []
    if (root / ".git").exists():
        with contextlib.suppress(commands.ToolError):
            here = commands.run([*git, "branch", "--format", "%(refname:short)"]).split()
    return next((name for name in ("main", "master", *here[:1]) if name in here), "main")


def with_tests_that_resolve(chosen: choice.Choice) -> choice.Choice:
    """The choice without those requirements of the tests that do not resolve in the oldest or in the newest cell."""
    kept = list(chosen.test)
    for row in (chosen.rows[0], *chosen.rows[1:][-1:]):
        if resolves(chosen, row, kept):
            continue
        left = [each for each in kept if not resolves(chosen, row, [each])]
        kept = [each for each in kept if each not in left]
        if not resolves(chosen, row, kept):
            left, kept = [*left, *kept], []
        where = f"cell {row.name} (torch {row.torch}, Triton {row.pair.triton})"
        print(f"left out of what tests need, since it does not resolve in {where}: {', '.join(left)}")
    return replace(chosen, test=tuple(kept))


def resolves(chosen: choice.Choice, row: choice.Row, test: Sequence[str]) -> bool:
    """Whether the cell's requirements resolve with these. Without a network nothing can be said: that counts as yes."""
    pair = [f"torch=={row.torch}", f"triton=={row.pair.triton}", *row.pair.requires]
    try:
        lock.resolve(row.python, [*pair, *chosen.project.dependencies, *choice.OURS, *test])
    except commands.ToolError as error:
        return any(sign in error.tail for sign in NETWORK_SIGNS)
    return True


def lock_all(table: Table) -> list[str]:
    """Compile the pins of every cell that has none yet; returns the cells where that failed."""
    failed = []
    for cell in table.cells.values():
        if cell.ambient or cell.nightly or table.pins(cell).is_file():
            continue
        try:
            print(f"constraints/{cell.name}.txt: {lock.compile_cell(table, cell, False)} pins", flush=True)
        except commands.ToolError as error:
            failed.append(cell.name)
            print(f"constraints/{cell.name}.txt: could not be compiled: {error}", flush=True)
    return failed


def indented(text: str) -> str:
    """The text as a block in the terminal."""
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines()).rstrip()
