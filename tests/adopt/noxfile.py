"""`nox -s tests-<cell>` for every row of constraints/cells.toml."""

from pathlib import Path

from liger_kernel.matrix import sessions
from liger_kernel.matrix.cells import load

TABLE = load(Path(__file__).parent / "constraints" / "cells.toml")

sessions.configure(TABLE)
for cell in TABLE.cells.values():
    sessions.add_cell(TABLE, cell)
sessions.add_verbs(TABLE, "lock", "wheelhouse")
