"""Tests that do odd things: a good run stays green, and a bad one is red."""

import pytest

SUBTESTS = """
import unittest

class Old(unittest.TestCase):
    def test_rows(self):
        for row in range(3):
            with self.subTest(row=row):
                {end}
"""
FORKS = """
import os

def test_forks():
    child = os.fork()
    if {is_one}:
        {ends}
    if child:
        os.waitpid(child, 0)

def test_after(): pass
"""


def test_subtests_that_pass_or_are_skipped_are_a_good_run(checkout):
    checkout.write("test_a.py", SUBTESTS.format(end="self.assertTrue(row != 7)"))
    checkout.write("test_b.py", SUBTESTS.format(end="if row == 1: self.skipTest('one')"))
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.verdict() == (0, "pass")


def test_a_subtest_that_fails_is_a_failure(checkout):
    checkout.write("test_a.py", SUBTESTS.format(end="self.assertTrue(row != 1)"))
    assert checkout.run().returncode == 1
    assert checkout.verdict() == (1, "fail")


@pytest.mark.parametrize("ends", ["assert False", "return", "os.waitpid(child, 0) if child else 0; os._exit(0)"])
@pytest.mark.parametrize("is_one", ["child", "not child"])
def test_a_fork_whose_child_goes_on_with_the_suites_is_no_whole_run(checkout, ends, is_one):
    checkout.write("test_a.py", FORKS.format(is_one=is_one, ends=ends))
    done = checkout.run()
    status, verdict = checkout.verdict()
    if "_exit" in ends and is_one == "not child":  # as a test that forks should: the child never comes back
        assert (done.returncode, status, verdict) == (0, 0, "pass")
        return
    assert done.returncode == 2
    assert "test_forks forked" in done.stderr
    assert (status, verdict) == (1, "fail")
