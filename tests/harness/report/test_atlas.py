"""The atlas in the report: what is worse in ``compare`` is worse here, and what is not whole or of now is no pass."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from triton_matrix.codegen import accepted, compare
from triton_matrix.evidence import atlas_file, atlas_runs

from .test_ages import change

KERNEL = "liger_kernel.kernels.layer_norm:_layer_norm_backward_kernel"


@pytest.fixture
def atlas(recorded, tmp_path):
    """A recorded atlas of two releases that differ in nothing that is worse; a copy that may be changed."""
    return shutil.copytree(recorded / "none", tmp_path / "atlas", ignore=shutil.ignore_patterns("triton*")) / "codegen"


def edit(atlas, release, **changed):
    change(atlas / f"{release}.json", lambda content: content["entries"][0].update(changed))


def accept(tmp_path, change, what):
    path = tmp_path / "accepted.toml"
    entry = accepted.of_change(change, "3.3.1", "3.4.0", "looked at")
    accepted.write(path, [dataclasses.replace(entry, what=what)])
    return path


ERROR = {"status": "error", "metrics": {}, "reason": "does not compile: why"}
WORSE = {
    "time": {"cpu_seconds": 90.0},
    "spills": {"metrics": {"spill_stores": 4000, "registers": 255}},
    "crash": {**ERROR, "crash": True},
    "compile": ERROR,
    "": {**ERROR, "unanswered": True},
}


@pytest.mark.parametrize("cause", WORSE)
def test_what_is_worse_in_compare_is_worse_in_the_report(report, atlas, tmp_path, cause):
    edit(atlas, "3.3.1", cpu_seconds=1.5)
    edit(atlas, "3.4.0", **WORSE[cause])
    before, after = (atlas_file.read(atlas / f"{release}.json") for release in ("3.3.1", "3.4.0"))
    worse = [each for each in compare.changes(before, after) if each.kind == "worse"]
    assert [each.cause for each in worse] == [cause]
    found = report(atlas.parent)
    assert found["exit_status"] == 1
    assert [row["what"] for row in found["codegen"]["changes"]] == [worse[0].what]
    accepting = report(atlas.parent, "--accepted", accept(tmp_path, worse[0], cause or "compile"))
    assert [bool(row["accepted"]) for row in accepting["codegen"]["changes"]] == [bool(cause)]
    assert accepting["exit_status"] == (0 if cause in ("time", "spills") else 1)  # an error is one, accepted or not


@pytest.mark.parametrize("form", ["folder", "matrix.json"])
def test_a_compilation_that_takes_much_longer_than_in_an_earlier_run_is_worse(report, atlas, tmp_path, form):
    edit(atlas, "3.4.0", cpu_seconds=1.5)
    before = shutil.copytree(atlas.parent, tmp_path / "before")
    if form == "matrix.json":
        shutil.copy(report(before)["out"] / "matrix.json", before)
    edit(atlas, "3.4.0", cpu_seconds=90.0)
    found = report(atlas.parent, "--against", before)
    (row,) = found["changes"]["codegen"]
    assert row["what"] == "compile time 1.5 -> 90.0 s of CPU"
    assert found["exit_status"] == 1


def test_releases_that_an_older_harness_compiled_are_stale_and_not_compared_with_those_of_now(report, atlas):
    edit(atlas, "3.4.0", metrics={"spill_stores": 4000})
    assert report(atlas.parent)["codegen"]["summary"]["3.4.0"]["worse"] == 1
    change(atlas / "3.3.1.json", lambda content: content.update(harness="another"))
    found = report(atlas.parent)
    row = found["codegen"]["summary"]["3.3.1"]
    assert (row["verdict"], row["reason"].split(": ")[-1]) == ("stale", "another version of the harness compiled it")
    assert found["codegen"]["summary"]["3.4.0"]["worse"] == 0
    assert found["exit_status"] == 2


def test_a_killed_run_of_before_does_not_outweigh_a_whole_one_since_from_elsewhere(report, atlas, tmp_path):
    old = shutil.copytree(atlas, tmp_path / "old" / "codegen")
    change(old / atlas_runs.NAME, lambda content: content.update(closed=None))
    assert report(old.parent)["exit_status"] == 1
    for release in ("3.3.1", "3.4.0"):
        change(atlas / f"{release}.json", lambda content: content.update(date="2026-11-26T00:00:00+00:00"))
    found = report(old.parent, "--add", atlas.parent)
    assert found["exit_status"] == 0
    change(old / atlas_runs.NAME, lambda content: content.update(opened="2026-11-27T00:00:00+00:00"))
    assert report(old.parent, "--add", atlas.parent)["exit_status"] == 1


def test_a_release_that_is_unavailable_here_keeps_its_result_from_elsewhere(report, atlas, tmp_path):
    here = shutil.copytree(atlas, tmp_path / "here" / "codegen")
    (here / "3.4.0.json").unlink()
    asked = {"targets": {"cuda:90": None}, "outcome": "unavailable", "reason": "no network"}
    change(here / atlas_runs.NAME, lambda content: content["releases"].update({"3.4.0": asked}))
    change(here / atlas_runs.NAME, lambda content: content.update(opened="2026-11-27T00:00:00+00:00"))
    found = report(here.parent)
    assert (found["exit_status"], found["codegen"]["summary"]["3.4.0"]["verdict"]) == (0, "unavailable")
    assert found["said"].splitlines()[-1] == "codegen: could not be provided: triton 3.4.0; of 3.4.0: no network"
    found = report(here.parent, "--add", atlas.parent)
    assert (found["exit_status"], found["codegen"]["summary"]["3.4.0"]["verdict"]) == (0, "pass")
    assert "could not be provided" not in found["said"]


def test_that_no_release_could_be_provided_is_no_result(report, atlas):
    asked = {"targets": {"cuda:90": None}, "outcome": "unavailable", "reason": "no network"}
    change(atlas / atlas_runs.NAME, lambda content: content.update(releases={"3.3.1": asked, "3.4.0": asked}))
    for release in ("3.3.1", "3.4.0"):
        (atlas / f"{release}.json").unlink()
    found = report(atlas.parent)
    assert found["exit_status"] == 2
    assert "there are no results" in found["said"]


@pytest.mark.parametrize("date", ["2999-01-01T00:00:00+00:00", "yesterday"])
@pytest.mark.parametrize("which", ["the run", "an earlier one"])
def test_a_run_of_no_date_that_can_be_is_named_and_its_releases_are_no_pass(report, atlas, date, which):
    def forge(content):
        earlier = {**content, "opened": date, "earlier": []}
        content.update({"opened": date} if which == "the run" else {"earlier": [earlier]})

    change(atlas / atlas_runs.NAME, forge)
    found = report(atlas.parent)
    assert found["exit_status"] == 1
    assert f"{atlas_runs.NAME} its date is '{date}'" in found["said"]


@pytest.mark.parametrize("expected", ["codegen", "triton331:codegen"])
def test_a_stale_release_of_another_machine_is_not_the_one_that_is_expected(
    report, atlas, recorded, tmp_path, expected
):
    change(atlas / "3.4.0.json", lambda content: content.update(sources="another"))
    (tmp_path / "empty").mkdir()
    found = report(tmp_path / "empty", "--add", atlas.parent, "--expect", expected)
    assert found["exit_status"] == 2
    assert "expected but not there: codegen of 2.3.1, 3.0.0, 3.1.0" in found["said"]
    assert "expected but not there: codegen of 3.4.0: pass of 2" in found["said"]


def test_a_level_that_is_none_cannot_be_expected(report, atlas):
    assert "--expect 'codgen': it is CELL:LEVEL" in report(atlas.parent, "--expect", "codgen")["err"]


def test_every_sentence_of_the_atlas_is_on_each_form_of_the_report(report, atlas):
    edit(atlas, "3.4.0", label="other", id="other cuda:90")
    change(atlas / "3.4.0.json", lambda content: content.update(configurations={"cuda:90": {"other": ["other"]}}))
    run = json.loads((atlas / atlas_runs.NAME).read_text())
    run["releases"]["3.4.0"]["targets"] = {"cuda:90": ["other"]}
    (atlas / atlas_runs.NAME).write_text(json.dumps(run))
    found = report(atlas.parent)
    assert found["exit_status"] == 2
    forms = [found["said"], *((found["out"] / name).read_text() for name in ("summary.md", "index.html"))]
    for form in forms:
        assert "in 3.4.0 only, and not compared: 1 configuration: other cuda:90" in form
        assert f"in 3.3.1 only, and not compared: 1 configuration: {KERNEL}" in form


def under_a_switch(atlas, **changed):
    """The file of 3.3.1 once more, as of the table's variant ``fusion-off``; ``changed`` of its first entry."""
    content = json.loads((atlas / "3.3.1.json").read_text())
    content.update(triton="3.3.1+fusion-off", switches={"TRITON_DEFAULT_FP_FUSION": "0"})
    content["entries"][0].update(changed)
    (atlas / "3.3.1+fusion-off.json").write_text(json.dumps(content))
    change(atlas / atlas_runs.NAME, lambda run: run["releases"].update({content["triton"]: run["releases"]["3.3.1"]}))


def test_a_variant_is_a_column_that_is_compared_with_its_release_and_no_release_with_it(report, atlas):
    under_a_switch(atlas, metrics={"spill_stores": 4000})
    found = report(atlas.parent)["codegen"]
    assert found["releases"] == ["3.3.1", "3.3.1+fusion-off", "3.4.0"]
    assert [(step["before"], step["after"]) for step in found["steps"]] == [
        ("3.3.1", "3.3.1+fusion-off"),
        ("3.3.1", "3.4.0"),
    ]
    assert found["summary"]["3.3.1+fusion-off"]["worse"] == 1
    assert found["summary"]["3.4.0"]["worse"] == 0


@pytest.mark.parametrize(
    ("switches", "name", "reason"),
    [
        ({"TRITON_DEFAULT_FP_FUSION": "1"}, "fusion-off", "its variant fusion-off was changed since"),
        ({"TRITON_DEFAULT_FP_FUSION": "0"}, "gone", "the table has no variant gone now"),
    ],
)
def test_what_was_compiled_under_another_switch_than_the_tables_is_stale(report, atlas, switches, name, reason):
    under_a_switch(atlas)
    path = atlas / "3.3.1+fusion-off.json"
    change(path, lambda content: content.update(switches=switches, triton=f"3.3.1+{name}"))
    path.rename(atlas / f"3.3.1+{name}.json")
    change(atlas / atlas_runs.NAME, lambda run: run["releases"].update({f"3.3.1+{name}": run["releases"]["3.3.1"]}))
    row = report(atlas.parent)["codegen"]["summary"][f"3.3.1+{name}"]
    assert (row["verdict"], row["reason"].split(": ")[-1]) == ("stale", reason)
