"""Which tests a cell runs, and from where."""

import pytest

from triton_matrix.base.cells import load
from triton_matrix.suites import suite_paths

ROW = '[cell.new]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "x"\n'


@pytest.fixture
def table(tmp_path):
    """A table with these lines in [package], in a checkout with these folders."""

    def write(package="", folders=()):
        for name in ("constraints", *folders):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "constraints" / "cells.toml").write_text(f"[package]\n{package}\n{ROW}")
        return load(tmp_path / "constraints" / "cells.toml")

    return write


@pytest.mark.parametrize(
    ("package", "folders", "expected"),
    [
        ("", ["tests/correctness", "tests/incidents", "tests/harness"], ["correctness", "incidents"]),
        ("", ["tests/correctness"], ["correctness"]),
        ("", ["tests/unit"], ["."]),
        ('suites = ["unit"]', ["tests/unit", "tests/correctness"], ["../tests/unit"]),
        ('suites = ["test"]', ["test"], ["../test"]),
    ],
)
def test_the_suites_are_what_the_table_names_else_what_is_there(table, package, folders, expected):
    assert suite_paths.paths(table(package, folders)) == expected


def test_named_ones_take_the_place_of_the_tables(table):
    found = table('suites = ["test"]', ["test/ops", "tests/more"])
    assert suite_paths.paths(found, ["test/ops", "more"]) == ["../test/ops", "../tests/more"]


def test_a_suite_that_is_not_there_is_one_sentence(table):
    with pytest.raises(ValueError, match="there is no suite tests/gone, and no gone below the repo root"):
        suite_paths.paths(table('suites = ["gone"]', ["tests"]))


@pytest.mark.parametrize("name", ["../outside", "../../outside", "{above}/outside"])
def test_a_suite_outside_of_the_repository_is_refused(table, tmp_path, name):
    found = table("", ["tests"])
    (tmp_path.parent / "outside").mkdir(exist_ok=True)
    with pytest.raises(ValueError, match="which is outside of the repo root; allowed is a path below it"):
        suite_paths.paths(found, [name.format(above=tmp_path.parent)])
    (tmp_path / "tests" / "shared").symlink_to(tmp_path.parent / "outside")
    assert suite_paths.paths(found, ["shared"]) == ["shared"]


def test_suites_that_the_table_names_are_run_where_nothing_of_the_package_is_imported_from(table):
    assert suite_paths.folder(table("", ["tests"])).name == "tests"
    assert suite_paths.folder(table('suites = ["test"]', ["test"])).name == "constraints"


def test_sources_are_the_folder_that_holds_the_module(table, tmp_path):
    assert suite_paths.sources(table('module = "small"', ["src/small"])) == [str(tmp_path / "src")]
    assert suite_paths.sources(table('module = "other"', ["other"])) == [str(tmp_path)]
