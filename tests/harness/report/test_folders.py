"""Which folder a result lies in: the checkout's own, another machine's, the same one twice."""

from __future__ import annotations

import json
import os

import pytest


def make_stale(reports):
    """Let every run below ``reports`` be of other sources than the checkout's."""
    for path in reports.rglob("run-*.json"):
        content = json.loads(path.read_text())
        content["wheel"] = {"checkout": "0" * 64, "installed": "0" * 64}
        path.write_text(json.dumps(content))
    return reports


@pytest.mark.parametrize("how", ["itself", "the folder above", "another name of it", "a folder in it"])
def test_a_stale_result_stays_ones_own_however_often_its_folder_is_named(report, copy, tmp_path, how):
    reports = make_stale(copy())
    other = {"itself": reports, "the folder above": tmp_path, "a folder in it": reports / "triton231"}
    if how == "another name of it":
        (tmp_path / "name").symlink_to(reports)
    found = report(reports, "--add", other.get(how, tmp_path / "name"))
    assert found["exit_status"] == 2
    assert "triton231 interpreter: stale: " in found["said"]
    assert found["superseded"] == []


def test_what_lies_behind_a_link_to_a_folder_counts_once(report, copy, tmp_path):
    reports = copy(cells=("triton300",))
    elsewhere = copy("num_warps", name="elsewhere")
    (reports / "triton231").symlink_to(elsewhere / "triton231")
    (reports / "triton300" / "above").symlink_to(reports)
    found = report(reports)
    assert (found["exit_status"], found["cells"]["triton231"]["verdict"]) == (1, "fail")
    assert found["superseded"] == []


def test_a_folder_that_cannot_be_read_is_no_folder_without_failures(report, copy):
    reports = copy("num_warps", cells=("triton231", "triton331"))
    folder = reports / "triton231"
    folder.chmod(0)
    try:
        if os.access(folder, os.R_OK):
            pytest.skip("this user reads everything")
        found = report(reports)
    finally:
        folder.chmod(0o755)
    assert found["exit_status"] == 2
    assert f"{folder} cannot be read: Permission denied" in found["said"]


def test_no_pass_comes_of_stale_results_of_other_machines_alone(report, copy, tmp_path):
    there = make_stale(copy(name="there"))
    found = report(tmp_path / "none", "--add", there)
    assert found["exit_status"] == 2
    assert "no result is of the checkout as it is now: run `nox`" in found["said"]
    assert report(tmp_path / "none", "--add", there, "--allow-stale")["exit_status"] == 0


def test_a_stale_result_of_another_machine_beside_one_that_counts_is_shown_only(report, copy):
    there, here = make_stale(copy(name="there")), copy(name="here", cells=("triton300",))
    found = report(here, "--add", there)
    assert found["exit_status"] == 0
    assert (found["cells"]["triton231"]["verdict"], found["cells"]["triton300"]["verdict"]) == ("stale", "pass")


def test_a_result_of_fewer_suites_than_there_are_now_is_stale(report, copy):
    reports = copy()
    path = reports / "triton231" / "run-interpreter.json"
    content = json.loads(path.read_text())
    content["suites"] = content["suites"][:1]
    path.write_text(json.dumps(content))
    found = report(reports)
    assert found["exit_status"] == 2
    assert found["cells"]["triton231"]["reason"].endswith("other suites are run now")


def test_a_result_of_a_cell_that_the_table_does_not_have_is_no_pass(report, copy):
    reports = copy("none")
    (reports / "triton231").rename(reports / "triton999")
    for path in (reports / "triton999").iterdir():
        path.write_text(path.read_text().replace("triton231", "triton999"))
    found = report(reports)
    assert (found["exit_status"], found["cells"]["triton999"]["verdict"]) == (2, "stale")
    assert "cells.toml has no cell of that name now" in found["said"]
