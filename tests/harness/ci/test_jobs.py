"""The job list of CI, and the workflows that take it."""

import json
import re
import subprocess
import sys

import pytest

from triton_matrix.base.cells import find_root, load
from triton_matrix.ci import jobs
from triton_matrix.report import expected

ROOT = find_root()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TABLE = """
[package]
atlas = "tests/atlas/kernels.py:configurations"

[cell.old]
python = "3.9"
torch = "2.3.1"
triton = "2.3.1"
platforms = ["cuda"]
why = "the oldest"

[cell.night]
python = "3.11"
torch = "nightly"
triton = "nightly"
platforms = ["rocm"]
index = "http://127.0.0.1:9/whl"
why = "tomorrow's"

[cell.ambient]
platforms = ["cuda", "rocm"]
why = "whatever is there"

[platform.hosted]
runner = ["ubuntu-latest"]

[platform.cuda]
runner = ["self-hosted", "cuda"]

[platform.rocm]
runner = ["self-hosted", "rocm"]
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text(TABLE)
    (tmp_path / "tests" / "benchmarks").mkdir(parents=True)
    return tmp_path


def listed(root, capsys, *options):
    assert jobs.main(["--root", str(root), *options]) == 0
    return {job["name"]: job for job in json.loads(capsys.readouterr().out)["include"]}


def test_every_cell_has_its_jobs_with_the_tables_labels(root, capsys):
    found = listed(root, capsys)
    assert list(found) == [
        "old-interpreter",
        "night-interpreter",
        "codegen",
        "values",
        "old-device-cuda",
        "night-device-rocm",
        "ambient-device-cuda",
        "ambient-device-rocm",
    ]
    assert found["old-device-cuda"]["runner"] == ["self-hosted", "cuda"]
    assert found["night-device-rocm"]["runner"] == ["self-hosted", "rocm"]
    assert found["old-interpreter"]["runner"] == found["codegen"]["runner"] == ["ubuntu-latest"]
    assert found["old-interpreter"]["python"] == "3.9"


def test_a_package_with_no_atlas_and_no_bench_suite_has_no_job_for_them(root, capsys):
    (root / "tests" / "benchmarks").rmdir()
    (root / "constraints" / "cells.toml").write_text(TABLE.replace("atlas = ", 'module = "kernels" # '))
    found = listed(root, capsys)
    assert "codegen" not in found
    assert found["launches"]["commands"] == ["nox -s launches"]
    assert [command for job in found.values() for command in job["commands"] if "bench-" in command] == []
    assert "old-device-cuda" in found


def test_what_kernels_compile_to_whose_launches_nobody_wrote_down_is_expected(root, capsys):
    table = TABLE.replace("atlas = ", 'module = "kernels" # ')
    (root / "constraints" / "cells.toml").write_text(table)
    assert jobs.main(["--root", str(root), "--on", "hosted", "--expect"]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["--expect", "launches"]
    (root / "constraints" / "cells.toml").write_text(table.replace("[package]", "[package]\nkernels = false"))
    assert "launches" not in listed(root, capsys)


def test_a_package_whose_launches_are_only_compiled_says_so_and_has_no_job_that_runs_them(root, capsys):
    (root / "constraints" / "cells.toml").write_text(TABLE.replace("[package]", "[package]\nvalues = false"))
    found = listed(root, capsys)
    assert "codegen" in found
    assert not {"values", "launches"} & {*found}
    assert [command for job in found.values() for command in job["commands"] if "--launches" in command] == []
    assert jobs.main(["--root", str(root), "--expect"]) == 0
    assert not {"values", "device", "device:2.3.1"} & {*capsys.readouterr().out.split()}


def test_a_device_job_is_red_where_its_gpu_is_not_seen(root, capsys):
    for job in listed(root, capsys, "--on", "device").values():
        tests, bench, launches, last = job["commands"][-4:]
        assert launches == f"{bench} -- --launches"
        assert tests.endswith(f"-s tests-{job['cell']} -- --level device")
        required = [f"--require {job['cell']}:{level}@{job['platform']}" for level in ("device", "bench")]
        assert last == f"nox -s report -- {' '.join(required)}"


def test_a_pull_request_runs_no_nightly_and_the_schedule_nothing_else(root, capsys):
    assert not [name for name in listed(root, capsys, "--event", "pull_request") if name.startswith("night-")]
    nightly = listed(root, capsys, "--event", "schedule")
    assert list(nightly) == ["night-interpreter", "night-device-rocm"]
    assert nightly["night-interpreter"]["commands"][0] == "nox -s lock -- night"


def test_nothing_is_installed_into_a_vendors_python(root, capsys):
    job = listed(root, capsys)["ambient-device-rocm"]
    assert job["python"] == ""
    assert [command.startswith("nox --no-venv --no-install -s ") for command in job["commands"][:2]] == [True, True]


def test_the_report_is_to_expect_what_each_job_leaves_on_each_platform(root, capsys):
    assert jobs.main(["--root", str(root), "--event", "pull_request", "--expect"]) == 0
    left = ["old:interpreter", "codegen", "values", "old:device@cuda", "old:bench@cuda", "device:2.3.1"]
    left += ["ambient:device@cuda", "ambient:bench@cuda", "device", "ambient:device@rocm", "ambient:bench@rocm"]
    assert capsys.readouterr().out == " ".join(f"--expect {each}" for each in left) + "\n"
    (root / "tests" / "benchmarks").rmdir()
    assert jobs.main(["--root", str(root), "--event", "schedule", "--expect"]) == 0
    assert capsys.readouterr().out == "--expect night:interpreter --expect night:device@rocm --expect device\n"


def test_the_report_reads_all_that_ci_is_to_expect(root):
    table = load(root / "constraints" / "cells.toml")
    for each in jobs.expected(table, jobs.jobs(table)):
        assert expected.parse("--expect", str(each), table) == each


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.replace("[platform.rocm]", "[platform.other]"), "needs a row [platform.rocm] with runner = [labels]"),
        (
            '[cell.a]\nplatforms = ["cuda"]\nwhy = "x"\n[platform.cuda]\nrunner = ["c"]\n[package]\nkernels = false\n',
            "gives no job for event schedule",
        ),
        ("", "there is no [cell.*] row"),
    ],
    ids=["no runner", "no job", "no cell"],
)
def test_an_empty_list_is_an_error_and_prints_nothing_that_a_workflow_could_take(root, capsys, table, said):
    (root / "constraints" / "cells.toml").write_text(table)
    assert jobs.main(["--root", str(root), "--event", "schedule"]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


def test_the_projects_own_list_has_cuda_and_rocm_jobs_and_only_sessions_that_exist():
    found = jobs.jobs(load(ROOT / "constraints" / "cells.toml"))
    assert {"cuda", "rocm", jobs.HOSTED} == {job["platform"] for job in found}
    assert len({job["name"] for job in found}) == len(found)
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-l", "-f", str(ROOT / "noxfile.py")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    sessions = set(re.findall(r"^[*-] (\S+)", listed, re.MULTILINE))
    for job in found:
        for command in job["commands"]:
            asked = re.search(r" -s (.+?)(?: --|$)", command)[1].split()
            assert set(asked) <= sessions, command
