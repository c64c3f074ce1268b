"""What lies below the suites, looks like a test and does not run, is named: a reader should know."""

import json

import pytest

SUITE = """
import pytest

@pytest.mark.parametrize("golden", [])
def test_of_no_files(golden): assert 0

class TestThatCannotBeMade:
    def __init__(self): pass
    def test_in_it(self): assert 0

class TestData:  # holds no test
    def __init__(self): pass

def test_twice(): assert 0
def test_twice(): assert (1 == 2, "a tuple")

test_made = len  # no function
test_made_on_purpose = str.upper
def test_good(): pass
"""
BELOW = "tests/correctness/"


def notes(checkout):
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(checkout.evidence("run-interpreter.json").read_text())["notes"]
    assert all(f"note: {sentence}" in done.stdout for sentence in told)
    return told


def test_what_is_not_collected_of_a_file_is_named(checkout):
    checkout.write("test_a.py", SUITE)
    assert sorted(notes(checkout)) == [
        f"{BELOW}test_a.py:14 defines test_twice, which is defined again below, so this one did not run",
        f"{BELOW}test_a.py:15 asserts a tuple, which is always true",
        f"{BELOW}test_a.py::TestThatCannotBeMade is a class that pytest cannot make, so test_in_it did not run",
        f"{BELOW}test_a.py::test_made looks like a test, and nothing was collected of it",
        f"{BELOW}test_a.py::test_made_on_purpose looks like a test, and nothing was collected of it",
        f"{BELOW}test_a.py::test_of_no_files did not run: the list of its parameters is empty",
    ]
    _, matrix, said = checkout.report()
    assert matrix["cells"]["small"]["verdict"] == "pass"
    assert "small interpreter: tests/correctness/test_a.py::test_of_no_files did not run" in said
    assert "test_of_no_files did not run" in (checkout.reports / "summary.md").read_text()
    assert "test_of_no_files did not run" in (checkout.reports / "index.html").read_text()


@pytest.mark.parametrize(
    "conftest",
    [
        'collect_ignore = ["test_bad.py", "below", "build"]',
        'collect_ignore_glob = ["test_bad*", "below*"]',
        "def pytest_ignore_collect(collection_path): return collection_path.stem in ('test_bad', 'below') or None",
    ],
)
def test_files_that_a_conftest_ignores_are_named(checkout, conftest):
    for folder in ("below", "build", ".hidden", "environment"):  # pytest itself leaves out `build`
        (checkout.suite / folder).mkdir()
        checkout.write(f"{folder}/test_there.py", "def test_there(): assert 0\n")
    (checkout.suite / "environment" / "pyvenv.cfg").write_text("")
    (checkout.suite / "environment" / "bin").mkdir()
    checkout.write("environment/bin/activate", "")  # which older pytests look for
    checkout.write("test_bad.py", "def test_bad(): assert 0\n")
    checkout.write("conftest.py", conftest)
    files = [f"{BELOW}{name}" for name in ("below/test_there.py", "build/test_there.py", "test_bad.py")]
    assert notes(checkout) == [f"3 files of tests were not collected: {', '.join(files)}"]


def test_a_test_that_a_conftest_takes_away_is_named(checkout):
    checkout.write("test_a.py", "def test_bad(): assert 0\ndef test_good(): pass\n")
    takes = "def pytest_pycollect_makeitem(name): return [] if name == 'test_bad' else None\n"
    checkout.write("conftest.py", takes)
    assert notes(checkout) == [f"{BELOW}test_a.py::test_bad looks like a test, and nothing was collected of it"]
