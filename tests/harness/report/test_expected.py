"""What CI waits for: by platform, timings too, every release of the atlas, and how each job ended."""

from __future__ import annotations

import json
import shutil

import pytest

from triton_matrix.evidence import bench_runs, runs

from .results import TABLE, make_current, retake, set_property

ARCHS = {"cuda": ("NVIDIA H100 80GB HBM3", "cuda:90"), "rocm": ("AMD Instinct MI300X", "hip:gfx942")}


@pytest.fixture
def on(recorded, tmp_path):
    """Results of level device of a cell, from a GPU of a platform: what a job of CI left; gives the folder of all."""

    def make(platform, cell="triton231"):
        name, arch = ARCHS[platform]
        folder = tmp_path / "evidence" / f"evidence-{cell}-device-{platform}" / cell
        shutil.copytree(recorded / "none" / "triton231", folder)
        environment = json.loads((folder / "environment.json").read_text())
        environment.update(cell=cell, gpus=[{"name": name, "arch": arch}])
        (folder / "environment.json").write_text(json.dumps(environment))
        junit = folder / "junit-interpreter.xml"
        set_property(junit, cell=cell, level="device", gpu=name)
        retake(junit)
        junit.rename(folder / "junit-device.xml")
        return tmp_path / "evidence"

    return make


@pytest.fixture
def bench(timed, tmp_path):
    """A run of the bench of triton231 on an H100: declared and closed, with its timings beside it."""
    before = timed(1)[1] / "triton231"
    folder = tmp_path / "bench" / "triton231"
    folder.mkdir(parents=True)
    shutil.copy(before / "benchmark.json", folder)
    about = json.loads((folder / "benchmark.json").read_text())
    about["triton_matrix"]["run"] = "b1"
    (folder / "benchmark.json").write_text(json.dumps(about))
    make_current(folder)
    header = json.loads((folder / "benchmark.json").read_text())["triton_matrix"]
    wheel, inputs = runs.Wheel(**header["wheel"]), runs.Inputs(**header["inputs"])
    date = "2026-11-21T00:00:00+00:00"
    run = runs.Run("b1", "triton231", "device", date, "abc", False, wheel, inputs, [TABLE.package.bench], closed=date)
    run.collected, run.finished, run.status = ["a::b", "a::c"], ["a::b", "a::c"], 0

    def make(**changed):
        content = {**bench_runs.as_json(run), **changed}
        (folder / bench_runs.NAME).write_text(json.dumps(content))
        return folder.parent

    make()
    return make


def expecting(report, folder, *expected, **more):
    words = [word for each in expected for word in ("--expect", each)]
    return report(folder, *words, **more)


def reasons(found):
    return "\n".join(found["status_reasons"])


def test_a_result_of_one_platform_is_not_the_one_of_another(report, on):
    cuda, rocm = "ambient:device@cuda", "ambient:device@rocm"
    found = expecting(report, on("cuda", "ambient"), cuda, rocm)
    assert found["exit_status"] == 2
    assert "expected but not there: level device of cell ambient on rocm: nothing says how it ended" in reasons(found)
    assert "on cuda" not in reasons(found)
    both = expecting(report, on("rocm", "ambient"), cuda, rocm)
    assert both["exit_status"] == 0, reasons(both)
    assert both["cells"]["ambient-2.3.1"]["levels"]["device"]["platforms"] == ["cuda", "rocm"]


@pytest.mark.parametrize("option", ["--expect", "--require"])
def test_a_stale_result_is_not_the_one_that_was_expected(report, on, copy, option):
    here, there = copy(cells=["triton300"]), on("cuda")
    for path in there.rglob("run-*.json"):
        content = json.loads(path.read_text())
        content["wheel"] = {"checkout": "0" * 64, "installed": "0" * 64}
        path.write_text(json.dumps(content))
    found = report(here, "--add", there, option, "triton231:device@cuda")
    assert found["exit_status"] == 2
    assert "but not there: level device of cell triton231 on cuda" in reasons(found)
    assert report(here, "--add", there, option, "triton231:device@cuda", "--allow-stale")["exit_status"] == 0


def test_the_timings_of_a_cell_and_platform_are_expected(report, copy, bench):
    here = copy()
    found = expecting(report, here, "triton231:bench@cuda")
    assert found["exit_status"] == 2
    assert "expected but not there: benchmarks of cell triton231 on cuda" in reasons(found)
    there = report(here, "--add", bench(), "--expect", "triton231:bench@cuda", "--expect", "triton231:bench")
    assert there["exit_status"] == 0, reasons(there)
    other = report(here, "--add", bench(), "--expect", "triton231:bench@rocm")
    assert other["exit_status"] == 2


@pytest.mark.parametrize("change", [{"deselected": 3}, {"level": "codegen", "gpus": []}, {"selection": "sweep"}])
def test_some_rows_a_sweep_or_compiled_rows_are_not_the_timings_that_were_expected(report, copy, bench, change):
    folder = bench()
    path = folder / "triton231" / "benchmark.json"
    content = json.loads(path.read_text())
    content["triton_matrix"].update(change)
    path.write_text(json.dumps(content))
    found = report(copy(), "--add", folder, "--expect", "triton231:bench@cuda")
    assert found["exit_status"] == 2
    assert "expected but not there: benchmarks of cell triton231 on cuda" in reasons(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"closed": None}, "was never closed: it was killed, or still runs"),
        ({"status": 2, "uncollected": ["bench_x.py"], "finished": []}, "bench_x.py could not be collected"),
        ({"status": -6, "finished": ["a::b"], "running": "a::c"}, "1 of 2 tests never ended"),
        ({"problem": "it was interrupted"}, "it was interrupted"),
        ({"id": "b2"}, "it ended, and the timings that it left are gone"),
    ],
    ids=["killed", "not imported", "aborted", "interrupted", "lost"],
)
def test_a_bench_that_was_declared_and_is_not_whole_is_red_whatever_lies_beside_it(report, copy, bench, changed, said):
    found = report(copy(), "--add", bench(**changed))
    assert found["exit_status"] == 1
    assert f"triton231 benchmarks: {said}" in reasons(found) or said in reasons(found)
    for shown in ((found["out"] / "summary.md").read_text(), (found["out"] / "index.html").read_text()):
        assert said in shown


def test_a_bench_of_other_sources_that_died_is_stale(report, copy, bench):
    old = {"wheel": {"checkout": "0" * 64, "installed": "0" * 64}, "closed": None}
    folder = bench(**old)
    (folder / "triton231" / "benchmark.json").unlink()
    here = copy()
    assert report(here, "--add", folder)["exit_status"] == 0
    shutil.copy(folder / "triton231" / "run-bench.json", here / "triton231")
    found = report(here)
    assert found["exit_status"] == 2
    assert "triton231 benchmarks: stale: of 2026-11-21" in reasons(found)


@pytest.mark.parametrize("what", ["suites", "pins"])
def test_timings_of_another_suite_or_other_pins_are_stale(report, copy, bench, what):
    folder = bench()
    path = folder / "triton231" / "benchmark.json"
    content = json.loads(path.read_text())
    content["triton_matrix"]["inputs"][what] = "0" * 64
    path.write_text(json.dumps(content))
    here = copy()
    shutil.copy(path, here / "triton231")
    found = report(here)
    assert found["exit_status"] == 2
    why = {"suites": "its suite was changed since", "pins": "its row or its pins were changed since"}
    assert why[what] in reasons(found)


def test_what_a_bench_found_slower_than_its_baseline_is_red_in_the_report_too(report, copy, bench):
    folder = bench()
    path = folder / "triton231" / "benchmark.json"
    content = json.loads(path.read_text())
    against = {"baseline": "base.json", "compared": 3, "regressed": [{"row": "a-row", "slowdown": 0.2, "limit": 0.05}]}
    content["triton_matrix"]["against"] = against
    path.write_text(json.dumps(content))
    found = report(copy(), "--add", folder)
    assert found["exit_status"] == 1
    assert "triton231 benchmarks: 1 slower than base.json, measured twice: 1: a-row" in reasons(found)
    content["triton_matrix"]["against"] = {"baseline": "base.json"}
    path.write_text(json.dumps(content))
    found = report(copy(name="again"), "--add", folder)
    assert found["exit_status"] == 2
    assert "triton231 benchmarks: nothing was compared with base.json, as was asked" in reasons(found)


@pytest.mark.parametrize("expected", ["codegen", "codegen:3.4.0", "triton340:codegen"])
def test_every_release_of_the_atlas_is_expected_and_not_only_the_cells(report, recorded, copy, expected):
    found = expecting(report, copy(), expected)
    assert found["exit_status"] == 2
    releases = ["3.4.0"] if expected.endswith("3.4.0") else list(TABLE.releases)
    assert f"expected but not there: codegen of {', '.join(releases)}: nothing says how it ended" in reasons(found)
    there = expecting(report, recorded / "none", "codegen:3.4.0")
    assert there["exit_status"] == 0, reasons(there)


@pytest.mark.parametrize(
    ("result", "status"), [("success", 0), ("failure", 1), ("cancelled", 2), ("skipped", 2), ("unplanned", 0)]
)
def test_a_job_that_did_not_end_well_is_red_and_one_that_was_not_planned_is_said(report, copy, result, status):
    found = report(copy(), "--job", "check=success", "--job", f"device={result}")
    assert found["exit_status"] == status
    assert (f"job device: {result}" in found["said"]) == (status > 0)
    assert ("; not planned: device; exit status 0" in found["said"]) == (result == "unplanned")
    assert ("not planned: device" in (found["out"] / "summary.md").read_text()) == (result == "unplanned")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--expect", "triton231:device@gpu"], "device and bench take @PLATFORM, of cuda, rocm, xpu, cpu"),
        (["--expect", "triton231:interpreter@cuda"], "--expect 'triton231:interpreter@cuda': it is CELL:LEVEL"),
        (["--expect", "triton231:bench@"], "--expect 'triton231:bench@': it is CELL:LEVEL"),
        (["--expect", "codegen:9.9"], "--expect 'codegen:9.9': the table's releases are 2.3.1, "),
        (["--require", "triton9:bench"], "unknown cell 'triton9'"),
        (["--job", "check"], "--job 'check': it is NAME=RESULT, once a job, with a result of success, failure"),
        (["--job", "check=fine"], "--job 'check=fine': it is NAME=RESULT"),
        (["--job", "check=failure", "--job", "check=success"], "--job 'check=success': it is NAME=RESULT, once a job"),
    ],
)
def test_what_cannot_be_expected_is_one_sentence_and_status_2(report, copy, arguments, said):
    found = report(copy(), *arguments)
    assert found["exit_status"] == 2
    assert said in found["err"]
    assert found["err"].count("\n") == 1
