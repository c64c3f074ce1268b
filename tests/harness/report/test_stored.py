"""Stored GPU runs: on the page with date, GPU and commit, and in no verdict."""

from __future__ import annotations

import shutil

import pytest

from triton_matrix.base import cells

from ..conftest import ROOT


@pytest.fixture
def page_of(report):
    """The page of a report, without its markup's line breaks."""

    def of(found):
        return " ".join((found["out"] / "index.html").read_text().split())

    return of


def test_a_first_page_has_every_level_of_a_cell_without_a_gpu(report, copy, page_of):
    found = report(copy())
    (run,) = [run for run in found["stored"] if run["what"] == "tests" and run["triton"] == "2.3.1"]
    assert (run["gpu"], run["date"][:10], run["commit"][:7]) == ("NVIDIA H100 80GB HBM3", "2026-11-22", "ace7dc4")
    assert run["said"] == "474 passed, 21 skipped"
    page = page_of(found)
    row = page[page.index('id="cell-triton231"') : page.index('id="cell-triton231-py39"')]
    assert "stored, not of this run: NVIDIA H100 80GB HBM3, 2026-11-22, commit ace7dc4" in row
    assert "· not run" in row


def test_a_stored_run_is_no_verdict_and_changes_no_exit_status(report, copy):
    found = report(copy())
    assert "device" not in found["cells"]["triton231"]["levels"]
    assert found["exit_status"] == 0
    assert not [name for name in found["cells"] if name.startswith("ambient-")]
    assert str(ROOT / "results") not in found["sources"]


def test_a_stored_failure_is_told_as_one(report, copy):
    (run,) = [run for run in report(copy())["stored"] if run["what"] == "tests" and run["triton"] == "3.0.0"]
    assert run["said"] == "643 passed, 1 failed, 6 skipped"


def test_the_bench_is_told_with_its_share_of_a_copy(report, copy, page_of):
    found = report(copy())
    (run, *_) = [run for run in found["stored"] if run["what"] == "bench" and run["triton"] == "3.9.0"]
    assert "rows timed, bf16 at 0." in run["said"]
    assert 'id="stored"' in page_of(found)


def test_a_package_that_keeps_no_runs_has_no_such_section(report, copy, page_of, tmp_path, monkeypatch):
    root = tmp_path / "package"
    shutil.copytree(ROOT / "constraints", root / "constraints")
    monkeypatch.setattr(cells.Table, "results", root / "results")
    found = report(copy())
    assert "stored" not in found
    assert 'id="stored"' not in page_of(found)
