"""What a user's environment sets does not narrow or weaken a whole run unseen, and does not spoil one without need."""

import json

import pytest

from .. import light_pytest

SUITE = """
import unittest

def test_one(): pass
class TestGroup:
    def test_in_a_class(self): pass
class Old(unittest.TestCase):
    def test_of_unittest(self): pass
"""
TAKES_OUT = "def pytest_collection_modifyitems(items): items[:] = items[:1]\n"


@pytest.fixture
def small(checkout):
    """A checkout whose suites are green, with a folder, a class and a test of unittest that can be left out."""
    checkout.write("test_a.py", SUITE)
    (checkout.suite / "below").mkdir()
    checkout.write("below/test_b.py", "def test_below(): pass\n")
    (checkout.root / "modules" / "takes_out.py").write_text(TAKES_OUT)
    return checkout


@pytest.mark.parametrize(
    "options",
    [
        "-o python_functions=test_o*",
        "-c other.ini",
        "--noconftest",
        "-p no:unittest",
        "--collect-only",
        "-k one",
        "-x -q",
    ],
)
def test_a_whole_run_takes_no_options_of_the_shell_and_says_so(small, options):
    done = small.run(PYTEST_ADDOPTS=options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PYTEST_ADDOPTS is dropped in a whole run: {options}" in done.stdout
    assert small.verdict() == (0, "pass")


def test_a_selection_takes_the_options_of_the_shell(small):
    done = small.run("-k", "test", PYTEST_ADDOPTS="--collect-only")
    assert "dropped" not in done.stdout
    assert "collected" in done.stdout


def test_tests_that_a_plugin_takes_out_without_a_word_are_missed(small):
    done = small.run(PYTEST_PLUGINS="takes_out")
    assert done.returncode == 2
    assert "tests were deselected" in done.stderr
    assert small.verdict() == (1, "fail")


def test_assertions_of_a_helper_hold_where_the_environment_optimizes_them_away(small):
    (small.root / "tests" / "helper.py").write_text("def check(value):\n    assert value\n")
    (small.root / "pytest.ini").write_text("[pytest]\npythonpath = tests\naddopts = --import-mode=importlib\n")
    small.write("test_c.py", "from helper import check\ndef test_bad(): check(False)\n")
    for level in ("1", "2"):
        assert small.run(PYTHONOPTIMIZE=level).returncode == 1
    assert small.verdict() == (1, "fail")


@pytest.mark.parametrize("name", ["TRITON_KERNEL_OVERRIDE", "TRITON_SWAP_MIR", "LLVM_PASS_PLUGIN_PATH"])
def test_a_variable_that_replaces_compiled_code_makes_the_level_device_no_whole_run(small, name):
    done = small.run(STAND_IN_GPU="1", **{name: "1"})
    assert done.returncode == 2
    status, matrix, said = small.report()
    levels = {level: found["verdict"] for level, found in matrix["cells"]["small"]["levels"].items()}
    assert (status, levels) == (1, {"interpreter": "pass", "device": "fail"})  # the interpreter compiles nothing
    assert f"the shell sets {name}" in said


def test_variables_that_change_what_is_compiled_are_said_and_recorded(small):
    given = {"TRITON_DEFAULT_FP_FUSION": "0", "CUDA_VISIBLE_DEVICES": "1", "TRITON_KERNEL_OVERRIDE": "0"}
    done = small.run(STAND_IN_GPU="1", **given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the shell sets TRITON_DEFAULT_FP_FUSION=0" in done.stdout
    assert json.loads(small.evidence("environment.json").read_text())["variables"] == given
    assert small.verdict() == (0, "pass")


@pytest.mark.parametrize("settings", ["-n 2", "-n auto --dist loadfile", "-p no:xdist"])
def test_suites_that_are_spread_over_processes_are_run_in_one(small, settings):
    pytest.importorskip("xdist", reason="needs pytest-xdist: `nox -s check` has it")
    ini = small.root / "pytest.ini"
    ini.write_text(ini.read_text().replace("addopts =", f"addopts = {settings}"))
    done = small.run(**light_pytest.WITH)
    assert done.returncode == 0, done.stdout + done.stderr
    assert small.verdict() == (0, "pass")


@pytest.fixture
def above(small, tmp_path):
    """The folder above the repo root: a monorepo's, or somebody's home."""
    assert small.root.parent == tmp_path
    return tmp_path


def test_settings_above_the_root_hold_and_are_part_of_what_the_run_is_evidence_of(small, above):
    (small.root / "pytest.ini").unlink()
    small.write("test_c.py", "def test_bad(): assert False\n")
    (above / "pytest.ini").write_text("[pytest]\npython_functions = test_o*\naddopts = --import-mode=importlib\n")
    done = small.run()
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(small.evidence("run-interpreter.json").read_text())
    assert "tests/correctness/test_a.py::test_one" in run["collected"]  # the root's names, wherever the settings lie
    assert small.verdict() == (0, "pass")
    (above / "pytest.ini").unlink()
    status, _, said = small.report()
    assert status == 2
    assert "../pytest.ini, which its suites use, was changed since" in said


def test_a_conftest_above_the_root_is_part_of_it_too(small, above):
    (small.root / "pytest.ini").unlink()
    small.write("test_c.py", "def test_bad(): assert False\n")
    (above / "tox.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    marks = "for item in items: 'bad' in item.name and item.add_marker(pytest.mark.xfail)"
    hook = f"def pytest_collection_modifyitems(items):\n    {marks}\n"
    (above / "conftest.py").write_text(f"import pytest\nimport helper_of_all\n{hook}")
    (above / "helper_of_all.py").write_text("")
    (above / ".git").mkdir()  # a monorepo: what lies in it counts
    assert small.run(path=str(above)).returncode == 0
    run = json.loads(small.evidence("run-interpreter.json").read_text())
    assert {"../conftest.py", "../tox.ini", "../helper_of_all.py"} <= set(run["helpers"])
    (above / "helper_of_all.py").write_text("VALUE = 1\n")
    assert small.verdict() == (2, "stale")
