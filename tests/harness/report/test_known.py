"""Known failures: accepted with their reason, and gone with it."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.report import known as known_failures

from .results import NUMERICS, count_again, known, retake, set_property

ROW = """
[[test]]
cell = "triton231"
level = "interpreter"
test = "correctness.*_exact_as_torch[*"
reason = "issue 7"
"""


def test_a_known_failure_is_shown_with_its_reason_and_passes(report, tmp_path, recorded):
    found = report(recorded / "numerics", "--known", known(tmp_path, ROW), "--against", recorded / "none")
    assert found["cells"]["triton231"]["verdict"] == "pass"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["counts"]["known"] == NUMERICS["triton231"]
    assert found["cells"]["triton300"]["verdict"] == "regressed"
    others = sum(count for cell, count in NUMERICS.items() if cell != "triton231")
    assert {group["known"]: group["count"] for group in found["failures"]} == {"issue 7": 6, None: others}


def test_a_known_failure_that_no_longer_occurs_fails(report, tmp_path, recorded):
    found = report(recorded / "none", "--known", known(tmp_path, ROW))
    assert found["exit_status"] == 1
    assert "no longer occurs (issue 7): remove it from known.toml" in found["cells"]["triton231"]["reason"]


def test_a_known_failure_of_a_cell_that_did_not_run_is_not_judged(report, tmp_path, recorded):
    row = ROW.replace('"triton231"', '"triton231-py39"')
    assert report(recorded / "none", "--known", known(tmp_path, row))["exit_status"] == 0


def test_a_known_failure_in_ambient_speaks_of_the_triton_it_names(report, tmp_path, recorded):
    for triton in ("2.3.1", "3.6.0"):
        folder = tmp_path / triton
        shutil.copytree(recorded / "numerics" / "triton231", folder / "ambient")
        junit = folder / "ambient" / "junit-interpreter.xml"
        set_property(junit, cell="ambient", triton=triton)
        retake(junit)
    row = known(tmp_path, ROW.replace('"triton231"', '"ambient-2.3.1"'))
    found = report(tmp_path / "2.3.1", "--add", tmp_path / "3.6.0", "--known", row)["cells"]
    assert (found["ambient-2.3.1"]["verdict"], found["ambient-3.6.0"]["verdict"]) == ("pass", "fail")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[test]]\n", "row 1 of [[test]] lacks 'cell'"),
        ("[[flaky]]\n", "unknown table 'flaky'"),
        ("x", "is not TOML"),
        ("test = 5\n", "'test' is no list of tables; each row begins with [[test]]"),
        ("test = [1]\n", "'test' is no list of tables; each row begins with [[test]]"),
        (ROW.replace("[[test]]", "[test]"), "'test' is no list of tables; each row begins with [[test]]"),
        (ROW.replace('"triton231"', "3"), "row 1 of [[test]] has cell = 3; allowed is a text"),
        (ROW.replace('"triton231"', '"triton23"'), "has cell = 'triton23', which is no row of cells.toml; allowed are"),
        (ROW.replace('"interpreter"', '"interpretor"'), "has level = 'interpretor'; allowed are interpreter, device"),
        (ROW.replace('"correctness.*_exact_as_torch[*"', '"*"'), "has test = '*', which accepts whatever fails"),
        *(
            (ROW.replace("correctness.*_exact_as_torch[*", wide), f"has test = '{wide}', which accepts whatever fails")
            for wide in ("**", "?*", "*?", "*::*", "*?::?*", "*:*", "?*::*?")
        ),
        ('[[slower]]\ncell = "triton231"\nbenchmark = "?*"\nreason = "y"\n', "has benchmark = '?*', which accepts"),
        ('[[slower]]\ncell = ["a"]\nbenchmark = "x"\nreason = "y"\n', "has cell = ['a']; allowed is a text"),
    ],
)
def test_a_malformed_row_of_known_failures_is_refused(text, sentence, tmp_path):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        known_failures.load(known(tmp_path, text), ("triton231", "ambient"))


@pytest.mark.parametrize("cell", ["triton231", "*", "triton*", "ambient-3.6.0", "triton231@liger_kernel-0.5.10"])
def test_a_row_may_name_what_the_report_calls_a_cell(cell, tmp_path):
    row = known(tmp_path, ROW.replace('"triton231"', f'"{cell}"'))
    assert known_failures.load(row, ("triton231", "ambient")).rows[0].cell == cell


def test_a_known_failure_whose_test_was_renamed_fails(report, tmp_path, recorded):
    row = known(tmp_path, ROW.replace("_exact_as_torch", "_as_torch_before_it_was_renamed"))
    found = report(recorded / "none", "--known", row)
    assert found["exit_status"] == 1
    assert "is no test (issue 7): rename or remove it in known.toml" in found["cells"]["triton231"]["reason"]


@pytest.mark.parametrize("wide", ["*e*::*", "correctness.*", "*test_*"])
def test_a_pattern_that_matches_every_test_of_a_run_accepts_nothing(report, tmp_path, recorded, wide):
    row = ROW.replace("correctness.*_exact_as_torch[*", wide)
    found = report(recorded / "num_warps", "--known", known(tmp_path, row))
    assert (found["exit_status"], found["cells"]["triton231"]["verdict"]) == (1, "fail")
    reason = found["cells"]["triton231"]["reason"]
    assert f"known failure {wide!r} matches each of the " in reason
    assert "accepts whatever fails (issue 7): name what is known to fail in known.toml" in reason


def test_what_begins_with_brackets_is_taken_to_the_letter(report, tmp_path, recorded):
    found = report(recorded / "num_warps", "--known", known(tmp_path, ROW.replace("correctness.*", "[!x]")))
    assert "is no test (issue 7)" in str(found["cells"]["triton231"]["levels"]["interpreter"]["gone"])


def test_a_pattern_does_not_accept_a_file_that_cannot_be_collected(report, copy, tmp_path):
    reports = copy("none")
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    suite = next(tree.getroot().iter("testsuite"))
    case = ET.SubElement(suite, "testcase", classname="", name="tests.correctness.test_gone")
    ET.SubElement(case, "error", message="collection failure").text = "ImportError: no such name"
    count_again(tree)
    tree.write(junit)
    retake(junit, status=1)
    for pattern, verdict in (("correctness.test_gone*", "fail"), ("correctness.test_gone", "pass")):
        row = ROW.replace("correctness.*_exact_as_torch[*", pattern)
        assert report(reports, "--known", known(tmp_path, row))["cells"]["triton231"]["verdict"] == verdict


def test_a_known_slow_down_that_matches_every_benchmark_is_refused(report, tmp_path, timed):
    now, before = timed(1.5)
    row = known(tmp_path, '[[slower]]\ncell = "triton231"\nbenchmark = "*-*"\nreason = "issue 8"\n')
    found = report(now, "--against", before, "--known", row)
    assert found["exit_status"] == 1
    assert "matches every benchmark, so it accepts whatever is slower (issue 8)" in str(found["changes"]["gone"])


def test_a_known_failure_that_one_of_its_cells_has_is_a_test(report, tmp_path, recorded, copy):
    reports = copy("numerics", cells=("triton231",))
    shutil.copytree(recorded / "none" / "triton331", reports / "triton331")
    junit = reports / "triton331" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    suite = next(tree.getroot().iter("testsuite"))
    for case in [case for case in suite.findall("testcase") if "_exact_as_torch" in case.get("name")]:
        suite.remove(case)
    count_again(tree)
    tree.write(junit)
    retake(junit)
    found = report(reports, "--known", known(tmp_path, ROW.replace('"triton231"', '"triton*"')))
    assert (found["exit_status"], found["cells"]["triton331"]["verdict"]) == (0, "pass")


def test_a_level_where_all_that_ran_is_known_to_fail_is_no_pass(report, copy, tmp_path):
    reports = copy("num_warps")
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    suite = next(tree.getroot().iter("testsuite"))
    for case in [case for case in suite.findall("testcase") if case.find("failure") is None]:
        suite.remove(case)
    count_again(tree)
    tree.write(junit)
    retake(junit)
    found = report(reports, "--known", known(tmp_path, ROW))
    assert found["exit_status"] == 1
    assert "no test passed: each of the 28 failures is known" in found["cells"]["triton231"]["reason"]


def test_known_failures_are_counted_beside_what_passed(report, tmp_path, recorded):
    said = report(recorded / "numerics", "--known", known(tmp_path, ROW))["said"]
    assert re.search(r"^triton231 .* pass \d+, 6 known", said, re.MULTILINE)
