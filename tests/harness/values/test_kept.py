"""Kept values take bounded room."""

import os

import numpy as np
import pytest

from triton_matrix.values import arrays, kept


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


@pytest.mark.parametrize("count", [1, arrays.KEPT, arrays.KEPT + 1, 5 * arrays.KEPT + 3])
def test_of_a_large_tensor_the_same_places_are_kept_however_they_are_said(tmp_path, count):
    """Releases are compared element by element, also where one of them wrote less."""
    bits = np.arange(count, dtype=np.uint32)
    arrays.write(tmp_path, "all", range(count), bits)
    kept, values = arrays.read(tmp_path, "all")
    assert (bits[kept] == values).all()
    assert len(kept) == count if count <= arrays.KEPT else 0.8 * arrays.KEPT / 2 < len(kept) < 1.2 * arrays.KEPT
    some = np.arange(1, count)
    if count > arrays.KEPT + 1:
        arrays.write(tmp_path, "some", some, bits)
        assert set(arrays.read(tmp_path, "some")[0]) == set(kept) & set(some)
