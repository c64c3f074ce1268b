"""A test says by its fixtures that it needs an environment; one that makes some and does not say so is refused."""

import os
import re
import subprocess
import sys

import pytest

from . import light_pytest
from .conftest import ROOT

TESTS = """
import os, subprocess, sys

def test_needs_none(tmp_path):
    subprocess.run([sys.executable, "-c", "pass"], cwd=tmp_path, check=True)

def test_makes_one(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "a"], check=True)

def test_starts_what_makes_one(tmp_path):
    subprocess.run([sys.executable, "-c", "import venv; venv.create('a')"], cwd=tmp_path, check=True)

def test_uses_a_release(tmp_path):
    subprocess.run([os.environ["TRITON_MATRIX_ENVS"] + "/3.9.0/bin/python"], check=False)

def test_says_so(venv, tmp_path):
    assert venv(tmp_path / "a").exists()

def test_says_so_through_another(release_python):
    assert callable(release_python)
"""

# a file that names no fixture of environments is not imported where they are made
OTHERS = """
import sys

assert "environment" not in sys.argv

def test_in_a_file_without():
    pass
"""
# one whose fixture no conftest.py has: to read the file does not tell what it asks for
HIDES = """
import pytest

@pytest.fixture
def hidden(venv):
    return venv
"""


@pytest.fixture
def outcomes(tmp_path):
    """Run those tests beside this folder's conftest, as a mark selects them; gives (name -> outcome, what it said)."""
    folder = tmp_path / "tests" / "harness"
    folder.mkdir(parents=True)
    for name in ("conftest.py", "forks.py", "guard.py", "light_pytest.py", "parted.py"):
        (folder / name).write_text((ROOT / "tests" / "harness" / name).read_text())
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text((ROOT / "constraints" / "cells.toml").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    (folder / "__init__.py").write_text("")
    (folder / "test_some.py").write_text(TESTS)
    (folder / "test_others.py").write_text(OTHERS)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    env.update(PYTHONPATH=str(ROOT), TRITON_MATRIX_ENVS=str(tmp_path / "envs"), **light_pytest.WITHOUT)

    def run(marked):
        command = [sys.executable, "-m", "pytest", "-rA", "-m", marked, "tests"]
        said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        said = said.stdout + said.stderr
        return {name: how for how, name in re.findall(r"^([A-Z]+) \S*::test_(\w+)", said, re.MULTILINE)}, said

    return run


def test_an_environment_is_refused_to_a_test_that_does_not_say_that_it_needs_one(outcomes):
    found, said = outcomes("not environment")
    refused = ("makes_one", "starts_what_makes_one", "uses_a_release")
    passed = ("needs_none", "in_a_file_without")
    assert found == {**dict.fromkeys(passed, "PASSED"), **dict.fromkeys(refused, "FAILED")}, said
    assert said.count("ask for the fixture `venv`") >= len(refused)


def test_one_that_says_so_runs_where_environments_are_made(outcomes, environments):
    found, said = outcomes("environment")
    assert found == {"says_so": "PASSED", "says_so_through_another": "PASSED"}, said


def test_no_test_is_lost_in_a_file_that_is_not_imported_where_environments_are_made(outcomes, tmp_path):
    folder = tmp_path / "tests" / "harness"
    (folder / "hides.py").write_text(HIDES)
    (folder / "test_hidden.py").write_text("from .hides import hidden\n\ndef test_it(hidden):\n    pass\n")
    found, said = outcomes("not environment")
    assert not found
    assert "`-m environment` would not find tests/harness/test_hidden.py::test_it" in said
