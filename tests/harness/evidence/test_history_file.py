"""The history of rows over commits: union, bounds, and lines that are none of ours."""

import json
import os

import pytest

from triton_matrix.evidence import history_file
from triton_matrix.evidence.history_file import HistoryError, Point


def point(row="a interpreter", commit="c1", day=1, **more):
    return Point(row, commit, f"2026-11-{day:02}T00:00:00+00:00", **more)


def lines(folder):
    return (folder / history_file.FOLDER / history_file.NAME).read_text().splitlines()


def test_what_is_added_twice_is_there_once_and_a_line_is_never_edited(tmp_path):
    history_file.add(tmp_path, [point(verdict="pass")])
    before = lines(tmp_path)
    whole = history_file.add(tmp_path, [point(verdict="fail"), point(commit="c2", day=2, verdict="fail")])
    assert [each.verdict for each in whole] == ["pass", "fail"]
    assert lines(tmp_path)[0] == before[0]
    assert history_file.read(tmp_path) == whole


def test_two_machines_histories_are_merged_by_union_in_either_order(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    history_file.add(one, [point(day=1), point(row="b device", day=3)])
    history_file.add(other, [point(day=1), point(row="c device", day=2)])
    merged = history_file.add(one, history_file.read(other))
    assert merged == history_file.add(other, history_file.read(one))
    assert [each.row for each in merged] == ["a interpreter", "c device", "b device"]


def test_of_a_row_the_oldest_lines_go(tmp_path, monkeypatch):
    monkeypatch.setattr(history_file, "LINES_OF_A_ROW", 3)
    history_file.add(tmp_path, [point(day=day) for day in range(1, 6)])
    kept = history_file.add(tmp_path, [point(row="b device", day=1)])
    assert [(each.row[0], each.date[8:10]) for each in kept] == [("b", "01"), ("a", "03"), ("a", "04"), ("a", "05")]
    assert len(lines(tmp_path)) == 4


@pytest.mark.parametrize("line", ["no json", "[]", '{"schema": "triton-matrix/history/9"}', '{"row": "a"}'])
def test_a_line_that_is_none_of_ours_is_named(line, tmp_path):
    history_file.add(tmp_path, [point()])
    path = tmp_path / history_file.FOLDER / history_file.NAME
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(HistoryError, match=r"history\.jsonl line 2 is no triton-matrix/history/1"):
        history_file.read(tmp_path)


def test_every_line_says_its_schema(tmp_path):
    history_file.add(tmp_path, [point()])
    assert json.loads(lines(tmp_path)[0])["schema"] == "triton-matrix/history/1"


def test_a_matrix_is_found_by_the_first_letters_of_its_commit_and_the_oldest_go(tmp_path, monkeypatch):
    monkeypatch.setattr(history_file, "MATRICES", 2)
    for age, commit in enumerate(["aaaa1111bbbb2222", "aaaa2222bbbb2222", "cccc1111bbbb2222"]):
        history_file.keep_matrix(tmp_path, commit, {"of": commit})
        os.utime(tmp_path / history_file.FOLDER / f"matrix-{commit[:12]}.json.gz", (age, age))
    history_file.keep_matrix(tmp_path, "dddd1111bbbb2222", {"of": "d"})
    assert history_file.matrix_of(tmp_path, "cccc1") == {"of": "cccc1111bbbb2222"}
    assert history_file.matrix_of(tmp_path, "CCCC1111BBBB2222") == {"of": "cccc1111bbbb2222"}
    with pytest.raises(HistoryError, match=r"no matrix is kept for it .*; kept are cccc1111bbbb, dddd1111bbbb"):
        history_file.matrix_of(tmp_path, "aaaa")
    assert history_file.matrix_of(tmp_path, "not/a/commit") is None


def test_letters_that_mean_several_commits_are_refused(tmp_path):
    for commit in ("aaaa1111bbbb", "aaaa2222bbbb"):
        history_file.keep_matrix(tmp_path, commit, {})
    with pytest.raises(HistoryError, match="2 matrices are kept for commits that begin so"):
        history_file.matrix_of(tmp_path, "aaaa")
