"""The Tritons that the harness knows, beside this repository's own table."""

from pathlib import Path

import pytest

from triton_matrix.base import pairs, versions
from triton_matrix.base.cells import find_root, load

TABLE = load(find_root(Path(__file__).parent) / "constraints" / "cells.toml")
CELLS = [cell for cell in TABLE.cells.values() if versions.is_release(cell.triton)]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_cell_of_our_table_says_of_its_pair_what_is_known_of_it(cell):
    known = {pair.triton: pair for pair in pairs.known()}
    if cell.triton not in known:
        pytest.skip(f"Triton {cell.triton} has a cell only; a row of pairs.toml makes `init` choose it")
    pair = known[cell.triton]
    assert cell.torch in pair.torch
    assert cell.requires == pair.requires
    assert [vars(gap) for gap in cell.gaps] == list(pair.gaps)
    assert pair.python(lambda each: each == cell.python) == cell.python


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
