"""A time is shared among releases: the last gets as much as the first, and what one does not need is the others'."""

import time

import pytest

from triton_matrix.releases.shares import Shares


def test_each_release_gets_as_much_of_what_is_left():
    shares = Shares(60.0, 3, side_by_side=2)
    with shares.taken() as first, shares.taken() as second:
        assert (first, second) == (40.0, 40.0)
    with shares.taken() as last:  # the others needed nothing
        assert last == pytest.approx(120.0, abs=20)


def test_what_a_release_takes_too_much_the_others_do_not_get():
    shares = Shares(0.4, 2, side_by_side=1)
    with shares.taken():
        time.sleep(0.3)
    with shares.taken() as last:
        assert 0.0 <= last <= 0.1


def test_the_share_of_a_release_that_cannot_be_asked_is_the_others():
    shares = Shares(60.0, 2, side_by_side=1)
    shares.unwanted()
    with shares.taken() as only:
        assert only == 60.0


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_without_a_time_there_is_no_share_and_of_none_each_gets_none(seconds):
    with Shares(seconds, 3, side_by_side=1).taken() as share:
        assert share == seconds
