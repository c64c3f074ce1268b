"""Kept values take bounded room."""

import os

import pytest

from triton_matrix.values import kept


@pytest.fixture
def folder(tmp_path):
    for age, name in enumerate(("oldest", "older", "newer", "newest")):
        (tmp_path / f"{name}.npz").write_bytes(bytes(100))
        os.utime(tmp_path / f"{name}.npz", (1000 + age, 1000 + age))
    return tmp_path


def names(folder):
    return {path.stem for path in folder.iterdir()}


def test_the_oldest_go_until_the_rest_fits(folder):
    assert kept.within(folder, (), 250) == 2
    assert names(folder) == {"newer", "newest"}


def test_what_a_run_has_just_named_stays_however_old(folder):
    assert kept.within(folder, {"oldest"}, 250) == 2
    assert names(folder) == {"oldest", "newest"}


def test_what_fits_stays(folder):
    assert kept.within(folder, (), 400) == 0
    assert kept.within(folder / "nowhere", ()) == 0
