"""`nox -s tests-<cell>` for every row of constraints/cells.toml."""

from pathlib import Path

from triton_matrix import sessions

TABLE = sessions.table_at(Path(__file__).parent / "constraints" / "cells.toml")

sessions.configure(TABLE)
for cell in TABLE.cells.values():
    sessions.add_cell(TABLE, cell)
sessions.add_verbs(TABLE, "lock", "wheelhouse")
