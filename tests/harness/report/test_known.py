"""Known failures: accepted with their reason, and gone with it."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.report import known as known_failures

from .results import known, retake, set_property

ROW = """
[[test]]
cell = "triton231"
level = "interpreter"
test = "correctness.*_exact_as_torch[*"
reason = "issue 7"
"""


def test_a_known_failure_is_shown_with_its_reason_and_passes(report, tmp_path, recorded):
    found = report(recorded / "num_warps", "--known", known(tmp_path, ROW), "--against", recorded / "none")
    assert found["cells"]["triton231"]["verdict"] == "pass"
    assert found["cells"]["triton231"]["levels"]["interpreter"]["counts"]["known"] == 28
    assert found["cells"]["triton300"]["verdict"] == "regressed"
    assert {group["known"]: group["count"] for group in found["failures"]} == {"issue 7": 28, None: 42}


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
        shutil.copytree(recorded / "num_warps" / "triton231", folder / "ambient")
        junit = folder / "ambient" / "junit-interpreter.xml"
        set_property(junit, cell="ambient", triton=triton)
        retake(junit)
    row = known(tmp_path, ROW.replace('"triton231"', '"ambient-2.3.1"'))
    found = report(tmp_path / "2.3.1", "--add", tmp_path / "3.6.0", "--known", row)["cells"]
    assert (found["ambient-2.3.1"]["verdict"], found["ambient-3.6.0"]["verdict"]) == ("pass", "fail")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("[[test]]\n", "row 1 of [[test]] lacks 'cell'"), ("[[flaky]]\n", "unknown table 'flaky'"), ("x", "is not TOML")],
)
def test_a_malformed_row_of_known_failures_is_refused(text, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence.replace("[", r"\[")):
        known_failures.load(known(tmp_path, text))
