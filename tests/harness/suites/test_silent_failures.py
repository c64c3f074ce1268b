"""What pytest only warns of, or never hears of, fails its test or its level, whatever the package's settings say."""

import json
import re

import pytest

# every test fails, but for those called `good`: each alone would be green without the plugin
SUITE = """
import asyncio, functools, threading, unittest
import pytest
import tiny

def test_returns_a_value():
    return 1 == 2

def test_thread_that_is_joined():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start(); thread.join()

@pytest.fixture
def in_setup():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start(); thread.join()

def test_thread_of_its_fixture(in_setup): pass

def test_end_of_an_object():
    del tiny.EndsBadly().self

class Ends:
    def __del__(self): raise KeyError("of the suite")

def test_end_of_an_object_of_the_suite():
    Ends()

async def helper():
    assert False

def test_coroutine_that_nobody_waits_for():
    helper()

def wrapped(function):
    return functools.wraps(function)(lambda: function())

class TestOfUnittest(unittest.TestCase):
    def test_returns(self): return False
    async def test_coroutine(self): assert False
    def test_good(self): return self.assertTrue(True)

@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_good_that_expects_it():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start(); thread.join()

def test_good_thread_that_exits():
    import sys
    thread = threading.Thread(target=sys.exit)
    thread.start(); thread.join()

def test_good_end_of_an_object_of_others(elsewhere):
    elsewhere()

def test_good_handles_it_itself(monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start(); thread.join()
    assert len(heard) == 1
"""
CONFTEST = """
import pytest
@pytest.fixture
def elsewhere():
    space = {}
    exec(compile("class X:\\n def __del__(self): raise KeyError('not ours')", "/elsewhere/x.py", "exec"), space)
    return space["X"]
"""
ENDS_BADLY = """
class EndsBadly:
    def __init__(self): self.self = 0
    def __del__(self): raise KeyError("of the package")
"""
MODE = "addopts = --import-mode=importlib"
SETTINGS = {
    "as they come": MODE,
    "that ignore warnings": f"{MODE}\nfilterwarnings = ignore",
    "without pytest's own plugins": f"{MODE} -p no:threadexception -p no:unraisableexception -p no:warnings",
}


def outcomes(checkout):
    """The names of the tests that failed, and of those that passed."""
    junit = checkout.evidence("junit-interpreter.xml").read_text()
    cases = re.findall(r'<testcase [^>]*?name="(\w+)"[^>]*?(/>|>.*?</testcase>)', junit, re.DOTALL)
    failed = {name for name, rest in cases if "<failure" in rest or "<error" in rest}
    return failed, {name for name, rest in cases} - failed


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_failure_that_pytest_only_warns_of_fails_its_test(checkout, settings):
    (checkout.root / "pytest.ini").write_text(f"[pytest]\njunit_family = xunit1\n{SETTINGS[settings]}\n")
    (checkout.root / "tiny" / "__init__.py").write_text(ENDS_BADLY)
    checkout.write("conftest.py", CONFTEST)
    checkout.write("test_a.py", SUITE)
    done = checkout.run()
    assert done.returncode == 1, done.stdout + done.stderr
    failed, passed = outcomes(checkout)
    assert {name for name in passed if "good" not in name} == {"test_what_it_runs_on", "test_on_a_gpu", "test_of_a_gap"}
    assert {name for name in failed if "good" in name} == set()
    assert len(failed) == 8
    assert "ZeroDivisionError: division by zero" in done.stdout


LATE = """
import atexit, threading, time
import pytest

def later(seconds):
    time.sleep(seconds)
    assert seconds == 0, "too late"

def test_one():
    threading.Thread(target=later, args=({seconds},), name="the late one").start()

def test_two():
    time.sleep(0.6)
"""
AT_EXIT = "import atexit\ndef test_one(): atexit.register(lambda: 1 / 0)\n"


@pytest.mark.parametrize(
    ("suite", "says"),
    [
        (LATE.replace("{seconds}", "0.3"), "AssertionError: too late"),
        (LATE.replace("{seconds}", "2"), "AssertionError: too late"),
        (AT_EXIT, "ZeroDivisionError"),
    ],
    ids=["during the next test", "after the last test", "at exit"],
)
def test_a_failure_that_comes_after_its_test_fails_the_level(checkout, suite, says):
    checkout.write("test_a.py", suite)
    done = checkout.run()
    assert done.returncode == 2, done.stdout + done.stderr
    assert outcomes(checkout)[0] == set()  # no other test is blamed
    (sentence,) = json.loads(checkout.evidence("run-interpreter.json").read_text())["unheard"]
    assert says in sentence
    assert sentence.startswith(("an exception in the late one: ", "Exception ignored in atexit callback"))
    if "late" in sentence:
        assert "it is of tests/correctness/test_a.py::test_one, which had ended" in sentence
    assert f"is not a whole run: a failure that pytest does not count: {sentence}" in done.stderr


PASSES_ALL = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.outcome == "failed": report.outcome = "passed"
"""


def test_a_failure_that_a_conftest_reports_as_passed_fails_the_level(checkout):
    checkout.write("conftest.py", PASSES_ALL)
    checkout.write("test_a.py", "def test_bad(): assert 0\n")
    done = checkout.run()
    assert done.returncode == 2
    assert "test_a.py::test_bad failed in its call, and a plugin reported it as passed" in done.stderr
    assert checkout.verdict() == (1, "fail")


RERUNS = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    if "flaky" not in item.name: return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(3):  # as pytest-rerunfailures does it
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        for report in reports:
            if report.failed and attempt < 2: report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed: break
        if hasattr(item, "_initrequest"): item._initrequest()
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_report_teststatus(report):
    if report.outcome == "rerun": return "rerun", "R", "RERUN"
"""
FLAKY = """
COUNT = []
def test_flaky():
    COUNT.append(1)
    assert len(COUNT) == 3
"""


@pytest.mark.parametrize("each_ends", [False, True])  # as pytest-rerunfailures has it, and as flaky does
def test_a_test_that_passed_only_after_a_rerun_is_counted_and_shown(checkout, each_ends):
    ends = "        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)\n" * each_ends
    checkout.write("conftest.py", RERUNS.replace("        if hasattr(", f"{ends}        if hasattr("))
    checkout.write("test_a.py", FLAKY)
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    status, matrix, said = checkout.report()
    assert status == 0
    level = matrix["cells"]["small"]["levels"]["interpreter"]
    assert level["reruns"] == {"tests/correctness/test_a.py::test_flaky": 3}
    assert "✓ pass 2, 1 rerun" in said
    sentence = "1 test passed only after a rerun; tests/correctness/test_a.py::test_flaky took 3 attempts"
    assert f"small interpreter: {sentence}" in said
    assert sentence in (checkout.reports / "summary.md").read_text()
    assert "test_a.py::test_flaky passed at attempt 3" in (checkout.reports / "index.html").read_text()
