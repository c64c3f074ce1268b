"""What is right and what is broken on purpose: verdicts, causes and the exit status from recorded results."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from .results import TRITON2, TRITON3, count_again, retake, set_property, stopped, unavailable, verdicts


def test_healthy_results_pass_and_what_did_not_run_is_not_green(report, recorded):
    found = report(recorded / "none")
    assert found["exit_status"] == found["status"] == 0
    assert {name: verdict for name, verdict in verdicts(found).items() if verdict != "unavailable"} == dict.fromkeys(
        [*TRITON2, *TRITON3], "pass"
    )
    assert "device" not in found["cells"]["triton231"]["levels"]
    assert found["cells"]["triton231-py39"]["reason"] == "no suite has run: `nox -s tests-triton231-py39`"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["versions"]["torch"] == "2.3.1+cu121"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["counts"]["n/a"] == 14


@pytest.mark.parametrize("option", ["--expect", "--require"])
def test_a_result_that_ci_waited_for_and_did_not_get_is_an_error(report, recorded, option):
    assert report(recorded / "none", option, "triton231:interpreter")["exit_status"] == 0
    found = report(recorded / "none", option, "triton231-py39:interpreter")
    assert found["exit_status"] == 2
    assert "but not there: level interpreter of cell triton231-py39" in found["said"]
    refused = report(recorded / "none", option, "triton231:devcie")
    assert f"{option} 'triton231:devcie': it is CELL:LEVEL, with a level of interpreter, device" in refused["err"]


def test_another_packages_result_is_not_the_one_that_was_required(report, copy):
    reports = copy()
    (reports / "triton231").rename(reports / "triton231@liger_kernel-0.5.10")
    junit = reports / "triton231@liger_kernel-0.5.10" / "junit-interpreter.xml"
    set_property(junit, cell="triton231@liger_kernel-0.5.10")
    retake(junit)
    required = "triton231@liger_kernel-0.5.10:interpreter"
    assert report(reports, "--require", required)["exit_status"] == 0
    assert report(reports, "--require", "triton231:interpreter")["exit_status"] == 2


def test_a_declared_num_warps_is_a_launch_failure_where_triton_does_not_bind_it(report, recorded):
    found = report(recorded / "num_warps", "--against", recorded / "none")
    assert found["exit_status"] == 1
    assert [verdicts(found)[name] for name in TRITON2 + TRITON3] == ["regressed", "regressed", "pass", "pass"]
    (group,) = found["failures"]
    assert group["cause"] == "launch"
    assert [(row["cell"], row["count"]) for row in group["where"]] == [("triton231", 28), ("triton300", 42)]
    assert group["count"] == 28 + 42
    command = "nox -s tests-triton231 -- --level interpreter -k test_results_are_as_exact_as_torch"
    assert group["where"][0]["command"] == command
    assert command in found["said"]


def test_a_wrong_formula_in_one_branch_is_a_numerics_failure_of_that_branch_in_every_cell(report, recorded):
    found = report(recorded / "numerics", "--against", recorded / "none")
    assert [verdicts(found)[name] for name in TRITON2 + TRITON3] == ["regressed"] * 4
    (group,) = found["failures"]
    assert (group["cause"], group["count"]) == ("numerics", 6 + 9 + 9 + 9)
    columns = {test.split("[")[1].split("-")[1] for row in group["where"] for test in row["tests"]}
    assert columns == {"12288", "65537", "70000"}


def test_a_launch_with_too_few_warps_is_a_codegen_change_in_the_cells_of_that_triton(report, recorded):
    found = report(recorded / "four_warps", "--against", recorded / "none")
    assert found["exit_status"] == 1
    assert found["cells"]["triton331"]["verdict"] == "regressed"
    messages = {group["where"][0]["cell"]: group["message"] for group in found["failures"]}
    assert {group["cause"] for group in found["failures"]} == {"codegen"}
    assert messages.keys() == {"triton331", "triton340"}
    for cell, spills in (("triton331", 1612), ("triton340", 1372)):
        assert "since the earlier run" in messages[cell]
        assert f"spill_stores 0 -> {spills}" in messages[cell]


def test_a_release_that_compiles_for_the_worse_is_a_codegen_change_since_the_one_before(report, copy):
    reports = copy("none", cells=["codegen"])
    newer = reports / "codegen" / "3.4.0.json"
    content = json.loads(newer.read_text())
    content["entries"][0]["metrics"]["spill_stores"] = 908
    newer.write_text(json.dumps(content))
    found = report(reports)
    assert found["exit_status"] == 1
    (worse,) = found["codegen"]["changes"]
    assert (worse["from"], worse["to"], worse["metric"]) == ("3.3.1", "3.4.0", "spill_stores")
    assert worse["what"].startswith("spill_stores 0 -> 908")
    assert "since 3.3.1" in found["failures"][0]["message"]


def test_a_reason_why_nothing_compiles_is_one_failure_with_its_releases_on_the_page_too(report, copy):
    """Each release was a failure of its own, with the first of its reasons and no other."""
    reports = copy("none", cells=["codegen"])
    crash = "does not compile: the compiler crashed with a failed assertion: A.cpp:{}: f: Assertion `x' failed"
    for line, release in enumerate(("3.3.1", "3.4.0")):
        path = reports / "codegen" / f"{release}.json"
        content = json.loads(path.read_text())
        names = [{"kernel": f"toys:k{number}", "label": f"toys:k{number}", "settings": []} for number in range(4)]
        entries = [{**content["entries"][0], **each, "id": f"{each['label']} cuda:90"} for each in names]
        for entry in entries[:2]:
            entry.update(status="error", crash=True, reason=crash.format(line), metrics={})
        entries[2]["warnings"] = ["slow path"]
        if release == "3.4.0":
            entries[3].update(status="error", reason=f"does not compile: {'y' * 700}: z", metrics={})
        (whole,) = content["configurations"]["cuda:90"]
        asked = {"cuda:90": {whole: [each["label"] for each in names]}}
        path.write_text(json.dumps({**content, "count": 4, "configurations": asked, "entries": entries}))
    found = report(reports)
    first, other = (each for each in found["failures"] if each["cause"] == "compile")
    assert first["message"] == f"triton 3.3.1 - 3.4.0: {crash.format(1)}"
    assert [each["tests"] for each in first["where"]] == [["toys:k0 cuda:90", "toys:k1 cuda:90"]] * 2
    assert first["count"] == 4
    assert other["message"].endswith("yyy: z")
    assert [(each["kind"], each["releases"]) for each in found["codegen"]["why"]] == [
        ("error", "3.3.1 - 3.4.0"),
        ("error", "3.4.0"),
        ("warning", "3.3.1 - 3.4.0"),
    ]
    page = (found["out"] / "index.html").read_text()
    assert "<strong>error</strong> triton 3.3.1 - 3.4.0: does not compile: the compiler crashed" in page
    assert "<strong>warning</strong> triton 3.3.1 - 3.4.0: slow path" in page


def test_a_missing_module_is_an_environment_failure_that_takes_the_file_with_it(report, recorded):
    found = report(recorded / "import", "--against", recorded / "none")
    assert found["cells"]["triton231"]["verdict"] == "regressed"
    assert [(group["cause"], group["count"]) for group in found["failures"]] == [("environment", 1)]
    assert "a_module_that_is_not_there" in found["failures"][0]["message"]


@pytest.mark.parametrize("word", ["unavailable", "stale", "n/a"])
def test_why_a_cell_could_not_run_is_its_verdict_and_no_failure(word, report, copy):
    reports = copy()
    unavailable(reports / "rocm-nightly", word, "2026-11-21T00:00:00+00:00")
    found = report(reports)
    assert found["cells"]["rocm-nightly"]["verdict"] == word
    assert found["cells"]["rocm-nightly"]["reason"] == "the index cannot be reached"
    assert found["exit_status"] == 0
    assert report(reports, "--require", "rocm-nightly:interpreter")["exit_status"] == 2


def test_a_cell_that_stopped_before_its_suites_failed_with_the_command_that_stopped_it(report, tmp_path):
    stopped(tmp_path / "reports" / "triton3x")
    found = report(tmp_path / "reports")
    assert found["exit_status"] == 1
    assert found["cells"]["triton3x"]["reason"] == "stopped at resolve with status 1"
    assert found["failures"][0]["cause"] == "environment"
    assert "`uv pip install torch==9` ended with status 1" in found["failures"][0]["message"]


def test_no_results_are_no_answer(report, tmp_path):
    found = report(tmp_path / "nothing")
    assert found["exit_status"] == 2
    assert "there are no results" in found["said"]


def test_a_required_level_that_did_not_run_is_an_error(report, copy, recorded):
    found = report(copy(), "--require", "triton231:device")
    assert found["exit_status"] == 2
    assert "required but not there: level device of cell triton231" in found["said"]
    assert report(recorded / "none", "--require", "triton231:interpreter")["exit_status"] == 0


def test_a_required_level_whose_tests_were_all_skipped_is_an_error(report, copy):
    reports = copy()
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    for case in tree.getroot().iter("testcase"):
        case[:] = [ET.Element("skipped", message="needs a GPU")]
    count_again(tree)
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
    count_again(tree)
    tree.write(junit)
    retake(junit, status=5)
    found = report(reports)
    assert found["cells"]["triton231"]["reason"] == "interpreter: harness: pytest ran no test"
    assert found["exit_status"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--require", "triton231"],
            "--require 'triton231': it is CELL:LEVEL, with a level of interpreter, device, sanitizer",
        ),
        (["--require", "triton9:device"], "unknown cell 'triton9'"),
        (["--against", "no/such/run"], "--against no/such/run: there is no such file, folder or commit"),
        (["--cells", "triton231:triton9"], "no cell 'triton9'"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence_and_status_2(arguments, sentence, report, recorded):
    found = report(recorded / "none", *arguments)
    assert found["exit_status"] == 2
    assert sentence in found["err"]
    assert len(found["err"].strip().splitlines()) == 1


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
