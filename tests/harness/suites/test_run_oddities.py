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


def test_a_broken_file_costs_itself_and_the_others_run(checkout):
    checkout.write("test_a.py", "import nowhere_to_be_found\n")
    checkout.write("test_b.py", "def test_one(): pass\ndef test_two(): assert 1 == 2\n")
    done = checkout.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 2 passed, 2 skipped, 1 error" in done.stdout  # those of the other files, and of this one
    assert checkout.verdict() == (1, "fail")


def test_files_without_a_test_are_said_to_have_none(checkout):
    checkout.write("test_small.py", "def helper(): pass\n")
    done = checkout.run()
    assert done.returncode == 2
    assert "is not a whole run: pytest found no test in correctness" in done.stderr
    _, matrix, _ = checkout.report()
    assert matrix["cells"]["small"]["reason"].endswith("pytest found no test in correctness")


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


SKIPPED = """
import pytest

@pytest.mark.parametrize("row", range(9))
def test_rows(row): pytest.skip("no such thing here")
"""


def test_a_pass_of_which_much_was_skipped_says_so(checkout):
    assert checkout.run().returncode == 0
    assert "skipped" not in checkout.report()[2]  # one of two
    checkout.write("test_a.py", SKIPPED)
    checkout.write("test_b.py", "import pytest\npytest.importorskip('no_such_module')\n")
    assert checkout.run().returncode == 0
    status, matrix, said = checkout.report()
    assert (status, matrix["cells"]["small"]["verdict"]) == (0, "pass")
    for shown in (said, (checkout.reports / "summary.md").read_text().replace("\\", "")):
        assert "small interpreter: 1 files were skipped whole; the first is correctness.test_b" in shown
        assert "tests were skipped and 1 ran; most often because: no such thing here" in shown


def test_a_module_whose_file_is_a_function_ends_no_run(checkout):
    # as the interpreter of Triton 2.3.1 makes of triton.language.math
    odd = "import sys, types\nodd = sys.modules['odd'] = types.ModuleType('odd')\nodd.__file__ = lambda: None\n"
    checkout.write("test_small.py", f"{odd}def test_a(): pass\n")
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.verdict() == (0, "pass")


def test_a_run_in_which_nothing_ran_is_no_pass(checkout):
    checkout.write("test_small.py", SKIPPED)
    assert checkout.run().returncode == 0
    assert checkout.verdict() == (0, "unavailable")
    assert checkout.report("--require", "small:interpreter")[0] == 2
    checkout.write("test_small.py", "import pytest\npytest.importorskip('no_such_module')\n")
    assert checkout.run().returncode == 2
    assert checkout.verdict() == (1, "fail")
