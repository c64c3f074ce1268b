"""Our own kernels, compiled as plain ``nox`` compiles them: by the last two of the cells' releases that are pinned.

``nox -s codegen`` asks every release for every target, and compares the cells' releases with each other too.
"""

from __future__ import annotations

from triton_matrix.base.cells import load
from triton_matrix.releases import codegen_cli

from ..conftest import ENVS, ROOT


def test_nothing_is_worse_between_the_last_releases_of_the_cells_that_is_not_accepted(release_python, tmp_path, capsys):
    """Takes 15 s: it compiles every kernel of the atlas for one target, twice; other releases lie between the two."""
    table = load(ROOT / "constraints" / "cells.toml")
    earlier, later = [release for release in table.releases if release in table.pinned][-2:]
    assert list(table.releases).index(later) - list(table.releases).index(earlier) > 1
    for release in (earlier, later):
        release_python(release)
    asked = ["--from", earlier, "--to", later, "--target", "hip:gfx942"]
    status = codegen_cli.main([*asked, "--root", str(ROOT), "--envs", str(ENVS), "--out", str(tmp_path)])
    assert status == 0, capsys.readouterr()
