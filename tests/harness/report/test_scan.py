"""What `nox -s launches` left is shown beside the cells, and where nothing was compiled the command for it is."""

import json

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load
from triton_matrix.evidence import schemas

LINES = ["2 kernels: 1 captured, 1 guessed", "CUDA: kernels need triton >=3.4"]


@pytest.fixture
def scanned(tmp_path):
    """Write the answer of a scan into a folder of evidence; keywords say what is otherwise in it."""

    def write(folder=tmp_path / "reports" / "launches", **otherwise):
        content = {
            "schema": schemas.SCAN,
            "package": "toys",
            "version": "1",
            "date": "2026-11-29T12:00:00+00:00",
            "sources": sources.package_digest(load()),
            "seconds": 3.0,
            "releases": ["3.9.0"],
            "targets": ["cuda:90"],
            "declared": "triton",
            "declared_allows_bad": [],
            "pyproject": "",
            "said": [],
            "guesses": {"too_large": 0, "out_of_time": 0},
            "lines": LINES,
            "worse": [],
            "ranges": [],
            "kernels": [],
        }
        folder.mkdir(parents=True)
        (folder / "scan.json").write_text(json.dumps({**content, **otherwise}))
        return tmp_path / "reports"

    return write


def test_what_launches_say_is_shown_and_is_an_answer(report, scanned):
    found = report(scanned())
    assert found["scan"]["lines"] == LINES
    assert (found["exit_status"], found["problems"]) == (0, [])
    for text in (found["said"], (found["out"] / "index.html").read_text(), (found["out"] / "summary.md").read_text()):
        assert "CUDA: kernels need triton" in text
    assert "what can be known here" not in found["said"]


def test_what_is_of_other_sources_is_said_and_is_no_answer(report, scanned):
    found = report(scanned(sources="0" * 64))
    assert "asks again" in found["scan"]["outdated"]
    assert found["scan"]["outdated"] in found["said"]
    assert found["exit_status"] == 2


def test_an_answer_that_is_expected_may_be_of_another_job_and_the_newest_counts(report, scanned, tmp_path):
    old = scanned(sources="0" * 64)
    reasons = report(old, "--expect", "launches")["status_reasons"]
    assert any(each.startswith("expected but not there: launches: the sources are not those of") for each in reasons)
    (tmp_path / "evidence").mkdir()
    scanned(date="2026-11-29T13:00:00+00:00", folder=tmp_path / "evidence" / "evidence-launches" / "launches")
    found = report(old, "--add", str(tmp_path / "evidence"), "--expect", "launches")
    assert (found["scan"]["outdated"], found["exit_status"]) == ("", 0)


def test_an_answer_that_is_expected_and_not_there_is_named(report, tmp_path):
    (tmp_path / "reports").mkdir()
    reasons = report(tmp_path / "reports", "--expect", "launches")["status_reasons"]
    assert "expected but not there: launches: nothing says how it ended" in reasons


def test_a_file_that_is_no_scan_is_named(report, scanned):
    found = report(scanned(seconds="long"))
    assert found["scan"]["lines"] == []
    assert "is no triton-matrix/scan/1: $.seconds" in found["problems"][0]["problem"]


def test_where_nothing_has_an_answer_the_command_that_gets_further_is_named_last(report, tmp_path):
    (tmp_path / "reports").mkdir()
    last = report(tmp_path / "reports")["said"].splitlines()[-1]
    assert last == "what can be known here: `nox -s codegen-cells` compiles the kernels for GPUs that are not here"
