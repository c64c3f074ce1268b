"""Device timings: told apart, compared, accepted."""

from __future__ import annotations

import json
import shutil

import pytest

from .results import known, make_current


def test_a_row_of_ours_that_is_slower_beyond_the_noise_is_a_regression_of_the_device_level(report, timed):
    now, before = timed(1.3)
    found = report(now, "--against", before)
    (row,) = found["changes"]["slower"]
    assert (row["cell"], row["name"], row["ratio"]) == ("triton231", "large-bf16-32768x4096-backward", 1.3)
    assert found["cells"]["triton231"]["levels"]["device"]["verdict"] == "regressed"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["verdict"] == "pass"
    assert found["exit_status"] == 1


def test_a_row_within_the_noise_or_faster_is_no_regression(report, timed, tmp_path):
    now, before = timed(1.02)
    found = report(now, "--against", before)
    assert (found["changes"]["slower"], found["changes"]["faster"], found["exit_status"]) == ([], [], 0)
    (faster,) = report(before, "--against", timed_slower(now))["changes"]["faster"]
    assert faster["ratio"] == pytest.approx(1 / 1.5, abs=0.01)


def timed_slower(folder):
    file = folder / "triton231" / "benchmark.json"
    content = json.loads(file.read_text())
    row = next(row for row in content["benchmarks"] if row["extra_info"]["implementation"] == "ours")
    row["stats"]["median"] *= 1.5
    row["extra_info"]["share_of_copy"] /= 1.5
    file.write_text(json.dumps(content))
    return folder


def test_a_known_slow_down_is_accepted_and_must_go_when_it_is_gone(report, timed, tmp_path):
    now, before = timed(1.3)
    row = '[[slower]]\ncell = "triton231"\nbenchmark = "large-bf16-*-backward"\nreason = "issue 8"\n'
    accepted = report(now, "--against", before, "--known", known(tmp_path, row))
    assert accepted["exit_status"] == 0
    assert accepted["changes"]["slower"][0]["accepted"] == "issue 8"
    gone = report(before, "--against", before, "--known", known(tmp_path, row))
    assert gone["exit_status"] == 1
    assert "no longer occurs (issue 8)" in gone["said"]


def noisy(folder, spread, names=None):
    """Let the runs below a folder be that noisy, in these rows or in all."""
    for file in folder.rglob("benchmark.json"):
        content = json.loads(file.read_text())
        for row in content["benchmarks"]:
            if names is None or row["extra_info"]["row"] in names:
                row["extra_info"]["spread"] = spread
                row["stats"].pop("data", None)
        file.write_text(json.dumps(content))
    return folder


def test_a_row_whose_noise_is_larger_than_the_change_is_named_and_counted_and_never_silently_fine(report, timed):
    now, before = timed(2.5)
    name = "large-bf16-32768x4096-backward"
    found = report(noisy(now, 0.6, {name}), "--against", before)
    (row,) = found["changes"]["too_noisy"]
    assert (row["cell"], row["name"], row["ratio"], row["limit"]) == ("triton231", name, 2.5, pytest.approx(1.8))
    assert found["changes"]["slower"] == []
    assert found["changes"]["compared"] > 0
    assert found["exit_status"] == 0
    how = "noise 180.0%; it looks 2.50 x the earlier time"
    for shown in (found["said"], (found["out"] / "summary.md").read_text()):
        assert f"1 timings are too noisy to tell a change of 5%: {name} ({how})" in shown
    page = (found["out"] / "index.html").read_text()
    assert "<h3>Too noisy to tell: 1</h3>" in page
    assert f"{name}: {how}" in page


def test_where_every_row_is_too_noisy_there_is_no_answer(report, timed):
    now, before = timed(2.5)
    found = report(noisy(now, 0.6), "--against", before)
    count = len(found["changes"]["too_noisy"])
    assert (count > 1, found["changes"]["compared"], found["exit_status"]) == (True, 0, 2)
    assert f"timings against {before}: each of the {count} is too noisy to tell" in found["status_reasons"]


def test_a_known_slow_down_is_not_gone_because_it_is_too_noisy_to_tell(report, timed, tmp_path):
    now, before = timed(1.3)
    row = '[[slower]]\ncell = "triton231"\nbenchmark = "large-bf16-*-backward"\nreason = "issue 8"\n'
    options = ["--known", known(tmp_path, row)]
    assert report(before, "--against", before, *options)["changes"]["gone"]
    assert report(noisy(now, 0.6), "--against", before, *options)["changes"]["gone"] == []


def test_an_earlier_run_may_hold_timings_only(report, timed):
    now, before = timed(1.3)
    for path in (before / "triton231").iterdir():
        path.unlink() if path.name not in ("benchmark.json", "environment.json") else None
    shutil.rmtree(before / "codegen")
    found = report(now, "--against", before)
    assert [row["ratio"] for row in found["changes"]["slower"]] == [1.3]
    alone = report(before, "--against", before)
    assert (alone["exit_status"], alone["status_reasons"]) == (0, [])
    (before / "triton231" / "benchmark.json").unlink()
    empty = report(now, "--against", before)
    assert (empty["exit_status"], "holds no results" in empty["err"]) == (2, True)


@pytest.fixture
def timed_run(timed, tmp_path):
    """Write a run of the bench: another GPU, other settings, one row's time by a factor; gives its folder."""
    content = (timed(1)[1] / "triton231" / "benchmark.json").read_text()

    def make(
        folder, gpu="NVIDIA H100 80GB HBM3", settings="tuned table", factor=1.0, day=1, cell="ambient", table="full"
    ):
        found = json.loads(content)
        versions = {**found["triton_matrix"]["versions"], "triton": "3.6.0"}
        header = {"cell": cell, "gpus": [{"name": gpu}], "settings": settings, "versions": versions, "selection": table}
        found["triton_matrix"].update(header, date=f"2026-01-{day:02}T00:00:00+00:00")
        for row in found["benchmarks"]:
            if row["extra_info"]["row"] == "large-bf16-32768x4096-backward":
                row["stats"]["median"] *= factor
                row["extra_info"]["share_of_copy"] /= factor
        machine = f"{gpu} {settings} {day}".replace(" ", "-")
        path = tmp_path / "machines" / folder / machine / cell / "benchmark.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(found))
        make_current(path.parent)
        return tmp_path / "machines" / folder

    return make


def earlier(report, folder):
    """The folder's matrix, for --against."""
    return shutil.copy(report(folder)["out"] / "matrix.json", folder / "matrix.json")


def told_apart(found):
    return {(row["cell"], row["on"]) for row in found["benches"]}


def test_timings_of_two_gpus_with_one_triton_stand_side_by_side(report, timed_run):
    timed_run("now", day=1)
    found = report(timed_run("now", gpu="NVIDIA H200", factor=0.7, day=2))
    assert told_apart(found) == {("ambient-3.6.0", "H100"), ("ambient-3.6.0", "H200")}
    assert {row["gpu"] for row in found["benches"]} == {"NVIDIA H100 80GB HBM3", "NVIDIA H200"}
    assert found["superseded"] == []
    files = [row["what"] for row in found["files"]]
    assert files == ["ambient-3.6.0 device benchmarks, H100", "ambient-3.6.0 device benchmarks, H200"]
    text = (found["out"] / "index.html").read_text()
    assert '"run":"ambient-3.6.0, H100"' in text
    assert '"run":"ambient-3.6.0, H200"' in text


def test_gpus_of_one_model_are_told_apart_by_their_whole_names(report, timed_run):
    timed_run("now", day=1)
    found = report(timed_run("now", gpu="NVIDIA H100 PCIe", day=2))
    assert {on for _, on in told_apart(found)} == {"NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe"}


def test_timings_of_one_gpu_stand_under_their_cell_alone_and_the_newest_counts(report, timed_run):
    timed_run("now", day=1)
    found = report(timed_run("now", day=2))
    assert told_apart(found) == {("ambient-3.6.0", "")}
    assert [row["what"] for row in found["files"]] == ["ambient-3.6.0 device benchmarks"]
    assert len(found["superseded"]) == 1
    assert '"run":"ambient-3.6.0"' in (found["out"] / "index.html").read_text()


def test_the_general_rule_does_not_hide_the_tuned_settings_and_is_not_compared_with_them(report, timed_run):
    before = earlier(report, timed_run("before"))
    timed_run("now", day=1)
    now = timed_run("now", settings="general rule", factor=1.5, day=2)
    found = report(now, "--against", before)
    assert told_apart(found) == {("ambient-3.6.0", "tuned table"), ("ambient-3.6.0", "general rule")}
    assert found["changes"]["slower"] == []


def test_a_sweep_hides_no_table_and_adds_no_timings(report, timed_run):
    timed_run("now", day=1)
    found = report(timed_run("now", table="sweep", factor=3.0, day=2))
    alone = report(timed_run("alone", day=1))
    assert found["benches"] == alone["benches"]
    assert found["superseded"] == []
    assert "ambient-3.6.0 device benchmarks, sweep" in [row["what"] for row in found["files"]]


def test_what_became_slower_on_one_of_two_gpus_names_it(report, timed_run):
    for gpu in ("NVIDIA H100 80GB HBM3", "NVIDIA H200"):
        before = timed_run("before", gpu)
        now = timed_run("now", gpu, factor=1.3 if gpu == "NVIDIA H200" else 1.0)
    found = report(now, "--against", earlier(report, before))
    assert [(row["cell"], row["on"]) for row in found["changes"]["slower"]] == [("ambient-3.6.0", "H200")]
    assert "ambient-3.6.0, H200 large-bf16-32768x4096-backward: slower" in (found["out"] / "summary.md").read_text()


def test_a_known_slow_down_is_not_gone_where_another_gpu_was_timed(report, timed_run, tmp_path):
    row = '[[slower]]\ncell = "ambient-3.6.0"\nbenchmark = "large-bf16-*-backward"\nreason = "issue 8"\n'
    again, other = timed_run("again"), timed_run("other", gpu="NVIDIA H200")
    options = ["--against", earlier(report, timed_run("before")), "--known", known(tmp_path, row)]
    assert report(again, *options)["changes"]["gone"]
    assert report(other, *options)["changes"]["gone"] == []


def test_cells_are_compared_by_timings_of_one_gpu_with_the_same_settings(report, timed_run):
    timed_run("now", cell="triton231")
    timed_run("now", cell="triton3x", gpu="NVIDIA H200", factor=2.0)
    now = timed_run("now", cell="triton3x", settings="general rule", factor=3.0)
    assert report(now, "--cells", "triton231:triton3x")["cell_against_cell"]["speed"] == []
    timed_run("now", cell="triton231", gpu="NVIDIA H200")
    speed = report(now, "--cells", "triton231:triton3x")["cell_against_cell"]["speed"]
    assert {row["on"] for row in speed} == {"H200, tuned table"}
    assert speed[0]["ratio"] == 2.0


def test_timings_of_a_suite_that_names_none_of_our_keys_are_shown_and_compared(report, timed_run):
    def write(folder, factor):
        (path,) = timed_run(folder).rglob("benchmark.json")
        content = json.loads(path.read_text())
        stats = {"median": 0.002 * factor, "rounds": 5, "data": [0.002 * factor] * 5}
        content["benchmarks"] = [
            {"name": "test_scale[1024]", "stats": stats},
            {"name": "test_once", "stats": {"median": 0.5, "rounds": 1, "data": [0.5]}, "extra_info": {}},
            {"name": "test_compile", "stats": stats, "extra_info": {"kind": "compile", "clock": "host"}},
        ]
        path.write_text(json.dumps(content))
        return path.parents[2]

    before, now = write("before", 1.0), write("now", 1.2)
    found = report(now, "--against", earlier(report, before))
    rows = {row["name"]: (row["implementation"], row["median_s"], row.get("spread")) for row in found["benches"]}
    assert rows == {"test_scale[1024]": ("ours", 0.0024, 0.0), "test_once": ("ours", 0.5, None)}
    assert [(row["name"], row["ratio"]) for row in found["changes"]["slower"]] == [("test_scale[1024]", 1.2)]
    page = (found["out"] / "index.html").read_text()
    assert '<th scope="row">test_scale[1024]</th><td>ambient-3.6.0</td><td></td><td>2400.0</td><td>0.0 %</td>' in page
    assert "2 rows that the plot does not show" in page
