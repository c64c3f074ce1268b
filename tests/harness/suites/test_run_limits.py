"""A test that hangs is ended and named, a level that hangs too, and what is interrupted leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HANGS = "import time\ndef test_hangs():\n    while True: time.sleep(0.01)\ndef test_after(): pass\n"


@pytest.fixture
def hanging(checkout):
    """A checkout with a test that never ends, and limits that are soon reached."""
    checkout.write("test_hangs.py", HANGS)

    def limited(**limits):
        table = checkout.root / "constraints" / "cells.toml"
        rows = "".join(f"{name} = {seconds}\n" for name, seconds in limits.items())
        table.write_text(table.read_text().replace('name = "tiny"\n', f'name = "tiny"\n{rows}'))
        return checkout

    return limited


@pytest.fixture
def without_pytest_timeout(tmp_path, venv):
    """A Python that has all that this one has, but for pytest-timeout."""
    here, there = Path(pytest.__file__).parents[1], tmp_path / "site"
    there.mkdir()
    for path in here.iterdir():
        if "timeout" not in path.name:
            (there / path.name).symlink_to(path)
    return {"python": str(venv(tmp_path / "environment")), "path": str(there)}


def test_a_test_that_hangs_fails_and_the_others_go_on(hanging):
    checkout = hanging(timeout=2)
    done = checkout.run()
    assert done.returncode == 1
    assert "Timeout" in done.stdout
    status, matrix, said = checkout.report()
    counts = matrix["cells"]["small"]["levels"]["interpreter"]["counts"]
    assert (status, counts["failed"], counts["passed"]) == (1, 1, 2)
    assert "test_hangs" in said


def test_without_pytest_timeout_a_test_that_hangs_ends_the_level_and_is_named(hanging, without_pytest_timeout):
    checkout = hanging(timeout=2)
    done = checkout.run(**without_pytest_timeout)
    assert done.returncode == 2
    assert "there is no pytest-timeout in" in done.stdout
    assert "test_hangs.py" in done.stderr  # the stack of where it hung
    assert "running tests/correctness/test_hangs.py::test_hangs" in done.stderr
    status, _, said = checkout.report()
    assert status == 1
    assert "test_hangs.py::test_hangs" in said


# one call of C code that never comes back to Python, as a launch of a kernel that never ends: the second lock waits
NEVER_BACK = """
import ctypes

def test_hangs():
    c, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(256)
    c.pthread_mutex_init(mutex, None)
    c.pthread_mutex_lock(mutex)
    c.pthread_mutex_lock(mutex)
"""


def test_a_test_that_never_comes_back_to_python_ends_the_level_and_is_named(hanging):
    checkout = hanging(timeout=2)
    checkout.write("test_hangs.py", NEVER_BACK)
    begun = time.monotonic()
    done = checkout.run()
    assert time.monotonic() - begun < 60
    assert done.returncode == 2
    assert "test_hangs.py" in done.stderr  # the stack of where it hung
    assert "running tests/correctness/test_hangs.py::test_hangs" in done.stderr
    status, _, said = checkout.report()
    assert status == 1
    assert "test_hangs.py::test_hangs" in said


@pytest.mark.parametrize("marker", ["timeout(60)", "timeout(timeout=0)", "timeout(60, method='thread')"])
def test_a_test_may_have_a_limit_of_its_own(hanging, marker):
    checkout = hanging(timeout=1)
    checkout.write(
        "test_hangs.py", f"import time, pytest\n@pytest.mark.{marker}\ndef test_takes_long(): time.sleep(4)\n"
    )
    assert checkout.run().returncode == 0


@pytest.mark.parametrize("where", ["in a test", "at import"])
def test_a_level_that_takes_too_long_is_ended_and_what_was_running_is_named(hanging, where):
    checkout = hanging(timeout=600, level_timeout=4)
    if where == "at import":
        checkout.write("test_hangs.py", "import time\nwhile True: time.sleep(0.01)\n")
    begun = time.monotonic()
    done = checkout.run()
    assert time.monotonic() - begun < 60
    assert done.returncode == 2
    assert "ended after 4 s, the level's limit" in done.stderr
    if where == "in a test":
        assert "running tests/correctness/test_hangs.py::test_hangs" in done.stderr
    assert checkout.verdict() == (1, "fail")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_its_suites_and_is_no_pass(checkout, number):
    pid = "import os, pathlib, time\ndef test_z():\n    pathlib.Path('begun').write_text(f'{os.getpid()} ')\n"
    checkout.write("test_z.py", pid + "    time.sleep(600)\n")
    command = [sys.executable, "-m", "triton_matrix", "run", "--cell", "small", "--root", str(checkout.root)]
    tests, begun = checkout.root / "tests", checkout.root / "tests" / "begun"
    process = subprocess.Popen(command, env=checkout.env(), cwd=tests, stdin=subprocess.DEVNULL)
    while not begun.exists() or not begun.read_text().endswith(" "):
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)
    status, _, said = checkout.report()
    assert status == 1
    assert "interrupted" in said
    assert "test_z.py::test_z" in said
