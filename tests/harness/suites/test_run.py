"""Running a cell's suites: evidence of whole runs only, whole or not at all, and never of what did not run."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest


def run(checkout, *arguments):
    """`python -m triton_matrix run` in that checkout, as a session does it."""
    return checkout.verb("run", *arguments)


def evidence(checkout) -> Path:
    return checkout.reports / "small"


def test_a_whole_run_leaves_its_evidence_and_says_what_it_is_evidence_of(checkout):
    done = run(checkout, "--cell", "small")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "level device: not run" in done.stdout
    assert sorted(path.name for path in evidence(checkout).iterdir()) == [
        "environment.json",
        "junit-interpreter.xml",
        "run-interpreter.json",
    ]
    found = json.loads((evidence(checkout) / "environment.json").read_text())
    assert found["torch"]["version"] == "9.9.9+none"
    assert found["triton"]["version"] == "8.8.8"
    suite = ElementTree.parse(evidence(checkout) / "junit-interpreter.xml").getroot().find("testsuite")
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert (properties["cell"], properties["level"], properties["torch"]) == ("small", "interpreter", "9.9.9+none")
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "2", "0")


def test_a_gap_is_told_apart_from_what_another_machine_could_run(checkout):
    run(checkout, "--cell", "small")
    root = ElementTree.parse(evidence(checkout) / "junit-interpreter.xml").getroot()
    reasons = {case.get("name"): case.find("skipped").get("message") for case in root.iter("testcase") if len(case)}
    assert reasons["test_of_a_gap"] == "n/a: no such type there"
    assert reasons["test_on_a_gpu"].startswith("needs a GPU (offsets beyond 2^31)")


def test_evidence_names_no_folder_of_the_machine(checkout):
    run(checkout, "--cell", "small")
    for path in evidence(checkout).iterdir():
        assert str(checkout.root) not in path.read_text()


def test_a_failing_suite_is_exit_status_1_with_evidence(checkout):
    (checkout.root / "tests" / "correctness" / "test_more.py").write_text("def test_wrong():\n    assert 1 == 2\n")
    done = run(checkout, "--cell", "small")
    assert done.returncode == 1
    assert 'failures="1"' in (evidence(checkout) / "junit-interpreter.xml").read_text()


def test_a_selection_leaves_the_evidence_of_the_last_whole_run(checkout):
    run(checkout, "--cell", "small")
    before = (evidence(checkout) / "junit-interpreter.xml").read_text()
    done = run(checkout, "--cell", "small", "-k", "runs_on")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert (evidence(checkout) / "junit-interpreter.xml").read_text() == before


def test_a_suite_in_which_nothing_ran_is_not_a_success(checkout):
    (checkout.root / "tests" / "correctness" / "test_small.py").write_text("")
    assert run(checkout, "--cell", "small").returncode == 2


def test_a_run_that_dies_leaves_no_result_but_says_that_it_died(checkout):
    run(checkout, "--cell", "small")
    (checkout.root / "tests" / "correctness" / "test_dies.py").write_text("import os\ndef test_dies(): os._exit(9)\n")
    done = run(checkout, "--cell", "small")
    assert done.returncode == 2
    assert not (evidence(checkout) / "junit-interpreter.xml").exists()
    found = json.loads((evidence(checkout) / "run-interpreter.json").read_text())
    assert (found["status"], found["running"]) == (9, "tests/correctness/test_dies.py::test_dies")
    assert [path.name for path in evidence(checkout).iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cell", "triton4"], "unknown cell 'triton4'; cells.toml has small, pinned"),
        (["--cell", "small", "--suite", "speed"], "there is no suite tests/speed"),
        (["--cell", "small", "--level", "device"], "sees no GPU"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_exit_status_2(checkout, arguments, says):
    done = run(checkout, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_python_without_what_a_run_needs_names_what_to_add(checkout):
    (checkout.root / "modules" / "triton" / "__init__.py").unlink()
    (checkout.root / "modules" / "triton").rmdir()
    done = run(checkout, "--cell", "small")
    assert done.returncode == 2
    assert "needs triton" in done.stderr
