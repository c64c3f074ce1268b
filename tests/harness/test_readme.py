"""The README is true: its commands are the ones that CI runs, its tables are the table's."""

import re

from triton_matrix.base.cells import find_root, load

ROOT = find_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_as_it_is_written():
    command = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    assert f"```\n{command}\n```" in README


def test_every_cell_has_a_row_with_its_versions():
    for name, cell in load().cells.items():
        row = re.search(rf"^\| `{re.escape(name)}` \|(.*)$", README, re.MULTILINE)
        assert row, f"cell {name} has no row in the README"
        columns = [column.strip() for column in row.group(1).split("|")]
        if cell.python:
            assert columns[0] == cell.python
        if cell.torch and not cell.nightly:
            assert columns[1:3] == [cell.torch, cell.triton]


def test_every_file_that_is_linked_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
