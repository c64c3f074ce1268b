"""The Tritons of a folder or an index, in order."""

import os

import pytest

from triton_matrix.base import cells
from triton_matrix.releases import bisect, wheels

from ..conftest import ROOT

TABLE = cells.load(ROOT / "constraints" / "cells.toml")


@pytest.fixture
def folder(tmp_path, standins):
    """Make a folder of stand-in wheels with these versions; their dates are in the order given."""

    def make(*versions, name="triton"):
        for day, version in enumerate(versions):
            path = standins.write_wheel(tmp_path / "wheels", name, version)
            os.utime(path, (day * 86400, day * 86400))
        return tmp_path / "wheels"

    return make


def names(where):
    return [row.triton for row in wheels.rows(TABLE, str(where))]


def test_nightlies_are_ordered_by_their_date_and_stand_before_their_release(folder):
    where = folder("3.5.0", "3.5.0.dev20250903", "3.5.0.dev20250811", "3.4.0", "3.6.0.dev20251001")
    assert names(where) == ["3.4.0", "3.5.0.dev20250811", "3.5.0.dev20250903", "3.5.0", "3.6.0.dev20251001"]


def test_builds_of_one_version_are_ordered_by_the_day_they_name_else_by_the_date_of_their_file(folder):
    where = folder("3.5.0+git0bbb", "3.5.0+git0aaa", "3.5.0+20250101.f", "3.5.0+20240101.f")
    assert names(where) == ["3.5.0+git0bbb", "3.5.0+git0aaa", "3.5.0+20240101.f", "3.5.0+20250101.f"]


def test_what_is_no_triton_or_of_another_platform_is_left_out(folder, standins):
    where = folder("3.4.0", "3.5.0")
    standins.write_wheel(where, "numpy", "2.0.0")
    (where / "triton-3.6.0-cp311-cp311-win_amd64.whl").write_bytes(b"")
    (where / "notes.whl").write_bytes(b"")
    assert names(where) == ["3.4.0", "3.5.0"]


def test_an_index_is_asked_for_the_first_distribution_that_it_has(folder, tmp_path, standins):
    made = sorted(folder("3.5.0.dev20250903", "3.5.0.dev20250811", name="pytorch-triton-rocm").glob("*.whl"))
    with standins.serving(standins.write_index(tmp_path / "index", made)) as (address, _):
        rows = wheels.rows(TABLE, f"{address}/")
    assert [row.install for row in rows] == [
        "pytorch-triton-rocm==3.5.0.dev20250811",
        "pytorch-triton-rocm==3.5.0.dev20250903",
    ]
    assert {row.index for row in rows} == {address}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nowhere", "--wheels is 'nowhere'; allowed is a folder of wheels, or the http:// address of an index"),
        ("http://127.0.0.1:9", "the index http://127.0.0.1:9 cannot be reached"),
    ],
)
def test_what_is_neither_is_refused(where, said):
    with pytest.raises(ValueError, match=said):
        wheels.rows(TABLE, where)


def test_one_triton_is_no_bisection(folder):
    with pytest.raises(ValueError, match=r"which has 3\.4\.0\+file for this platform; two or more are needed"):
        wheels.rows(TABLE, str(folder("3.4.0")))


def test_an_end_is_one_of_the_wheels(folder, capsys):
    where = str(folder("3.4.0", "3.5.0.dev20250811", "3.5.0"))
    ends = ["--good", "3.3.1", "--wheels", where, "--root", str(ROOT)]
    assert bisect.main(["x.toml", *ends]) == 2
    assert f"--good is '3.3.1'; {where} has 3.4.0+file, 3.5.0.dev20250811+file, 3.5.0+file" in capsys.readouterr().err
