"""The table of cells: what a row may say, and what a bad row is answered with."""

import pytest

from triton_matrix.base import versions
from triton_matrix.base.cells import find_root, load

ROW = '[cell.new]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "a reason"\n'


@pytest.fixture
def table_of(tmp_path):
    """Write a table and load it."""

    def write(text):
        path = tmp_path / "constraints" / "cells.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load(path)

    return write


def test_the_projects_table_has_the_cells_that_its_sessions_are_named_after():
    table = load()
    expected = ["triton231", "triton231-py39", "triton300", "triton331", "triton3x", "rocm-nightly", "ambient"]
    assert [name for name in expected if name not in table.cells] == []
    assert table.cell("ambient").ambient
    assert table.cell("rocm-nightly").nightly
    assert all(cell.why for cell in table.cells.values())


def test_every_pinned_cell_has_a_constraint_file_that_pins_its_pair_and_names_its_command():
    table = load()
    for cell in table.cells.values():
        if cell.ambient or cell.nightly:
            continue
        lines = table.pins(cell).read_text().splitlines()
        assert f"torch=={cell.torch} \\" in lines, "a hash follows"
        assert f"triton=={cell.triton} \\" in lines, "a hash follows"
        assert any(f"nox -s lock -- {cell.name}" in line for line in lines[:3])


def test_releases_are_the_tables_own_rows_and_those_of_the_pinned_cells_oldest_first():
    releases = list(load().releases)
    assert releases == sorted(releases, key=versions.key)
    assert {"2.3.1", "3.3.1", "3.4.0", "3.9.0"} <= set(releases)


def test_a_row_is_all_that_a_new_release_needs(table_of):
    table = table_of(ROW)
    assert table.cell("new").triton == "3.3.1"
    assert table.releases["3.3.1"].torch == "2.7.1"
    assert table.pins(table.cell("new")).name == "new.txt"


def test_a_release_of_the_atlas_has_the_python_of_its_cell_else_one_of_the_cells_that_it_has_wheels_for(table_of):
    rows = '[package]\nname = "toys"\noldest = "2.3.1"\n'
    rows += "".join(
        f'[cell.{name}]\ntriton = "{triton}"\npython = "{python}"\nplatforms = ["cuda"]\nwhy = "toys need it"\n'
        for name, triton, python in (("a", "3.4.0", "3.13"), ("b", "3.3.1", "3.12"))
    )
    found = {triton: row.python for triton, row in table_of(rows).releases.items()}
    assert (found["3.4.0"], found["3.3.1"]) == ("3.13", "3.12")
    assert found["3.9.0"] == "3.12"  # the nearest to the usual one
    assert found["2.3.1"] == "3.11"  # which has none for 3.12


def test_versions_sort_as_numbers():
    assert versions.key("3.10.0") > versions.key("3.9.1") > versions.key("3.9.0+git1")


def test_a_gap_is_found_by_level_and_feature():
    cell = load().cell("triton231")
    assert "bfloat16" in cell.gap("interpreter", "bfloat16")
    assert cell.gap("device", "bfloat16") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no [cell.*] row"),
        ("[cell", "is not TOML"),
        ('[cells.x]\nwhy = "y"\n', "unknown table [cells]"),
        (ROW + "pyhton = 3\n", "unknown key 'pyhton'"),
        ('[cell.new]\nplatforms = ["cuda"]\n', "the key 'why' is missing"),
        (ROW.replace('"cuda"', '"cuda", "metal"'), "metal"),
        (ROW + 'gaps = [{ level = "gpu", feature = "x", reason = "y" }]\n', 'gaps[0].level is "gpu"'),
        (
            ROW + '[release]\n"3.4.9" = { python = "3.11" }\n',
            '[release."3.4.9"]: triton is "3.4.9"; a row with triton needs torch too',
        ),
    ],
)
def test_a_bad_table_is_answered_with_the_row_and_the_key(table_of, text, says):
    with pytest.raises(ValueError, match=r"cells\.toml") as caught:
        table_of(text)
    assert says in str(caught.value)


def test_an_unknown_cell_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"unknown cell 'triton4'.*triton231.*ambient"):
        load().cell("triton4")


def test_no_table_above_a_folder_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="--root"):
        find_root(tmp_path)


SWITCH = ROW + '[variant.plain]\nenv = { TRITON_DEFAULT_FP_FUSION = "0" }\nwhy = "as tomorrow"\n'


def test_a_variant_is_a_row_of_variables_that_change_what_triton_compiles(table_of):
    (variant,) = table_of(SWITCH).variants.values()
    assert (variant.name, variant.env) == ("plain", {"TRITON_DEFAULT_FP_FUSION": "0"})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("TRITON_DEFAULT_FP_FUSION", "HOME", '[variant.plain]: env has "HOME"; allowed is a variable'),
        ("TRITON_DEFAULT_FP_FUSION", "TRITON_INTERPRET", "allowed is a variable"),
        ("TRITON_DEFAULT_FP_FUSION", "TRITON_KERNEL_OVERRIDE", "allowed is a variable"),
        ("TRITON_DEFAULT_FP_FUSION", "TRITON_CACHE_DIR", "allowed is a variable"),
        ('"0"', "0", "[variant.plain.env.TRITON_DEFAULT_FP_FUSION] is 0; allowed is a text in quotes"),
        ('{ TRITON_DEFAULT_FP_FUSION = "0" }', "{}", "there is no [variant.plain.env.*] row"),
        ("variant.plain", "variant.py3", "the name is"),
        ("variant.plain", "variant.A_b", "the name is"),
        ('why = "as tomorrow"', "", "the key 'why' is missing"),
    ],
)
def test_a_bad_variant_is_answered_with_the_row_and_the_key(table_of, old, new, says):
    with pytest.raises(ValueError, match=r"cells\.toml") as caught:
        table_of(SWITCH.replace(old, new))
    assert says in str(caught.value)
