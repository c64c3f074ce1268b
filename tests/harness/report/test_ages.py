"""What was taken of other sources, or not wholly, says so: timings, the atlas, incidents; and what is gone is said."""

from __future__ import annotations

import json
import shutil

import pytest

from triton_matrix.evidence import schemas
from triton_matrix.suites import incidents

from .results import TABLE, make_current

ROW = "large-bf16-32768x4096-backward"


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def age(folder, installed="another"):
    """Let the timings below ``folder`` be of other sources; None: of a bench that did not say which."""
    for path in folder.rglob("benchmark.json"):

        def edit(content):
            content["triton_matrix"].update(wheel=installed and {"installed": installed}, commit="0123456789abcdef")

        change(path, edit)
    return folder


@pytest.mark.parametrize("installed", ["another", None])
def test_own_timings_of_other_sources_are_stale_and_say_nothing_of_now(report, timed, installed):
    now, before = timed(1.3)
    found = report(age(now, installed), "--against", before)
    assert found["changes"]["slower"] == []
    assert found["cells"]["triton231"]["levels"]["device"]["verdict"] == "pass"
    assert found["exit_status"] == 2
    (reason,) = found["status_reasons"]
    assert reason.startswith("triton231 benchmarks: stale: of 2")
    why = "it is of other sources than the checkout has now" if installed else "it does not say which sources it is of"
    assert reason.endswith(f"commit 0123456789: {why}")
    assert "triton231, stale, of commit 0123456789" in (found["out"] / "index.html").read_text()


def test_allow_stale_counts_them_as_what_they_were(report, timed):
    now, before = timed(1.3)
    found = report(age(now), "--against", before, "--allow-stale")
    assert [row["name"] for row in found["changes"]["slower"]] == [ROW]
    assert found["exit_status"] == 1


def test_another_machine_s_old_timings_are_only_said(report, timed, copy):
    old, _ = timed(1)
    shutil.rmtree(old / "codegen")
    for path in (old / "triton231").iterdir():
        if path.name != "benchmark.json":
            path.unlink()
    found = report(copy(), "--add", age(old))
    assert found["exit_status"] == 0
    assert "triton231 benchmarks: stale: of " in found["said"]
    assert {row["on"] for row in found["benches"]} == {"stale, of commit 0123456789"}


def test_of_two_files_the_one_of_now_and_of_the_whole_suite_stands(report, timed, tmp_path):
    now, before = timed(1.3)
    newer = shutil.copytree(now / "triton231", now / "newer" / "triton231")
    date = "2026-11-20T00:00:00+00:00"
    change(newer / "benchmark.json", lambda content: content["triton_matrix"].update(date=date))
    assert report(before, "--add", now / "newer")["benches"][0]["date"].startswith("2026-11-20")
    change(newer / "benchmark.json", lambda content: content["triton_matrix"].update(deselected=3))
    assert not report(before, "--add", now / "newer")["benches"][0]["date"].startswith("2026-11-20")
    change(newer / "benchmark.json", lambda content: content["triton_matrix"].update(deselected=0))
    age(now / "newer")
    assert not report(before, "--add", now / "newer")["benches"][0]["date"].startswith("2026-11-20")


def test_rows_that_failed_are_a_failure_as_long_as_the_file_is_of_now(report, timed):
    now, _ = timed(1)
    failed = ["bench_x.py::test_x", "bench_x.py::test_y"]
    change(now / "triton231" / "benchmark.json", lambda content: content["triton_matrix"].update(failed_rows=failed))
    found = report(now)
    assert found["exit_status"] == 1
    assert found["status_reasons"] == ["triton231 benchmarks: 2 failed, first bench_x.py::test_x"]
    assert report(age(now))["exit_status"] == 2


def test_some_rows_are_called_so(report, timed):
    now, _ = timed(1)
    change(now / "triton231" / "benchmark.json", lambda content: content["triton_matrix"].update(deselected=3))
    assert {row["on"] for row in report(now)["benches"]} == {"some rows"}


def test_rows_that_are_no_longer_timed_are_said(report, timed):
    now, before = timed(1)

    def edit(content):
        content["benchmarks"] = [row for row in content["benchmarks"] if row["extra_info"]["row"] != ROW]

    change(now / "triton231" / "benchmark.json", edit)
    found = report(now, "--against", before)
    gone = {"cell": "triton231", "level": "benchmarks on NVIDIA H100 80GB HBM3", "what": f"1: {ROW}"}
    assert found["changes"]["no_longer_run"] == [gone]
    assert f"benchmarks on NVIDIA H100 80GB HBM3: 1: {ROW}: not run this time" in found["said"]


def test_cells_are_not_compared_by_timings_of_two_ages(report, timed):
    now, _ = timed(1)
    other = shutil.copytree(now / "triton231", now / "triton300")
    for path in other.iterdir():
        path.unlink() if path.suffix == ".xml" or path.name.startswith("run-") else None
    change(other / "benchmark.json", lambda content: content["triton_matrix"].update(cell="triton300"))
    make_current(other)
    assert report(now, "--cells", "triton231:triton300")["cell_against_cell"]["speed"]
    age(other)
    assert report(now, "--cells", "triton231:triton300")["cell_against_cell"]["speed"] == []
    age(now)
    assert report(now, "--cells", "triton231:triton300")["cell_against_cell"]["speed"]


def test_tests_that_passed_and_are_skipped_or_gone_are_said(report, copy, recorded):
    now = copy()
    junit = now / "triton231" / "junit-interpreter.xml"
    text = junit.read_text()
    passed = text.index("<testcase")
    end = text.index("/>", passed)
    text = text[:end] + '><skipped type="pytest.skip" message="no memory">x</skipped></testcase>' + text[end + 2 :]
    count = int(text.split('skipped="')[1].split('"')[0])
    junit.write_text(text.replace(f'skipped="{count}"', f'skipped="{count + 1}"', 1))
    found = report(now, "--against", recorded / "none")
    (lost,) = [row for row in found["changes"]["no_longer_run"] if row["cell"] == "triton231"]
    assert (lost["level"], lost["what"][:20]) == ("interpreter", "of what passed, 1: c")


@pytest.fixture
def atlas(recorded, tmp_path):
    """A recorded atlas of two releases, of which the later one spills more; a copy that may be changed."""
    folder = shutil.copytree(recorded / "four_warps", tmp_path / "atlas")
    change(
        folder / "codegen" / "3.4.0.json", lambda content: content["entries"][0]["metrics"].update(spill_stores=9999)
    )
    return folder


def test_releases_that_are_of_two_sources_are_not_compared(report, atlas):
    assert report(atlas)["codegen"]["summary"]["3.4.0"]["worse"] == 1
    change(atlas / "codegen" / "3.3.1.json", lambda content: content.update(sources="another"))
    found = report(atlas)
    assert found["codegen"]["summary"]["3.4.0"]["worse"] == 0
    assert found["codegen"]["summary"]["3.3.1"]["verdict"] == "stale"
    assert found["exit_status"] == 2


def test_what_is_no_longer_compiled_is_said(report, atlas, tmp_path):
    before = shutil.copytree(atlas, tmp_path / "before")
    (atlas / "codegen" / "3.3.1.json").unlink()
    found = report(atlas, "--against", before)
    (gone,) = found["changes"]["no_longer_run"]
    assert (gone["cell"], gone["level"]) == ("triton 3.3.1", "codegen")
    assert gone["what"].startswith("1: ")


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"hook": "another"}, "changed since"), ({"configs": 2}, "no more"), ({"variables": {"A": "1"}}, "with A=1")],
)
def test_an_atlas_of_another_question_is_stale(report, atlas, changed, why):
    change(atlas / "codegen" / "3.4.0.json", lambda content: content.update(changed))
    found = report(atlas)
    assert found["codegen"]["summary"]["3.4.0"]["verdict"] == "stale"
    assert why in found["codegen"]["summary"]["3.4.0"]["reason"]


def seen(folder, shown=True):
    """A file of incidents, of now."""
    about = {"incident": "x", "level": "codegen", "release": "3.9.0", "expected": True}
    rows = [{**about, "id": "x:codegen", "shown": shown, "detail": "why"}]
    content = {"schema": schemas.INCIDENTS, "date": "2026-01-02T00:00:00+00:00", "commit": "abc", "rows": rows}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "incidents.json").write_text(json.dumps({**content, "sources": incidents.digest(TABLE)}))
    return folder


def test_an_incident_that_shows_where_it_should_not_is_a_failure(report, copy):
    assert report(seen(copy()))["exit_status"] == 0
    found = report(seen(copy(name="other"), shown=False))
    assert found["exit_status"] == 1
    assert "incident x:codegen on triton 3.9.0: it shows where it should not" in found["said"]


def test_incidents_of_before_are_stale_and_those_of_another_machine_are_only_said(report, copy, tmp_path):
    reports = seen(copy(), shown=False)
    change(reports / "incidents.json", lambda content: content.update(sources="another"))
    found = report(reports)
    assert found["exit_status"] == 2
    why = (
        "incidents of bare releases: stale: of 2026-01-02T00:00:00+00:00, commit abc: the incidents were changed since"
    )
    assert found["status_reasons"] == [why]
    shutil.move(reports / "incidents.json", seen(tmp_path / "elsewhere") / "incidents.json")
    found = report(reports, "--add", tmp_path / "elsewhere")
    assert found["exit_status"] == 0
    assert why in found["said"]


def test_a_slow_down_counts_where_no_suite_ran_on_the_gpu(report, timed):
    now, before = timed(1.3)
    for folder in (now, before):
        for path in (folder / "triton231").glob("*device*"):
            path.unlink()
    found = report(now, "--against", before)
    assert "device" not in found["cells"]["triton231"]["levels"]
    assert found["exit_status"] == 1
    assert found["status_reasons"] == ["triton231: 1 benchmark slower than in the earlier run, beyond the noise"]
