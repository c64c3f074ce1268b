"""Runs and cells against each other."""

from __future__ import annotations

import json
import shutil

from .results import TRITON3


def test_an_earlier_run_may_be_its_evidence_or_its_matrix(report, tmp_path, recorded):
    kept = tmp_path / "earlier.json"
    shutil.copy(report(recorded / "none")["out"] / "matrix.json", kept)
    by_matrix = report(recorded / "num_warps", "--against", kept)["changes"]
    by_folder = report(recorded / "num_warps", "--against", recorded / "none")["changes"]
    assert {**by_matrix, "against": ""} == {**by_folder, "against": ""}
    assert [row["count"] for row in by_matrix["newly_failing"]] == [28, 42]
    assert by_matrix["newly_failing"][0]["tests"][0].startswith("correctness.test_sizes::test_results_are_as_exact")


def test_what_passes_again_and_what_no_longer_runs_is_said(report, copy, recorded):
    found = report(copy(), "--against", recorded / "num_warps")
    assert [(row["cell"], row["count"]) for row in found["changes"]["newly_passing"]] == [("triton231", 28)]
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


def test_a_cell_is_held_against_another(report, recorded):
    found = report(recorded / "num_warps", "--cells", "triton231:triton3x")["cell_against_cell"]
    rows = {(row["left"], row["right"]): row["count"] for row in found["levels"]["interpreter"]}
    assert rows == {("failed", "passed"): 28, ("n/a", "passed"): 14}
    assert {"name": "triton", "was": "2.3.1", "now": "3.9.0"} in found["environment"]


def test_a_matrix_of_another_schema_is_refused(report, tmp_path, recorded):
    (tmp_path / "matrix.json").write_text('{"schema": "triton-matrix/matrix/9"}')
    found = report(recorded / "none", "--against", tmp_path / "matrix.json")
    assert found["exit_status"] == 2
    assert "is no triton-matrix/matrix/4" in found["err"]
