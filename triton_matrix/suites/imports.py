"""pytest plugin of a cell: the suites import the installed wheel, whatever the package's own settings put on the path.

``pythonpath = ["src"]`` in the package's settings, or a tests/__init__.py beside the module, makes pytest put a folder
of the checkout before everything else. Then the cell would test the sources, and not the wheel that it built.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

from ..base import env_vars, sources
from ..base.cells import Table, load_at


def pytest_load_initial_conftests(early_config: Any, args: list[str]) -> None:
    """Move folders that hold the package's sources to the end of the path, and keep pytest from putting one first."""
    table = _table(early_config)
    if table is None:
        return
    move_back(table)
    if early_config.known_args_namespace.importmode == "prepend" and holds(table, table.root):
        early_config.known_args_namespace.importmode = "append"
        args.insert(0, "--import-mode=append")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say so where the sources were imported all the same: a test or a conftest may change the path itself."""
    table = _table(session.config)
    if table is None:
        return
    shipped = [name for name in sources.installed_names(table.package.name) if not sources.is_beside(name)]
    for name in (table.package.module, *shipped):  # a wheel that ships tests/ by mistake is not asked for those
        module = sys.modules.get(name)
        file, folders = sources.file_of(module), list(getattr(module, "__path__", ()))
        # a namespace package has a part in each folder of the path: what it holds is looked for in the first one first
        where = [Path(each) for each in ([file, *folders] if file else folders[:1])]
        ours = next((each for each in where if each.is_relative_to(table.root) and not _installed(each)), None)
        if ours:
            raise pytest.UsageError(
                f"the suites imported {name} from the checkout ({os.path.relpath(ours, table.root)}), and not from the "
                "wheel that this cell installed; a conftest.py or a test puts that folder on sys.path"
            )


def move_back(table: Table) -> None:
    """Put entries of ``sys.path`` from which the checkout's own module would be imported behind all others."""
    behind = [each for each in sys.path if each and holds(table, Path(each))]
    sys.path[:] = [each for each in sys.path if each not in behind] + behind


def holds(table: Table, folder: Path) -> bool:
    """Whether ``folder`` is one of the checkout and has the package's module."""
    return folder.resolve() in sources.homes(table.root, table.package.module)


def _installed(path: Path) -> bool:
    """Whether a file is of an environment: that may lie in the checkout too."""
    return bool({"site-packages", "dist-packages"} & set(path.parts))


def _table(config: Any) -> Optional[Table]:
    """The table, where a cell with a wheel of its own is what runs."""
    name = os.environ.get(env_vars.CELL, "ambient")
    try:
        table = load_at(config.rootpath)
        return None if table.cell(name).ambient else table
    except ValueError as problem:  # nobody could say what is imported
        raise pytest.UsageError(f"the table of cell {name} cannot be read: {problem}") from None
