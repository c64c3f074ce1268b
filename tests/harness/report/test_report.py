"""The report's answer from recorded results (data/record.py made them): verdicts, causes, changes, exit status."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.evidence import reading
from triton_matrix.report import cli, markdown, verdict, words
from triton_matrix.suites import causes

RECORDED = Path(__file__).parent / "data" / "recorded"
TRITON2, TRITON3 = ["triton231", "triton300"], ["triton331", "triton3x"]


@pytest.fixture
def report(tmp_path, capsys):
    """Run the verb; gives the matrix, the exit status as ``status`` and what was printed as ``said``."""

    def run(reports, *arguments):
        out = tmp_path / "out"
        status = cli.main(
            ["--reports", str(reports), "--out", str(out), "--accepted", "none.toml", *map(str, arguments)]
        )
        printed = capsys.readouterr()
        matrix = json.loads((out / "matrix.json").read_text()) if (out / "matrix.json").is_file() else {}
        matrix.update(exit_status=status, said=printed.out, err=printed.err, out=out)
        return matrix

    return run


@pytest.fixture
def copy(tmp_path):
    """A copy of recorded results that a test may change."""

    def make(sabotage="none", cells=("triton231",), name="reports"):
        for cell in cells:
            shutil.copytree(RECORDED / sabotage / cell, tmp_path / name / cell)
        return tmp_path / name

    return make


def set_property(junit, name, value):
    tree = ET.parse(junit)
    for item in tree.getroot().iter("property"):
        if item.get("name") == name:
            item.set("value", value)
    tree.write(junit)


def verdicts(matrix):
    return {name: cell["verdict"] for name, cell in matrix["cells"].items()}


# --- what is right and what is broken on purpose


def test_healthy_results_pass_and_what_did_not_run_is_not_green(report):
    found = report(RECORDED / "none")
    assert found["exit_status"] == found["status"] == 0
    assert {name: verdict for name, verdict in verdicts(found).items() if verdict != "unavailable"} == dict.fromkeys(
        [*TRITON2, *TRITON3], "pass"
    )
    assert "device" not in found["cells"]["triton231"]["levels"]
    assert found["cells"]["triton231-py39"]["reason"] == "no suite has run: `nox -s tests-triton231-py39`"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["versions"]["torch"] == "2.3.1+cu121"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["counts"]["n/a"] == 13


def test_a_declared_num_warps_is_a_launch_failure_where_triton_does_not_bind_it(report):
    found = report(RECORDED / "num_warps", "--against", RECORDED / "none")
    assert found["exit_status"] == 1
    assert [verdicts(found)[name] for name in TRITON2 + TRITON3] == ["regressed", "regressed", "pass", "pass"]
    (group,) = found["failures"]
    assert group["cause"] == "launch"
    assert group["count"] == 26 + 39
    assert [(row["cell"], row["count"]) for row in group["where"]] == [("triton231", 26), ("triton300", 39)]
    command = "nox -s tests-triton231 -- --level interpreter -k test_results_are_as_exact_as_torch"
    assert group["where"][0]["command"] == command
    assert command in found["said"]


def test_a_wrong_formula_in_one_branch_is_a_numerics_failure_of_that_branch_in_every_cell(report):
    found = report(RECORDED / "numerics", "--against", RECORDED / "none")
    assert [verdicts(found)[name] for name in TRITON2 + TRITON3] == ["regressed"] * 4
    (group,) = found["failures"]
    assert (group["cause"], group["count"]) == ("numerics", 4 + 6 + 6 + 6)
    columns = {test.split("[")[1].split("-")[1] for row in group["where"] for test in row["tests"]}
    assert columns == {"12288", "65537"}


def test_a_launch_with_too_few_warps_is_a_codegen_change_in_the_cells_of_that_triton(report):
    found = report(RECORDED / "four_warps", "--against", RECORDED / "none")
    assert found["exit_status"] == 1
    group = next(group for group in found["failures"] if group["where"][0]["cell"] == "triton331")
    assert group["cause"] == "codegen"
    assert "spill_stores 0 -> 165" in group["message"]
    assert found["cells"]["triton331"]["verdict"] == "regressed"
    assert {row["cell"] for group in found["failures"] for row in group["where"]} == {"triton331", "triton340"}
    newer = next(group for group in found["failures"] if group["where"][0]["cell"] == "triton340")
    assert "since the earlier run" in newer["message"]
    assert "spill_stores 0 -> 908" in newer["message"]
    worse = next(row for row in found["codegen"]["changes"] if "fp32" in row["id"])
    assert (worse["from"], worse["to"], worse["metric"]) == ("3.3.1", "3.4.0", "spill_stores")
    assert worse["what"].startswith("spill_stores 165 -> 908")


def test_a_spec_that_was_compiled_is_no_part_of_the_atlas(report, copy):
    reports = copy("none", cells=["codegen"])
    spec = reports / "codegen" / "specs" / "kernel" / "3.4.0.json"
    spec.parent.mkdir(parents=True)
    content = json.loads((reports / "codegen" / "3.4.0.json").read_text())
    content.update(date="2030-01-01T00:00:00+00:00", entries=[])
    spec.write_text(json.dumps(content))
    assert report(reports)["codegen"]["summary"]["3.4.0"]["counts"]["ok"] == 2


def test_a_missing_module_is_an_environment_failure_that_takes_the_file_with_it(report):
    found = report(RECORDED / "import", "--against", RECORDED / "none")
    assert found["cells"]["triton231"]["verdict"] == "regressed"
    assert [(group["cause"], group["count"]) for group in found["failures"]] == [("environment", 1)]
    assert "a_module_that_is_not_there" in found["failures"][0]["message"]


# --- merging


def test_of_two_results_for_a_cell_and_level_the_newest_wins_and_the_other_is_listed(report, copy, tmp_path):
    old, new = copy(name="old"), copy("num_warps", name="new")
    set_property(old / "triton231" / "junit-interpreter.xml", "date", "2026-01-01T00:00:00+00:00")
    for first, second in ((old, new), (new, old)):
        found = report(first, "--add", second)
        assert found["cells"]["triton231"]["verdict"] == "fail"
        (row,) = found["superseded"]
        assert row["file"] == str(old / "triton231" / "junit-interpreter.xml")


def test_levels_of_several_machines_become_one_row(report, copy):
    here, there = copy(name="here"), copy(name="there")
    junit = there / "triton231" / "junit-interpreter.xml"
    set_property(junit, "level", "device")
    set_property(junit, "gpu", "NVIDIA H100 80GB HBM3")
    junit.rename(junit.with_name("junit-device.xml"))
    found = report(here, "--add", there, "--require", "triton231:device")
    assert found["exit_status"] == 0
    assert set(found["cells"]["triton231"]["levels"]) == {"interpreter", "device"}
    assert found["cells"]["triton231"]["levels"]["device"]["gpu"] == "NVIDIA H100 80GB HBM3"
    assert "NVIDIA H100" in (found["out"] / "index.html").read_text()


def test_vendor_images_stand_in_rows_of_their_own(report, copy, tmp_path):
    for triton in ("3.6.0", "3.7.1"):
        folder = copy(name=triton)
        (folder / "triton231").rename(folder / "ambient")
        for name, value in (("cell", "ambient"), ("triton", triton)):
            set_property(folder / "ambient" / "junit-interpreter.xml", name, value)
    found = report(tmp_path / "3.6.0", "--add", tmp_path / "3.7.1", "--require", "ambient:interpreter")
    assert found["exit_status"] == 0
    assert [name for name in found["cells"] if name.startswith("ambient")] == ["ambient-3.6.0", "ambient-3.7.1"]


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
    assert found["exit_status"] == (2 if broken else 0)
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
    generate = [sys.executable, RECORDED.parent / "generate.py", folder, "--cells", "1", "--tests", "5"]
    subprocess.run([*generate, "--configurations", "9", "--names", "triton231"], check=True)
    for release in sorted((folder / "codegen").glob("*.json"))[2:]:
        release.unlink()
    bench = folder / "triton231" / "benchmark.json"
    content = json.loads(bench.read_text())
    content["benchmarks"] = content["benchmarks"][:4]
    bench.write_text(json.dumps(content))
    unavailable(folder / "triton300", "stale", "2026-11-21T00:00:00+00:00")
    stopped(folder / "triton3x")
    return folder


@pytest.mark.parametrize("seed", range(60))
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


def test_a_result_in_another_cells_folder_is_left_out(report, copy):
    reports = copy()
    (reports / "triton231").rename(reports / "triton3x")
    found = report(reports)
    assert "says that it is of cell 'triton231' but lies in the folder 'triton3x'" in found["problems"][0]["problem"]
    assert "pass" not in verdicts(found).values()


def unavailable(folder, verdict, date, reason="the index cannot be reached"):
    folder.mkdir(parents=True, exist_ok=True)
    found = {"schema": "triton-matrix/unavailable/1", "cell": folder.name, "verdict": verdict, "reason": reason}
    (folder / "unavailable.json").write_text(json.dumps({**found, "date": date}))


def stopped(folder):
    folder.mkdir(parents=True)
    content = {"schema": "triton-matrix/failure/1", "cell": folder.name, "stage": "resolve", "status": 1}
    content |= {"date": "2026-11-21T00:00:00+00:00", "command": ["uv", "pip", "install", "torch==9"]}
    content["tail"] = "No solution found when resolving"
    (folder / "failure.json").write_text(json.dumps(content))


@pytest.mark.parametrize("word", ["unavailable", "stale", "n/a"])
def test_why_a_cell_could_not_run_is_its_verdict_and_no_failure(word, report, copy):
    reports = copy()
    unavailable(reports / "rocm-nightly", word, "2026-11-21T00:00:00+00:00")
    found = report(reports)
    assert found["cells"]["rocm-nightly"]["verdict"] == word
    assert found["cells"]["rocm-nightly"]["reason"] == "the index cannot be reached"
    assert found["exit_status"] == 0
    assert report(reports, "--require", "rocm-nightly:interpreter")["exit_status"] == 2


def test_results_of_another_machine_outweigh_that_this_one_cannot_provide_the_cell(report, copy, tmp_path):
    unavailable(tmp_path / "here" / "triton231", "unavailable", "2030-01-01T00:00:00+00:00")
    found = report(tmp_path / "here", "--add", copy())
    assert found["cells"]["triton231"]["verdict"] == "pass"
    assert found["superseded"][0]["file"].endswith("unavailable.json")


def test_a_cell_that_stopped_before_its_suites_failed_with_the_command_that_stopped_it(report, tmp_path):
    stopped(tmp_path / "reports" / "triton3x")
    found = report(tmp_path / "reports")
    assert found["exit_status"] == 1
    assert found["cells"]["triton3x"]["reason"] == "stopped at resolve with status 1"
    assert found["failures"][0]["cause"] == "environment"
    assert "`uv pip install torch==9` ended with status 1" in found["failures"][0]["message"]


# --- exit status


def test_no_results_are_no_answer(report, tmp_path):
    found = report(tmp_path / "nothing")
    assert found["exit_status"] == 2
    assert "there are no results" in found["said"]


def test_a_required_level_that_did_not_run_is_an_error(report, copy):
    found = report(copy(), "--require", "triton231:device")
    assert found["exit_status"] == 2
    assert "required but not there: level device of cell triton231" in found["said"]
    assert report(RECORDED / "none", "--require", "triton231:interpreter")["exit_status"] == 0


def test_a_required_level_whose_tests_were_all_skipped_is_an_error(report, copy):
    reports = copy()
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    for case in tree.getroot().iter("testcase"):
        case[:] = [ET.Element("skipped", message="needs a GPU")]
    tree.write(junit)
    found = report(reports, "--require", "triton231:interpreter")
    assert found["exit_status"] == 2
    assert found["cells"]["triton231"]["verdict"] == "unavailable"
    assert "every test was skipped: needs a GPU" in found["said"]


def test_a_suite_without_a_test_fails(report, copy):
    reports = copy()
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    suite = next(tree.getroot().iter("testsuite"))
    for case in suite.findall("testcase"):
        suite.remove(case)
    tree.write(junit)
    found = report(reports)
    assert found["cells"]["triton231"]["reason"] == "interpreter: harness: pytest ran no test"
    assert found["exit_status"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--require", "triton231"],
            "--require 'triton231': it is CELL:LEVEL, with a level of interpreter, device, codegen",
        ),
        (["--require", "triton9:device"], "unknown cell 'triton9'"),
        (["--against", "no/such/run"], "--against no/such/run: there is no such file or folder"),
        (["--cells", "triton231:triton9"], "no cell 'triton9'"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence_and_status_2(arguments, sentence, report):
    found = report(RECORDED / "none", *arguments)
    assert found["exit_status"] == 2
    assert sentence in found["err"]
    assert len(found["err"].strip().splitlines()) == 1


# --- known failures


def known(tmp_path, text):
    path = tmp_path / "known.toml"
    path.write_text(text)
    return path


ROW = """
[[test]]
cell = "triton231"
level = "interpreter"
test = "correctness.*_exact_as_torch[*"
reason = "issue 7"
"""


def test_a_known_failure_is_shown_with_its_reason_and_passes(report, tmp_path):
    found = report(RECORDED / "num_warps", "--known", known(tmp_path, ROW), "--against", RECORDED / "none")
    assert found["cells"]["triton231"]["verdict"] == "pass"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["counts"]["known"] == 26
    assert found["cells"]["triton300"]["verdict"] == "regressed"
    assert {group["known"]: group["count"] for group in found["failures"]} == {"issue 7": 26, None: 39}


def test_a_known_failure_that_no_longer_occurs_fails(report, tmp_path):
    found = report(RECORDED / "none", "--known", known(tmp_path, ROW))
    assert found["exit_status"] == 1
    assert "no longer occurs (issue 7): remove it from known.toml" in found["cells"]["triton231"]["reason"]


def test_a_known_failure_of_a_cell_that_did_not_run_is_not_judged(report, tmp_path):
    row = ROW.replace('"triton231"', '"triton231-py39"')
    assert report(RECORDED / "none", "--known", known(tmp_path, row))["exit_status"] == 0


def test_a_known_failure_in_ambient_speaks_of_the_triton_it_names(report, tmp_path):
    for triton in ("2.3.1", "3.6.0"):
        folder = tmp_path / triton
        shutil.copytree(RECORDED / "num_warps" / "triton231", folder / "ambient")
        for name, value in (("cell", "ambient"), ("triton", triton)):
            set_property(folder / "ambient" / "junit-interpreter.xml", name, value)
    row = known(tmp_path, ROW.replace('"triton231"', '"ambient-2.3.1"'))
    found = report(tmp_path / "2.3.1", "--add", tmp_path / "3.6.0", "--known", row)["cells"]
    assert (found["ambient-2.3.1"]["verdict"], found["ambient-3.6.0"]["verdict"]) == ("pass", "fail")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("[[test]]\n", "row 1 of [[test]] lacks 'cell'"), ("[[flaky]]\n", "unknown table 'flaky'"), ("x", "is not TOML")],
)
def test_a_malformed_row_of_known_failures_is_refused(text, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence.replace("[", r"\[")):
        verdict.load_known(known(tmp_path, text))


# --- runs and cells against each other


def test_an_earlier_run_may_be_its_evidence_or_its_matrix(report, tmp_path):
    kept = tmp_path / "earlier.json"
    shutil.copy(report(RECORDED / "none")["out"] / "matrix.json", kept)
    by_matrix = report(RECORDED / "num_warps", "--against", kept)["changes"]
    by_folder = report(RECORDED / "num_warps", "--against", RECORDED / "none")["changes"]
    assert {**by_matrix, "against": ""} == {**by_folder, "against": ""}
    assert [row["count"] for row in by_matrix["newly_failing"]] == [26, 39]
    assert by_matrix["newly_failing"][0]["tests"][0].startswith("correctness.test_sizes::test_results_are_as_exact")


def test_what_passes_again_and_what_no_longer_runs_is_said(report, copy):
    found = report(copy(), "--against", RECORDED / "num_warps")
    assert [(row["cell"], row["count"]) for row in found["changes"]["newly_passing"]] == [("triton231", 26)]
    assert {row["cell"] for row in found["changes"]["no_longer_run"]} == {"triton300", *TRITON3}
    assert found["exit_status"] == 0


def test_versions_that_moved_are_said(report, copy):
    old, new = copy(name="old"), copy(name="new")
    file = new / "triton231" / "environment.json"
    content = json.loads(file.read_text())
    content["distributions"]["numpy"] = "9.9"
    file.write_text(json.dumps(content))
    (row,) = report(new, "--against", old)["changes"]["environment"]
    assert row["moved"] == [{"name": "numpy", "was": "1.26.4", "now": "9.9"}]


def test_a_cell_is_held_against_another(report):
    found = report(RECORDED / "num_warps", "--cells", "triton231:triton3x")["cell_against_cell"]
    rows = {(row["left"], row["right"]): row["count"] for row in found["levels"]["interpreter"]}
    assert rows == {("failed", "passed"): 26, ("n/a", "passed"): 13}
    assert {"name": "triton", "was": "2.3.1", "now": "3.9.0"} in found["environment"]


def test_a_matrix_of_another_schema_is_refused(report, tmp_path):
    (tmp_path / "matrix.json").write_text('{"schema": "triton-matrix/matrix/9"}')
    found = report(RECORDED / "none", "--against", tmp_path / "matrix.json")
    assert found["exit_status"] == 2
    assert "is no triton-matrix/matrix/1" in found["err"]


# --- device timings


@pytest.fixture
def timed(tmp_path):
    """Two runs of the bench in one cell that differ in one row of ours, by a factor."""

    def make(factor, name="large-bf16-32768x4096-backward"):
        before, now = tmp_path / "before", tmp_path / "now"
        generate = [sys.executable, RECORDED.parent / "generate.py", before, "--cells", "1", "--tests", "5"]
        subprocess.run([*generate, "--configurations", "7", "--names", "triton231"], check=True)
        shutil.copytree(before, now)
        file = now / "triton231" / "benchmark.json"
        content = json.loads(file.read_text())
        for row in content["benchmarks"]:
            if row["extra_info"]["row"] == name:
                row["stats"]["median"] *= factor
                row["extra_info"]["share_of_copy"] /= factor
        file.write_text(json.dumps(content))
        return now, before

    return make


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


def test_another_package_has_a_row_of_its_own_that_does_not_count(report, copy):
    reports = copy()
    column = "triton231@liger_kernel-0.5.10"
    row = {"kernel": "_layer_norm_backward_kernel", "n_cols": 8192, "dtype": "float32", "target": "cuda:90"}
    rows = [
        {**row, "status": "ok", "num_warps_passed": False, "metrics": {"spill_stores": 163}},
        {
            **row,
            "status": "error",
            "reason": "the launch does not bind: TypeError: missing a required argument: 'num_warps'",
        },
    ]
    content = {"schema": "triton-matrix/launches/1", "cell": column, "triton": "2.3.1", "rows": rows}
    (reports / column).mkdir()
    (reports / column / "launches.json").write_text(json.dumps({**content, "date": "2026-11-21T00:00:00+00:00"}))
    found = report(reports)
    assert found["cells"][column]["verdict"] == "fail"
    assert found["cells"][column]["reason"] == "codegen: 3 findings: 2 launch, 1 codegen"
    assert found["exit_status"] == 0
    commands = {where["command"] for group in found["failures"] for where in group["where"]}
    assert commands == {"nox -s tests-triton231 -- --subject liger_kernel==0.5.10 --level codegen"}


def test_a_benchmark_file_of_another_project_is_left_out(report, copy):
    reports = copy()
    (reports / "triton231" / "bench.json").write_text('{"benchmarks": [], "machine_info": {}}')
    assert "our bench did not write" in report(reports)["problems"][0]["problem"]


def test_an_incident_shows_in_a_table_of_cells(report, copy):
    reports = copy()
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    suite = next(tree.getroot().iter("testsuite"))
    case = ET.SubElement(suite, "testcase", classname="tests.incidents.test_incidents", name="test_it[declared_option]")
    holder = ET.SubElement(case, "properties")
    for name, value in (("incident", "declared_option"), ("release", "2.3.1"), ("shown", "True"), ("expected", "True")):
        ET.SubElement(holder, "property", name=name, value=value)
    tree.write(junit)
    found = report(reports)
    assert [(row["incident"], row["cell"], row["shown"]) for row in found["incidents"]] == [
        ("declared_option", "triton231", "True")
    ]
    page = (found["out"] / "index.html").read_text()
    assert page.count("declared_option") == 1
    assert ">shows</td>" in page


# --- causes


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("TypeError: missing a required argument: 'num_warps'", "launch"),
        ("TypeError: k() got an unexpected keyword argument 'num_warps'", "launch"),
        ("triton.runtime.autotuner.OutOfResources: out of resource: shared memory, Required: 300000", "launch"),
        ("ValueError: Pointer argument (at 0) cannot be accessed from Triton (cpu tensor?)", "launch"),
        ("triton.compiler.errors.CompilationError: at 3:8: invalid operands of type pointer", "compile"),
        ("AttributeError: module 'triton.language' has no attribute 'rsqrt'", "compile"),
        ("ValueError: 0d block_type is forbidden", "compile"),
        ("NameError: Cannot access global variable SIZE from within @jit'ed function", "compile"),
        ("ImportError: libcudart.so.12: cannot open shared object file: No such file", "environment"),
        ("TypeError: only 0-dimensional arrays can be converted to Python scalars", "environment"),
        ("RuntimeError: Found no NVIDIA driver: no CUDA GPUs are available", "environment"),
        ("AssertionError: Tensor-likes are not close! Mismatched elements: 3 / 9", "numerics"),
        ("AssertionError: dx is off by 4.56; torch is off by 8.51e-07", "numerics"),
        ("AssertionError: spill_stores 808 where 158 was", "codegen"),
        ("AssertionError: large-bf16 is 1.4 times slower than the baseline", "speed"),
        ("fixture 'devise' not found", "harness"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "harness"),
        ("RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.", "launch"),
        ("ZeroDivisionError: division by zero", "harness"),
    ],
)
def test_each_cause_is_known_by_what_the_failure_says(message, cause):
    assert causes.classify(reading.Failure("matrix.test_x::test_y", "call", message, ""))[0] == cause


def test_a_failed_assertion_is_numerics_only_in_a_suite_that_compares_values():
    for test, cause in (
        ("correctness.test_values::test_eps", "numerics"),
        ("correctness.test_names::test_x", "harness"),
    ):
        assert causes.classify(reading.Failure(test, "call", "AssertionError: assert 1 == 2", ""))[0] == cause


def test_every_row_of_the_table_names_a_cause_and_gives_a_hint():
    assert {row.cause for row in causes.rows()} == set(causes.CAUSES)
    assert all(row.hint and row.where in ("message", "text", "test") for row in causes.rows())


def test_a_lone_case_is_named_whole_in_its_command():
    test = "correctness.test_sizes::test_results_are_as_exact_as_torch[5-1-fp32]"
    assert causes.command("triton3x", "interpreter", [test]).endswith(
        "-k 'test_results_are_as_exact_as_torch[5-1-fp32]'"
    )
    assert causes.command("ambient-3.6.0", "device", [test]).startswith(
        "nox --no-venv --no-install -s tests-ambient -- "
    )
    many = [f"correctness.test_sizes::test_{letter}" for letter in "abcdefgh"]
    assert causes.command("triton3x", "device", many) == "nox -s tests-triton3x -- --level device"


def test_failures_that_differ_in_numbers_addresses_and_paths_have_one_root():
    one = causes.root_key("ValueError: at 0x7f01 in /a/b/c/d.py: 3.5 of 17 failed on triton 3.3.1 in fp16")
    other = causes.root_key("ValueError: at 0x9b22 in /e/f/g/h.py: 0.1 of 2 failed on triton 3.3.1 in fp16")
    assert one == other
    assert one != causes.root_key("ValueError: at 0x9b22 in /e/f/g/h.py: 0.1 of 2 failed on triton 3.4.0 in fp16")


# --- how it is shown


def test_the_table_fits_100_columns_without_colour(report):
    found = report(RECORDED / "num_warps", "--against", RECORDED / "none")
    lines = found["said"].splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if line[:1] in words.MARKS.values())]
    assert max(map(len, table)) <= 100
    assert "\x1b" not in found["said"]
    row = next(line for line in table if line.startswith("triton231 "))
    assert "↘ regressed 26/27" in row
    assert row.count("not run") == 2


def test_markdown_stays_under_60_kb_however_many_cells_there_are(report):
    found = report(RECORDED / "num_warps", "--against", RECORDED / "none")
    text = markdown.render(found)
    assert "| triton231 | ↘ **regressed**" in text
    assert text.index("What changed") < text.index("Cells and levels") < text.index("Failures by cause")
    cell, group = found["cells"]["triton231"], found["failures"][0]
    found["cells"] = {f"cell-with-a-rather-long-name-{number}": cell for number in range(2000)}
    found["failures"] = [group] * 500
    long = markdown.render(found)
    assert len(long.encode()) < 60_000
    assert "more lines: see the page" in long
    for heading in ("What changed", "Cells and levels", "Failures by cause"):
        assert heading in long
