"""Evidence of several folders becomes one matrix, and what is not evidence is named."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.evidence import bench_runs, runs, toolchain
from triton_matrix.report import cli

from .results import GENERATE, known, retake, set_property, stopped, unavailable, verdicts


def test_of_two_results_for_a_cell_and_level_the_newest_wins_and_the_other_is_listed(report, copy, tmp_path):
    old, new = copy(name="old"), copy("num_warps", name="new")
    junit = old / "triton231" / "junit-interpreter.xml"
    set_property(junit, date="2026-01-01T00:00:00+00:00")
    retake(junit)
    for first, second in ((old, new), (new, old)):
        found = report(first, "--add", second)
        assert found["cells"]["triton231"]["verdict"] == "fail"
        (row,) = found["superseded"]
        assert row["file"] == str(old / "triton231" / "junit-interpreter.xml")


def test_levels_of_several_machines_become_one_row(report, copy):
    here, there = copy(name="here"), copy(name="there")
    junit = there / "triton231" / "junit-interpreter.xml"
    set_property(junit, level="device", gpu="NVIDIA H100 80GB HBM3")
    retake(junit)
    junit.rename(junit.with_name("junit-device.xml"))
    found = report(here, "--add", there, "--require", "triton231:device")
    assert found["exit_status"] == 0
    assert set(found["cells"]["triton231"]["levels"]) == {"interpreter", "device"}
    assert found["cells"]["triton231"]["levels"]["device"]["gpu"] == "NVIDIA H100 80GB HBM3"
    assert "NVIDIA H100" in (found["out"] / "index.html").read_text()


def on_a_gpu(reports, gpu, date="2026-11-20T00:00:00+00:00"):
    """Let the results below ``reports`` be of level device, of this GPU."""
    for junit in reports.rglob("junit-interpreter.xml"):
        set_property(junit, level="device", gpu=gpu, date=date)
        retake(junit)
        junit.rename(junit.with_name("junit-device.xml"))
    return reports


@pytest.mark.parametrize("newer", ["passes", "fails"])
def test_a_pass_on_one_gpu_does_not_hide_a_failure_on_another(report, copy, newer):
    dates = ["2026-11-20T00:00:00+00:00", "2026-11-21T00:00:00+00:00"]
    good_date, bad_date = reversed(dates) if newer == "passes" else dates
    good = on_a_gpu(copy(name="good"), "NVIDIA H100 80GB HBM3", good_date)
    bad = on_a_gpu(copy("num_warps", name="bad"), "NVIDIA A100-SXM4-80GB", bad_date)
    for first, second in ((good, bad), (bad, good)):
        found = report(first, "--add", second)
        assert found["exit_status"] == 1
        level = found["cells"]["triton231"]["levels"]["device"]
        assert (level["gpu"], level["verdict"]) == ("NVIDIA A100-SXM4-80GB", "fail")
        assert {on["machine"]: on["failing"] for on in level["machines"]} == {
            "NVIDIA A100-SXM4-80GB": 28,
            "NVIDIA H100 80GB HBM3": 0,
        }
        assert found["superseded"] == []
        for said in (found["said"], (found["out"] / "summary.md").read_text()):
            assert "triton231 device on NVIDIA A100-SXM4-80GB: 28 failing, " in said
            assert re.search(r"triton231 device on NVIDIA H100 80GB HBM3: \d+ passed", said)
        assert "NVIDIA A100-SXM4-80GB: 28 failing, " in (found["out"] / "index.html").read_text()


def test_a_machine_where_no_kernel_ran_is_not_hidden_by_one_where_some_did(report, copy):
    good = on_a_gpu(copy(name="good"), "NVIDIA H100 80GB HBM3", "2026-11-21T00:00:00+00:00")
    bad = on_a_gpu(copy(name="bad"), "NVIDIA A100-SXM4-80GB")
    run = bad / "triton231" / "run-device.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "launches": {}}))
    found = report(good, "--add", bad)
    assert (found["exit_status"], found["cells"]["triton231"]["verdict"]) == (1, "fail")
    assert "triton231 device on NVIDIA A100-SXM4-80GB: no Triton kernel ran" in found["said"]


def test_of_one_gpu_and_of_what_names_none_the_newest_result_counts(report, copy):
    gpu = "NVIDIA A100-SXM4-80GB"
    old = on_a_gpu(copy("num_warps", name="old"), gpu, "2026-11-20T00:00:00+00:00")
    unnamed = on_a_gpu(copy("num_warps", name="unnamed"), "", "2026-11-20T00:00:00+00:00")
    new = on_a_gpu(copy(name="new"), gpu, "2026-11-21T00:00:00+00:00")
    found = report(old, "--add", unnamed, "--add", new)
    assert (found["exit_status"], found["cells"]["triton231"]["verdict"]) == (0, "pass")
    assert len(found["superseded"]) == 2


def test_a_newer_crash_that_names_no_gpu_counts_beside_a_pass(report, copy):
    here, there = on_a_gpu(copy(name="here"), "NVIDIA A100-SXM4-80GB"), copy(name="there")
    junit = on_a_gpu(there, "", "2026-11-21T00:00:00+00:00") / "triton231" / "junit-device.xml"
    junit.unlink()
    (junit.parent / "environment.json").unlink()
    found = report(here, "--add", there)
    assert (found["exit_status"], found["cells"]["triton231"]["verdict"]) == (1, "fail")


def test_a_known_failure_of_one_gpu_is_not_gone_where_another_passes(report, copy, tmp_path):
    good = on_a_gpu(copy(name="good"), "NVIDIA H100 80GB HBM3")
    bad = on_a_gpu(copy("numerics", name="bad"), "NVIDIA A100-SXM4-80GB")
    row = '[[test]]\ncell = "triton231"\nlevel = "device"\ntest = "correctness.*_exact_as_torch[*"\nreason = "x"\n'
    found = report(good, "--add", bad, "--known", known(tmp_path, row))
    assert (found["exit_status"], found["cells"]["triton231"]["verdict"]) == (0, "pass")


def test_vendor_images_stand_in_rows_of_their_own(report, copy, tmp_path):
    for triton in ("3.6.0", "3.7.1"):
        folder = copy(name=triton)
        (folder / "triton231").rename(folder / "ambient")
        junit = folder / "ambient" / "junit-interpreter.xml"
        set_property(junit, cell="ambient", triton=triton)
        retake(junit)
    found = report(tmp_path / "3.6.0", "--add", tmp_path / "3.7.1", "--require", "ambient:interpreter")
    assert found["exit_status"] == 0
    assert [name for name in found["cells"] if name.startswith("ambient")] == ["ambient-3.6.0", "ambient-3.7.1"]


def test_a_launch_file_that_was_compiled_is_no_part_of_the_atlas(report, copy):
    reports = copy("none", cells=["codegen"])
    launch = reports / "codegen" / "launches" / "kernel" / "3.4.0.json"
    launch.parent.mkdir(parents=True)
    content = json.loads((reports / "codegen" / "3.4.0.json").read_text())
    content.update(date="2030-01-01T00:00:00+00:00", entries=[])
    launch.write_text(json.dumps(content))
    assert report(reports)["codegen"]["summary"]["3.4.0"]["counts"]["ok"] == 1


@pytest.mark.parametrize(
    ("name", "content", "sentence", "broken"),
    [
        ("junit-interpreter.xml", "<testsuites><testsuite>", "is not XML", True),
        ("environment.json", "{", "is not JSON", True),
        (
            "environment.json",
            '{"schema": "triton-matrix/environment/9"}',
            "its schema is 'triton-matrix/environment/9'",
            True,
        ),
        ("environment.json", '{"schema": "triton-matrix/environment/1"}', "at $ 'cell' is a required property", True),
        ("junit-device.xml", "<html></html>", "is foreign: its root is <html>", False),
        ("package.json", '{"name": "x"}', "is foreign: it names no schema", False),
        ("notes.json", "[]", "is foreign: not an object", False),
    ],
)
def test_a_broken_or_foreign_file_is_named_and_left_out(name, content, sentence, broken, report, copy):
    reports = copy(cells=["triton231", "triton300"])
    file = reports / "triton300" / name
    file.write_text(content)
    found = report(reports)
    (problem,) = found["problems"]
    assert problem["file"] == str(file)
    assert sentence in problem["problem"]
    assert found["cells"]["triton231"]["verdict"] == "pass"
    # a cell whose JUnit file cannot be read has failed; else the question is not answered
    assert found["exit_status"] == (1 if name == "junit-interpreter.xml" else 2 if broken else 0)
    for shown in (found["said"].replace("\n", ""), (found["out"] / "summary.md").read_text()):
        assert name in shown
        assert sentence.split("<")[0] in shown


def any_part(value, rng):
    """A random place of a JSON value: its container and its key."""
    places, todo = [], [value]
    while todo:
        item = todo.pop()
        pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for key, child in pairs:
            places.append((item, key))
            todo.append(child)
    return rng.choice(places)


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory):
    """One small file of every kind of evidence."""
    folder = tmp_path_factory.mktemp("kinds") / "reports"
    generate = [sys.executable, GENERATE, folder, "--cells", "1", "--tests", "5"]
    subprocess.run([*generate, "--configurations", "9", "--names", "triton231"], check=True)
    for release in sorted((folder / "codegen").glob("*.json"))[2:]:
        release.unlink()
    bench = folder / "triton231" / "benchmark.json"
    content = json.loads(bench.read_text())
    content["benchmarks"] = content["benchmarks"][:4]
    bench.write_text(json.dumps(content))
    unavailable(folder / "triton300", "stale", "2026-11-21T00:00:00+00:00")
    stopped(folder / "triton3x")
    date = "2026-11-21T00:00:00+00:00"
    wheel, inputs = runs.Wheel("0" * 64, "0" * 64), runs.Inputs("0" * 64, None)
    run = runs.Run("b", "triton231", "device", date, "abc", False, wheel, inputs, ["tests/benchmarks"], closed=date)
    (folder / "triton231" / bench_runs.NAME).write_text(json.dumps(bench_runs.as_json(run)))
    return folder


@pytest.mark.parametrize("seed", range(80))
def test_damaged_evidence_is_used_or_named_but_never_ends_the_report(seed, every_kind, tmp_path):
    rng = random.Random(seed)
    shutil.copytree(every_kind, tmp_path / "reports")
    path = rng.choice(sorted((tmp_path / "reports").rglob("*.json")))
    content = json.loads(path.read_text())
    container, key = any_part(content, rng)
    damage = rng.choice(["delete", None, "", "text", -1, 0.5, [], {}, ["x"], {"x": None}])
    if damage == "delete":
        del container[key]
    else:
        container[key] = damage
    path.write_text(json.dumps(content))
    # the whole way, page and all; a raised exception fails the test
    status = cli.main(
        ["--reports", str(tmp_path / "reports"), "--against", str(every_kind), "--out", str(tmp_path / "out")]
    )
    matrix = json.loads((tmp_path / "out" / "matrix.json").read_text())
    assert status in (1, 2)
    for problem in matrix["problems"]:
        assert problem["file"] == str(path)


def test_an_atlas_file_that_lost_entries_is_left_out(report, copy):
    reports = copy("none", cells=["codegen"])
    path = reports / "codegen" / "3.4.0.json"
    content = json.loads(path.read_text())
    content["entries"] = []
    path.write_text(json.dumps(content))
    found = report(reports)
    assert found["exit_status"] == 1
    assert re.search(
        r"is not whole: it has no entry of \S*:_layer_norm_backward_kernel\[", found["problems"][0]["problem"]
    )
    assert found["codegen"]["summary"]["3.3.1"]["verdict"] == "pass"
    assert found["codegen"]["summary"]["3.4.0"]["verdict"] == "fail"


def test_a_result_in_another_cells_folder_is_left_out(report, copy):
    reports = copy()
    (reports / "triton231").rename(reports / "triton3x")
    found = report(reports)
    assert "says that it is of cell 'triton231' but lies in the folder 'triton3x'" in found["problems"][0]["problem"]
    assert "pass" not in verdicts(found).values()


def test_results_of_another_machine_outweigh_that_this_one_cannot_provide_the_cell(report, copy, tmp_path):
    unavailable(tmp_path / "here" / "triton231", "unavailable", toolchain.now())
    found = report(tmp_path / "here", "--add", copy())
    assert found["cells"]["triton231"]["verdict"] == "pass"
    assert found["superseded"][0]["file"].endswith("unavailable.json")


def test_a_benchmark_file_of_another_project_is_left_out(report, copy):
    reports = copy()
    (reports / "triton231" / "bench.json").write_text('{"benchmarks": [], "machine_info": {}}')
    assert "our bench did not write" in report(reports)["problems"][0]["problem"]
