"""What the report remembers: only of a clean checkout, of results that are its own, and a commit to compare with."""

from __future__ import annotations

import json

import pytest

from triton_matrix.evidence import history_file

FIRST, SECOND = "1" * 40, "2" * 40


@pytest.fixture
def at(monkeypatch):
    """Let the checkout be at a commit, clean or not."""

    def go(commit, dirty=False):
        monkeypatch.setattr("triton_matrix.report.over_time.toolchain.git_state", lambda root: (commit, dirty))

    return go


def test_a_clean_checkout_remembers_each_row_once(report, copy, at):
    at(FIRST)
    reports = copy()
    out = report(reports)["out"]
    found = report(reports)
    rows = history_file.read(out)
    assert {(point.row, point.commit) for point in rows} == {(point.row, FIRST) for point in rows}
    assert len(rows) == len({point.key for point in rows})
    (level,) = [point for point in rows if point.row == "triton231 interpreter"]
    assert level.verdict == "pass"
    assert level.about["triton"] == "2.3.1"
    shown = {row["row"]: row for row in found["history"]}
    assert [point["commit"] for point in shown["triton231 interpreter"]["points"]] == [FIRST]


@pytest.mark.parametrize("state", [(FIRST, True), (None, None)])
def test_a_dirty_checkout_and_one_of_no_commit_write_nothing(state, report, copy, at):
    at(*state)
    out = report(copy())["out"]
    assert not (out / history_file.FOLDER).exists()


def test_a_stale_result_is_not_remembered(report, copy, at):
    at(FIRST)
    reports = copy()
    for run in reports.rglob("run-interpreter.json"):
        content = json.loads(run.read_text())
        content["wheel"]["installed"] = "another"
        run.write_text(json.dumps(content))
    out = report(reports)["out"]
    assert "triton231 interpreter" not in {point.row for point in history_file.read(out)}


def test_a_commit_is_an_earlier_run(report, copy, recorded, at, tmp_path):
    at(FIRST)
    report(copy())
    at(SECOND)
    found = report(copy("num_warps", name="now"), "--against", FIRST[:7])
    assert [row["count"] for row in found["changes"]["newly_failing"]] == [28]
    assert found["changes"]["against"] == FIRST[:7]
    shown = {row["row"]: row for row in found["history"]}
    assert [point["verdict"] for point in shown["triton231 interpreter"]["points"]] == ["pass", "regressed"]
    page = (found["out"] / "index.html").read_text()
    assert 'id="over-time"' in page


def test_a_commit_that_nothing_is_kept_for_names_those_that_are(report, copy, at):
    at(FIRST)
    report(copy())
    found = report(copy(name="again"), "--against", "9999")
    assert found["exit_status"] == 2
    assert f"no matrix is kept for it in {found['out'] / 'history'}; kept are {FIRST[:12]}" in found["err"]


def test_another_folders_history_is_merged(report, copy, at, tmp_path):
    at(FIRST)
    other = history_file.Point("triton300 device", "3" * 40, "2026-11-01T00:00:00+00:00", "pass")
    history_file.add(tmp_path / "other", [other])
    out = report(copy(), "--add", tmp_path / "other")["out"]
    assert other in history_file.read(out)


def test_times_are_drawn_as_a_line(report, timed, at):
    now, before = timed(1.5)
    at(FIRST)
    report(before)
    at(SECOND)
    found = report(now)
    lines = {row["row"]: row["line"] for row in found["history"] if row["line"]}
    (slower,) = [line for row, line in lines.items() if "large-bf16-32768x4096-backward" in row and "ours" not in line]
    assert slower == "0.0,18.0 100.0,2.0"
    assert "<polyline" in (found["out"] / "index.html").read_text()


def test_a_history_that_cannot_be_read_does_not_hide_the_answer(report, copy, at):
    at(FIRST)
    reports = copy()
    out = report(reports)["out"]
    (out / history_file.FOLDER / history_file.NAME).write_text("broken\n")
    found = report(reports)
    assert found["exit_status"] == 0
    assert "nothing is remembered" in found["err"]
