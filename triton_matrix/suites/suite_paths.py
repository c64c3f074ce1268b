"""Which tests a cell runs, and from where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..base.cells import Table
from ..base.sources import homes

SUITES = ("correctness", "incidents")  # below tests/, for a package whose table names none


def folder(table: Table) -> Path:
    """Where suites are run from. Python imports from there first, so it is no folder with modules of the package's own.

    tests/ for a package whose table names no suites: those may import their helpers from there.
    """
    tests = table.root / "tests"
    return tests if tests.is_dir() and not table.package.suites else table.path.parent


def sources(table: Table) -> list[str]:
    """The folders of the checkout from which its own module is imported where no wheel is installed."""
    return [str(folder) for folder in homes(table.root, table.package.module) or [table.root]]


def has_tests(table: Table) -> bool:
    """Whether the suites hold a file that may have tests in it. One that is named and missing counts as one."""
    try:
        suites = [folder(table) / name for name in paths(table)]
    except ValueError:
        return bool(table.package.suites)
    return hold_tests(suites)


def hold_tests(suites: Iterable[Path]) -> bool:
    """The same of files and folders."""
    files = (path for suite in suites for path in ([suite] if suite.is_file() else suite.rglob("*.py")))
    return any(path.name not in ("conftest.py", "__init__.py") for path in files)


def paths(table: Table, named: Sequence[str] = ()) -> list[str]:
    """The suites as pytest gets them in :func:`folder`.

    Args:
        named: paths below the repo root or below tests/. Without one: what the table names, else tests/correctness and
            tests/incidents where they are there, else tests/ itself.

    Raises:
        ValueError: there is no such suite.
    """
    tests = table.root / "tests"
    wanted = named or table.package.suites or [name for name in SUITES if (tests / name).is_dir()] or [str(tests)]
    suites = []
    for name in wanted:
        place = next((each for each in (tests / name, table.root / name) if each.exists()), None)
        if place is None:
            raise ValueError(f"there is no suite tests/{name}, and no {name} below the repo root")
        if not any(each.is_relative_to(table.root) for each in (Path(os.path.abspath(place)), place.resolve())):
            raise ValueError(
                f"the suite is {str(name)!r}, which is outside of the repo root; allowed is a path below it"
            )
        suites.append(os.path.relpath(place, folder(table)))
    return suites
