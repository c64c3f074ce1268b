"""The README's table of cells is the table's own."""

import shutil

from triton_matrix.base.cells import find_root, load
from triton_matrix.environments import listing

ROOT = find_root()


def test_the_readme_lists_the_cells_as_the_table_has_them():
    assert listing.markdown(load()) in (ROOT / "README.md").read_text(encoding="utf-8"), "run `nox -s lock`"


def test_a_new_row_comes_into_the_readme_and_its_other_words_stay(tmp_path):
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    shutil.copy2(ROOT / "README.md", tmp_path / "README.md")
    cells = tmp_path / "constraints" / "cells.toml"
    row = (
        '[cell.added]\npython = "3.11"\ntorch = "2.12.0"\ntriton = "3.7.0"\nplatforms = ["cuda"]\nwhy = "added here"\n'
    )
    cells.write_text(cells.read_text() + row)
    assert listing.update(load(cells))
    before, after = ((folder / "README.md").read_text().splitlines() for folder in (ROOT, tmp_path))
    added = [line for line in after if line not in before]
    assert added == ["| `added` | 3.11 | 2.12.0 | 3.7.0 | added here | interpreter | device |"]
    assert [line for line in after if line not in added] == before


def test_a_readme_without_the_marks_is_left_alone(tmp_path):
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    (tmp_path / "README.md").write_text("# mine\n")
    assert not listing.update(load(tmp_path / "constraints" / "cells.toml"))
    assert (tmp_path / "README.md").read_text() == "# mine\n"
