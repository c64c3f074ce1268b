"""Suites that are written for a GPU, on a machine without one: not run, and neither failed nor passed."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from triton_matrix.base.cells import find_root

ROOT = find_root(Path(__file__).parent)
SUITE = """
import pytest


def test_that_asks_for_a_gpu():
    raise RuntimeError("Found no NVIDIA driver on your system. Please check")


def test_whose_cause_is_that_there_is_none():
    try:
        raise AssertionError("Torch not compiled with CUDA enabled")
    except AssertionError as error:
        raise ValueError("could not be launched") from error


@pytest.fixture
def on_gpu():
    raise RuntimeError("0 active drivers ([]). There should only be one.")


def test_whose_fixture_asks(on_gpu):
    pass


def test_that_is_wrong():
    assert 1 == 2, "numbers differ"


def test_that_passes():
    pass
"""


@pytest.fixture
def outcomes(tmp_path):
    """Test name -> what the JUnit file says of it: passed, failure, error or skipped, with the message."""

    def run(level, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TRITON_MATRIX_LEVEL": level, "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "triton_matrix.suites.no_gpu", "--junitxml=out.xml"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert (tmp_path / "out.xml").is_file(), done.stdout + done.stderr
        found = {}
        for case in ET.parse(tmp_path / "out.xml").getroot().iter("testcase"):
            result = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
            found[case.get("name")] = ("passed", "") if result is None else (result.tag, result.get("message"))
        return found

    return run


def test_a_test_that_finds_no_gpu_is_skipped_with_what_was_said(outcomes):
    found = outcomes("interpreter", test_all=SUITE)
    assert found["test_that_asks_for_a_gpu"][0] == "skipped"
    assert "needs a GPU: Found no NVIDIA driver on your system" in found["test_that_asks_for_a_gpu"][1]
    assert found["test_whose_cause_is_that_there_is_none"][0] == "skipped"
    assert found["test_whose_fixture_asks"][0] == "skipped"


def test_other_results_stay_as_they_are(outcomes):
    found = outcomes("interpreter", test_all=SUITE)
    assert found["test_that_is_wrong"][0] == "failure"
    assert found["test_that_passes"][0] == "passed"


def test_a_file_that_asks_when_it_is_imported_is_one_skipped_test(outcomes):
    found = outcomes("interpreter", test_file='raise RuntimeError("No CUDA GPUs are available")\n')
    assert found == {"import": ("skipped", "needs a GPU: No CUDA GPUs are available")}


def test_a_file_that_fails_for_another_cause_stays_an_error(outcomes):
    found = outcomes("interpreter", test_file='raise RuntimeError("no such kernel")\n')
    assert [kind for kind, _ in found.values()] == ["error"]


def test_at_level_device_a_gpu_that_is_not_found_is_a_failure(outcomes):
    assert outcomes("device", test_all=SUITE)["test_that_asks_for_a_gpu"][0] == "failure"
