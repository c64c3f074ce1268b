"""Which Triton a name means: a release, a wheel, another distribution; in which Python, and under which switch."""

import dataclasses

import pytest

from triton_matrix.base import tritons, versions
from triton_matrix.base.cells import Variant, load

URL = "https://host.example/simple"


@pytest.fixture(scope="module")
def table():
    return load()


def test_any_release_may_be_named_beside_those_of_the_table_and_takes_its_place_among_them(table):
    named = tritons.with_rows(table, [tritons.row(table, text) for text in ("3.7.0", "3.9.0")])
    assert [each for each in named.releases if each not in table.releases] == ["3.7.0"]
    assert list(named.releases) == sorted(named.releases, key=versions.key)
    known = table.releases["3.7.1"]  # what it needs is what the known release of its minor does
    assert named.releases["3.7.0"] == dataclasses.replace(known, triton="3.7.0")


@pytest.mark.parametrize("version", ["2.2.0", "1.0", "newest", "3.7.0+git1234", "no-such-folder/triton-3.7.0.whl"])
def test_what_is_no_triton_is_refused_by_name(table, version):
    with pytest.raises(ValueError, match=r"^triton is '.*'; allowed (are 2\.3\.1, .*NAME==VERSION|is a wheel)"):
        tritons.row(table, version)


def test_another_distribution_is_a_column_with_its_name_beside_its_version(table):
    found = tritons.row(table, "FBTriton==3.7.4")
    assert (found.name, found.install, found.triton) == ("3.7.4+fbtriton", "fbtriton==3.7.4", "3.7.4")
    assert found.requires == table.releases["3.7.1"].requires
    assert tritons.row(table, "triton==3.7.1").name == "3.7.1"


@pytest.mark.parametrize(
    ("file", "name", "python"),
    [
        ("triton-3.6.0-cp311-cp311-manylinux_2_28_x86_64.whl", "3.6.0+file", "3.11"),
        ("triton-3.8.0+git1a2b-cp313-cp313-linux_x86_64.whl", "3.8.0+git1a2b", "3.13"),
        ("triton-3.9.0-cp312-abi3-linux_x86_64.whl", "3.9.0+file", "3.11"),
        ("triton_windows-3.7.1-cp312-cp312-linux_x86_64.whl", "3.7.1+triton-windows", "3.12"),
    ],
)
def test_a_wheel_is_a_column_of_its_own_in_the_python_that_it_is_for(table, tmp_path, file, name, python):
    path = tmp_path / file
    path.write_bytes(b"")
    found = tritons.row(table, str(path))
    assert (found.name, found.install, found.python) == (name, str(path), python)


def test_what_comes_from_another_index_stands_beside_the_same_release(table):
    found = tritons.row(table, "3.7.1", URL)
    assert (found.name, found.index) == ("3.7.1+host.example", URL)
    with pytest.raises(ValueError, match="--index is 'host'; allowed is the address of an index"):
        tritons.row(table, "3.7.1", "host")


def test_another_python_is_a_column_of_its_own_where_there_are_wheels_for_it(table):
    newest, oldest = table.releases["3.9.0"], table.releases["2.3.1"]
    assert tritons.in_python(newest, "3.13").name == "3.9.0+py3.13"
    assert tritons.in_python(newest, "3.14t").python == "3.14t"
    assert tritons.in_python(newest, "3.11") is newest
    assert tritons.in_python(oldest, "3.13") is None
    with pytest.raises(ValueError, match=r"--python is '3'; allowed is major\.minor"):
        tritons.in_python(newest, "3")


def test_a_switch_stands_beside_what_it_is_of(table):
    row = tritons.under(table.releases["3.9.0"], Variant("plain", {"TRITON_DEFAULT_FP_FUSION": "0"}, "why"))
    assert row.name == "3.9.0+plain"
    assert row.environment == "3.9.0"
    assert [each.name for each in tritons.variants(table, ["fusion-off,no-buffer-ops"])] == list(table.variants)
    assert tritons.variants(table, ["all"]) == list(table.variants.values())
    with pytest.raises(ValueError, match="--variant is 'off'; allowed are fusion-off, no-buffer-ops, all"):
        tritons.variants(table, ["off"])


def test_what_is_derived_is_compared_with_what_it_is_of_and_releases_with_one_another():
    names = ["3.6.0", "3.7.1", "3.7.4+fbtriton", "3.8.0", "3.9.0", "3.9.0+plain", "3.9.0+py3.13", "3.9.0+py3.13+plain"]
    assert sorted(names, key=versions.order) == names
    assert versions.steps(names) == [
        ("3.6.0", "3.7.1"),
        ("3.7.1", "3.7.4+fbtriton"),
        ("3.7.1", "3.8.0"),
        ("3.8.0", "3.9.0"),
        ("3.9.0", "3.9.0+plain"),
        ("3.9.0", "3.9.0+py3.13"),
        ("3.9.0+py3.13", "3.9.0+py3.13+plain"),
    ]
    assert versions.steps(["3.9.0+plain"]) == []
