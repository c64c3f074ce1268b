"""What plain ``nox`` says of our own kernels: the releases of the cells are compared with each other, not step by step.

A change that was accepted between two consecutive releases may be larger between two cells'.
"""

from __future__ import annotations

from triton_matrix.base.cells import load
from triton_matrix.releases import codegen_cli

from ..conftest import ENVS, ROOT


def test_nothing_is_worse_between_the_releases_of_the_cells_that_is_not_accepted(release_python, tmp_path, capsys):
    """Takes a minute where nothing is kept: it is the atlas of plain ``nox``, whole."""
    table = load(ROOT / "constraints" / "cells.toml")
    for release in {cell.triton for cell in table.cells.values()} & {*table.releases}:
        release_python(release)
    status = codegen_cli.main(["--cells", "--root", str(ROOT), "--envs", str(ENVS), "--out", str(tmp_path)])
    assert status == 0, capsys.readouterr()
