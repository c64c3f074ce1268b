"""The job list of CI, and the workflows that take it."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from triton_matrix.base.cells import find_root, load
from triton_matrix.ci import jobs

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
    assert [command for job in found.values() for command in job["commands"] if "bench-" in command] == []
    assert "old-device-cuda" in found


def test_a_device_job_is_red_where_its_gpu_is_not_seen(root, capsys):
    for job in listed(root, capsys, "--on", "device").values():
        tests, last = job["commands"][-3], job["commands"][-1]
        assert tests.endswith(f"-s tests-{job['cell']} -- --level device")
        assert last == f"nox -s report -- --require {job['cell']}:device"


def test_a_pull_request_runs_no_nightly_and_the_schedule_nothing_else(root, capsys):
    assert not [name for name in listed(root, capsys, "--event", "pull_request") if name.startswith("night-")]
    nightly = listed(root, capsys, "--event", "schedule")
    assert list(nightly) == ["night-interpreter", "night-device-rocm"]
    assert nightly["night-interpreter"]["commands"][0] == "nox -s lock -- night"


def test_nothing_is_installed_into_a_vendors_python(root, capsys):
    job = listed(root, capsys)["ambient-device-rocm"]
    assert job["python"] == ""
    assert [command.startswith("nox --no-venv --no-install -s ") for command in job["commands"][:2]] == [True, True]


def test_the_report_is_to_expect_a_result_of_each_job(root, capsys):
    assert jobs.main(["--root", str(root), "--event", "pull_request", "--expect"]) == 0
    said = capsys.readouterr().out
    assert said == "--expect old:interpreter --expect codegen --expect old:device --expect ambient:device\n"
    found = listed(root, capsys, "--event", "pull_request")
    assert {f"{job['cell']}:{job['level']}".lstrip(":") for job in found.values()} == set(
        re.findall(r"(\S+:\S+|codegen)", said)
    )


@pytest.mark.parametrize("path", [*WORKFLOWS[:1], ROOT / "triton_matrix" / "init" / "workflow.yml"], ids=str)
def test_the_report_of_a_workflow_expects_what_its_plan_lists(path):
    text = path.read_text()
    for kind in ("hosted", "device"):
        command = f"nox -s ci-matrix -- --event pull_request --on {kind}"
        assert text.count(f"{kind}=$({command})\n") == text.count(f"expect_{kind}=$({command} --expect)\n") == 1
        assert f"needs.plan.outputs.expect_{kind}" in text
    assert 'nox -s report -- --add evidence "${expect[@]}"' in text
    assert re.search(r"^  report:\n    name: report\n    needs: \[plan, ", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.replace("[platform.rocm]", "[platform.other]"), "needs a row [platform.rocm] with runner = [labels]"),
        (
            '[cell.a]\nplatforms = ["cuda"]\nwhy = "x"\n[platform.cuda]\nrunner = ["c"]\n',
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


def test_workflows_pin_every_action_by_commit_and_keep_no_credentials():
    assert WORKFLOWS
    for path in WORKFLOWS:
        text = path.read_text()
        used = re.findall(r"uses: (\S+)( # v[0-9.]+)?", text)
        assert used
        for action, version in used:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
            assert version, f"{action}: the comment says which release the commit is"
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")
        assert "secrets." not in text


def test_workflows_name_no_cell_of_the_table():
    for path in WORKFLOWS:
        code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        named = [name for name in load(ROOT / "constraints" / "cells.toml").cells if name in code]
        assert named == [], path.name


@pytest.mark.skipif(shutil.which("zizmor") is None, reason="needs zizmor on PATH; `nox -s check` brings it")
def test_zizmor_sees_what_is_wrong_in_a_workflow(tmp_path):
    text = WORKFLOWS[0].read_text().replace("persist-credentials: false", "persist-credentials: true")
    text = text.replace("permissions:\n  contents: read\n", "permissions: write-all\n")
    (tmp_path / "bad.yml").write_text(text)
    command = ["zizmor", "--offline", "--quiet", str(tmp_path / "bad.yml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    command[-1] = str(WORKFLOWS[0])
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
