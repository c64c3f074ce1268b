"""Every job of our and init's workflow, played: their ``run`` steps as written, on a toy package with a stand-in GPU.

Of the nightly's, those that the matrix does not have.

A play takes half a minute, because it makes each job's environment as a runner does, but that uv stands in for pip. It
is what shows that the steps work together: that a job leaves what the plan expects, and that the last one sees what is
not there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import load
from triton_matrix.ci import jobs
from triton_matrix.init import cli

from . import toy

pytest.importorskip("yaml", reason="needs constraints/check.txt: `nox -s check` has it")
from . import play
from .test_issue import STOPPED

PULL_REQUEST = {
    "event_name": "pull_request",
    "repository": "someone/tiny",
    "ref": "refs/pull/7/merge",
    "token": "t",
    "server_url": "https://github.com",
    "run_id": 7,
    "event": {"pull_request": {"head": {"repo": {"full_name": "someone/tiny"}}, "user": {"type": "User"}}},
}
WORKFLOWS = toy.ROOT / ".github" / "workflows"
INIT = Path(".github") / "workflows" / "triton-matrix.yml"


@pytest.fixture(scope="module")
def played(machines, repository, tmp_path_factory):
    """A pull request of this repository's workflow, every job of it, all well."""
    run = play.Play(WORKFLOWS / "matrix.yml", repository, tmp_path_factory.mktemp("matrix"), machines, PULL_REQUEST)
    run.all()
    return run


def of_a(user="User", repository="someone/tiny"):
    """The event of a pull request by that kind of user, from that repository."""
    head = {"repo": {"full_name": repository}}
    return {**PULL_REQUEST, "event": {"pull_request": {"head": head, "user": {"type": user}}}}


def names_of(run, event="pull_request"):
    """The jobs of a run that are no rows of its table, and every job that the table lists for the event."""
    table = load(run.repository / "constraints" / "cells.toml")
    listed = [job["name"] for job in jobs.select(jobs.jobs(table), event, None)]
    plain = [name for name, job in run.content["jobs"].items() if "strategy" not in job]
    return sorted([*plain, *listed])


def matrix_of(run):
    return json.loads((run.artifacts / "report" / "matrix.json").read_text())


def said(run):
    return "\n".join(f"{name}: {ended.result}\n{ended.said}" for name, ended in run.ended.items())


def is_green(run):
    assert {ended.result for ended in run.ended.values()} == {"success"}, said(run)
    found = matrix_of(run)
    assert found["status"] == 0, found["status_reasons"]
    levels = {
        name: {level: row["verdict"] for level, row in cell["levels"].items()} for name, cell in found["cells"].items()
    }
    assert levels["small"] == {"interpreter": "pass", "device": "pass", "codegen": "pass"}
    assert levels["ambient-3.3.1"]["device"] == "pass"
    assert found["cells"]["ambient-3.3.1"]["levels"]["device"]["platforms"] == ["cuda", "rocm"]
    assert {(row["cell"], row["platform"]) for row in found["bench_runs"]} == {
        ("small", "cuda"),
        ("ambient-3.3.1", "cuda"),
        ("ambient-3.3.1", "rocm"),
    }


def test_a_pull_request_plays_every_job_of_the_matrix_and_is_green(played):
    """Takes half a minute: eight jobs. Three make an environment for nox as a GPU runner does, and three a cell."""
    assert sorted(played.played) == names_of(played)
    is_green(played)


def test_every_job_of_the_workflow_that_init_writes_is_played_and_is_green(adopted, tmp_path):
    """Takes half a minute: it is another workflow, whose jobs install the harness from a wheel."""
    root, runner = adopted
    run = play.Play(root / INIT, root, tmp_path, runner, PULL_REQUEST, {"TRITON_MATRIX_GPU": "true"})
    run.all()
    assert sorted(run.played) == names_of(run)
    is_green(run)


def test_in_a_package_below_its_repositorys_root_the_jobs_run_there_and_the_report_finds_what_they_left(
    adopted, tmp_path
):
    """Takes 10 s: three jobs, each in a clone of its own."""
    of, runner = adopted
    top, left_out = tmp_path / "repository", shutil.ignore_patterns(".git", ".github", "reports", ".nox")
    root = shutil.copytree(of, top / "python" / "tiny", ignore=left_out)
    table = root / "constraints" / "cells.toml"
    table.write_text(re.sub("atlas = .*", "", table.read_text()))
    (top / ".git").mkdir()  # init asks where the repository's root is
    assert cli.main(["--no-lock", "--root", str(root)]) == 0
    (top / ".git").rmdir()
    toy.commit(top)
    workflow = top / ".github" / "workflows" / "triton-matrix-tiny.yml"
    run = play.Play(workflow, top, tmp_path / "run", runner, of_a(repository="fork/tiny"))
    run.all()
    assert run.played == ["plan", "small-interpreter", "report tiny"]
    assert run.ended["report"].result == "success", said(run)
    assert matrix_of(run)["cells"]["small"]["levels"]["interpreter"]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("lost", "ended", "reasons"),
    [
        (
            ["evidence-ambient-device-rocm", "evidence-codegen"],
            {"check": play.Ended("failure")},
            [
                "level device of cell ambient on rocm: nothing says how it ended",
                "codegen of 3.3.1: nothing says how it ended",
                "job check: failure",
            ],
        ),
        (
            ["evidence-ambient-device-rocm/ambient/benchmark.json"],
            {"device": play.Ended("skipped")},
            ["the timings that it left are gone", "job device: skipped"],
        ),
        ([], {"plan": play.Ended("failure"), "hosted": play.Ended("skipped")}, ["job plan: failure"]),
    ],
    ids=["jobs died", "timings were lost, and a job skipped against the plan", "no plan"],
)
def test_the_last_job_is_red_and_names_each_that_did_not_end_well_or_left_nothing(
    played, tmp_path, lost, ended, reasons
):
    run = played.otherwise(tmp_path, **ended)
    for path in (run.artifacts / each for each in lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run.job("report").result == "failure", said(run)
    found = matrix_of(run)["status_reasons"]
    assert [reason for reason in reasons if not any(reason in each for each in found)] == [], found


@pytest.mark.parametrize("workflow", ["matrix.yml", "init"])
@pytest.mark.parametrize(
    ("event", "on_gpus"),
    [
        (of_a(), True),
        (of_a(repository="fork/tiny"), False),
        (of_a(user="Bot"), False),  # as Dependabot's, whose branches are in the repository itself
        ({**PULL_REQUEST, "event_name": "push", "event": {}}, True),
        ({**PULL_REQUEST, "event_name": "workflow_dispatch", "event": {}}, True),
    ],
    ids=["a person", "a fork", "a bot", "a push", "by hand"],
)
def test_gpu_runners_are_planned_for_what_a_person_of_the_repository_asks(workflow, event, on_gpus):
    path = WORKFLOWS / workflow if workflow != "init" else toy.ROOT / "triton_matrix" / "init" / "workflow.yml"
    names = {"github": event, "vars": {"TRITON_MATRIX_GPU": "true"}}
    assert play.planned_on_gpus(path, names) is on_gpus
    if workflow == "init":
        assert play.planned_on_gpus(path, {**names, "vars": {}}) is False


def test_a_forks_pull_request_is_green_without_a_gpu_and_the_report_says_what_was_not_planned(played, tmp_path):
    run = played.otherwise(tmp_path, github=of_a(repository="fork/tiny"))
    for left in run.artifacts.glob("evidence-*-device-*"):
        shutil.rmtree(left)
    assert run.job("plan").outputs["hosted"] == played.ended["plan"].outputs["hosted"]  # so those jobs end as they did
    assert run.job("device").result == "skipped"
    assert run.job("report").result == "success", said(run)
    assert "; not planned: device; exit status 0" in run.ended["report"].said


@pytest.mark.parametrize("workflow", ["matrix.yml", "init"])
def test_pip_itself_installs_what_the_plan_needs(workflow, request, machines, tmp_path):
    root, runner = (
        request.getfixturevalue("adopted") if workflow == "init" else (request.getfixturevalue("repository"), machines)
    )
    hosted = toy.venv(tmp_path / "hosted", env=machines.env)
    path = root / INIT if workflow == "init" else WORKFLOWS / workflow
    run = play.Play(path, root, tmp_path, lambda labels: runner(labels, hosted=[hosted]), PULL_REQUEST)
    assert run.job("plan").result == "success", said(run)
    assert "Successfully installed" in run.ended["plan"].said


def test_the_nightlys_own_jobs_list_its_cells_and_open_the_issue_on_what_is_left(machines, repository, tmp_path):
    """What a listed job does is left out: its steps are the device job's of the matrix (test_workflows.py)."""
    asked = tmp_path / "asked"
    gh = machines.programs / "gh"
    toy.write(machines.programs, {"gh": f'#!/bin/sh\necho "$*" >> {asked}\necho []\n'})
    gh.chmod(0o755)
    event = {**PULL_REQUEST, "event_name": "schedule", "event": {}}
    own = {"plan", "issue"}
    run = play.Play(WORKFLOWS / "nightly.yml", repository, tmp_path / "run", machines, event, only=own.__contains__)
    left = "evidence-night-device-rocm/night/failure.json"  # of a job whose cell could not be made
    toy.write(run.artifacts, {left: json.dumps(STOPPED)})
    run.all()
    assert sorted(run.played) == names_of(run, "schedule")
    assert {ended.result for ended in run.ended.values()} == {"success"}, said(run)
    issue = ["issue list", "label list", "label create", "issue create"]
    assert [" ".join(line.split()[:2]) for line in asked.read_text().splitlines()] == issue, said(run)
    assert "`uv x` ended with status 2: no disk" in run.ended["issue"].said


@pytest.mark.skipif(
    not os.environ.get("TRITON_MATRIX_PLAY"),
    reason="plays the workflow on this checkout itself, with every cell's real torch: hours, and tens of gigabytes. It "
    "shows what the toy cannot, that the real cells go through the real steps; TRITON_MATRIX_PLAY=REGEX names its jobs",
)
def test_the_hosted_jobs_of_the_matrix_are_played_on_this_checkout(environments, tmp_path):
    env = toy.environment(tmp_path / "config")
    programs = toy.venv(tmp_path / "hosted", env=env)
    pattern = os.environ["TRITON_MATRIX_PLAY"]
    usual = [Path(commands.uv()).parent, Path(sys.executable).parent, Path("/usr/bin"), Path("/bin")]
    run = play.Play(
        WORKFLOWS / "matrix.yml",
        toy.ROOT,
        tmp_path,
        lambda labels: ([programs, *usual], env),
        of_a(repository="fork/tiny"),
        only=lambda name: name == "plan" or re.fullmatch(pattern, name) is not None,
    )
    run.all()
    print(said(run))
    assert {name: ended.result for name, ended in run.ended.items() if ended.result == "failure"} == {}, said(run)
