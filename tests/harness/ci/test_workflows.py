"""What the workflow files say: that of this repository, and the one that ``init`` writes."""

import copy
import re
import shutil
import subprocess

import pytest

from triton_matrix.base.cells import find_root, load

yaml = pytest.importorskip("yaml", reason="needs constraints/check.txt: `nox -s check` has it")

ROOT = find_root()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MATRIX, INIT = ROOT / ".github" / "workflows" / "matrix.yml", ROOT / "triton_matrix" / "init" / "workflow.yml"
NIGHTLY = MATRIX.with_name("nightly.yml")


def jobs_of(path):
    return yaml.safe_load(path.read_text())["jobs"]


@pytest.mark.parametrize("path", [MATRIX, INIT], ids=["ours", "of init"])
def test_the_last_job_always_runs_and_is_told_how_every_other_one_ended(path):
    jobs = jobs_of(path)
    *others, last = jobs
    report = jobs[last]
    assert last == report["name"] == "report"
    assert report["needs"] == others
    assert report["if"] == "${{ always() }}"  # a job that is skipped counts as passed where a branch requires it
    (merge,) = (step for step in report["steps"] if "nox -s report" in step.get("run", ""))
    assert set(re.findall(r'--job "(\w+)=\$(\w+)"', merge["run"])) == {(name, name.upper()) for name in others}
    for name in others:
        assert f"needs.{name}.result" in merge["env"][name.upper()]
    assert "if" not in merge
    assert not any("continue-on-error" in job for job in jobs.values())


@pytest.mark.parametrize("path", [MATRIX, INIT], ids=["ours", "of init"])
def test_a_job_is_left_out_by_the_plan_alone_which_says_so(path):
    jobs = jobs_of(path)
    conditions = {name: job["if"] for name, job in jobs.items() if "if" in job and name != "report"}
    assert conditions == {"device": "needs.plan.outputs.device != ''"}
    listed = next(step["run"] for step in jobs["plan"]["steps"] if step.get("id") == "jobs")
    for kind in ("hosted", "device"):
        command = f"nox -s ci-matrix -- --event pull_request --on {kind}"
        assert listed.count(f"{kind}=$({command})\n") == listed.count(f"$({command} --expect)") == 1


def without_what_differs(path):
    """The jobs without how the harness gets onto a runner, the check of this repository, and its table's variable."""
    jobs = copy.deepcopy(jobs_of(path))
    jobs.pop("check", None)
    jobs["report"]["needs"] = [name for name in jobs["report"]["needs"] if name != "check"]
    for job in jobs.values():
        for step in job["steps"]:
            step.pop("name", None)
            for given in (step, step.get("env", {})):
                for key, value in given.items():
                    if isinstance(value, str):
                        given[key] = re.sub(r"pip install .*", "pip install", value)
                        given[key] = given[key].replace("vars.TRITON_MATRIX_GPU == 'true' && (", "(")
                        given[key] = given[key].replace(' --job "check=$CHECK"', "")
            step.get("env", {}).pop("CHECK", None)
            if "ON_GPUS" in step.get("env", {}):
                step["env"]["ON_GPUS"] = re.sub(r"[\s()]", "", step["env"]["ON_GPUS"])
    return jobs


def test_the_workflow_that_init_writes_is_this_repositorys_own():
    assert without_what_differs(INIT) == without_what_differs(MATRIX)


def test_the_nightlys_jobs_are_the_matrixs_but_for_the_step_that_each_exists_for():
    nightly, matrix = jobs_of(NIGHTLY), jobs_of(MATRIX)
    assert nightly["nightly"]["steps"] == matrix["device"]["steps"]
    assert nightly["plan"]["steps"][:-1] == matrix["plan"]["steps"][:-1]
    assert nightly["issue"]["steps"][:-1] == matrix["report"]["steps"][: len(nightly["issue"]["steps"]) - 1]


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
