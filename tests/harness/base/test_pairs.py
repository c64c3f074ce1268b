"""The Tritons that the harness knows, beside this repository's own table."""

from pathlib import Path

import pytest

from triton_matrix.base import files, pairs, versions
from triton_matrix.base.cells import find_root, load

TABLE = load(find_root(Path(__file__).parent) / "constraints" / "cells.toml")
CELLS = [cell for cell in TABLE.cells.values() if versions.is_release(cell.triton)]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_cell_of_our_table_takes_from_its_pair_what_its_row_does_not_say(cell):
    pair = next(each for each in pairs.known() if each.triton == cell.triton)
    row = files.read_toml(TABLE.path, "the table")["cell"][cell.name]
    assert cell.torch == row.get("torch", pair.torch[0])
    assert cell.python == row.get("python", pair.python())
    assert cell.requires == tuple(row.get("requires", pair.requires))
    assert [vars(gap) for gap in cell.gaps] == row.get("gaps", list(pair.gaps))


def test_our_table_says_nothing_twice():
    for name, row in files.read_toml(TABLE.path, "the table")["cell"].items():
        known = pairs.row_of(row["triton"]) if versions.is_release(row.get("triton")) else {}
        assert [key for key in known if key in row and row[key] == known[key]] == [], name


def test_every_known_triton_from_the_oldest_on_is_a_release_of_our_atlas():
    assert {pair.triton for pair in pairs.known()} <= set(TABLE.releases)


def test_a_table_takes_the_known_tritons_from_its_oldest_on(tmp_path):
    path = tmp_path / "constraints" / "cells.toml"
    path.parent.mkdir()
    row = '[cell.a]\npython = "3.12"\ntorch = "2.9.1"\ntriton = "3.5.1"\nplatforms = ["cuda"]\nwhy = "x"\n'
    path.write_text('[package]\noldest = "3.7.1"\n' + row)
    newer = [pair.triton for pair in pairs.known() if versions.key(pair.triton) >= versions.key("3.7.1")]
    assert list(load(path).releases) == ["3.5.1", *newer]
    path.write_text('[package]\noldest = "3.7.9"\n' + row)
    with pytest.raises(ValueError, match=r"cells\.toml \[package\]: oldest is '3\.7\.9'; allowed are 2\.3\.1, "):
        load(path)


def test_the_interpreter_is_the_usual_one_or_the_nearest_that_is_allowed():
    pair = pairs.Pair("3.9.0", ("2.15.0",), ("3.10", "3.13"))
    assert pair.python() == pairs.PYTHON == "3.11"
    assert pair.python(lambda each: each != "3.11") == "3.12"
    assert pair.python(lambda each: each == "3.10") == "3.10"
    assert pair.python(lambda each: each == "3.14") is None
