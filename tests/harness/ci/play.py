"""Plays a workflow of GitHub's on this machine: every job's ``run`` steps as written, in order, in a fresh clone.

The few actions that our workflows use are done here: a checkout is a clone, an artifact is a folder that is moved from
job to job, and a Python is set up by putting one on PATH. What is not known is an error: nothing is left out silently.
"""

from __future__ import annotations

import concurrent.futures
import copy
import fnmatch
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import yaml

from . import expressions

LIMIT_S = 600  # of a step


@dataclass
class Ended:
    """How a job ended.

    Attributes:
        result: success, failure, cancelled or skipped.
        outputs: what it hands on.
        said: what its steps printed.
    """

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    said: str = ""


class Play:
    """One run of a workflow.

    Args:
        workflow: the file.
        repository: what is cloned, as it is committed.
        folder: of the run: its clones and artifacts.
        runner: labels of a job's runner -> (folders of its programs, its environment variables).
        github, variables: the contexts ``github`` and ``vars``.
        only: names of jobs to play, as GitHub shows them; the others are skipped and said to have succeeded.
    """

    def __init__(
        self,
        workflow: Path,
        repository: Path,
        folder: Path,
        runner: Callable[[Sequence[str]], tuple[list[Path], dict[str, str]]],
        github: Mapping[str, Any],
        variables: Mapping[str, str] = {},
        only: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self.content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        self.artifacts = folder / "artifacts"
        self.ended: dict[str, Ended] = {}
        self.played: list[str] = []  # names of jobs, as GitHub shows them
        self.repository, self._folder, self._runner, self._only = repository, folder, runner, only
        self._names = {"github": github, "vars": variables}

    def all(self) -> dict[str, Ended]:
        """Play every job after those that it needs, as the file lists them; jobs of one matrix run side by side."""
        for name in self.content["jobs"]:
            self.job(name)
        return self.ended

    def otherwise(self, folder: Path, *, github: Optional[Mapping[str, Any]] = None, **ended: Ended) -> Play:
        """The same run with its artifacts in another folder, of another event, or in which jobs ended otherwise.

        Its jobs keep nox's environments from one such run to the next.
        """
        other = copy.copy(self)
        other._names = {**self._names, **({"github": github} if github else {})}
        other.artifacts, other._folder, other.played = folder / "artifacts", folder, []
        kept = {"KEPT_ENVIRONMENTS": str(self._folder / "kept")}
        other._runner = lambda labels: (self._runner(labels)[0], {**self._runner(labels)[1], **kept})
        shutil.copytree(self.artifacts, other.artifacts)
        other.ended = {**self.ended, **ended}
        return other

    def job(self, name: str) -> Ended:
        """Play one job with what it needs as it ended."""
        job = self.content["jobs"][name]
        needed = job.get("needs", [])
        needs = {each: self.ended[each] for each in ([needed] if isinstance(needed, str) else needed)}
        names = {
            **self._names,
            "needs": {key: {"result": one.result, "outputs": one.outputs} for key, one in needs.items()},
            "success": lambda: all(one.result == "success" for one in needs.values()),
            "failure": lambda: any(one.result == "failure" for one in needs.values()),
            "cancelled": lambda: False,
        }
        if not expressions.condition(job.get("if"), names):
            self.ended[name] = Ended("skipped")
            return self.ended[name]
        matrix = expressions.text(job.get("strategy", {}).get("matrix"), names)
        rows = matrix["include"] if matrix else [None]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            ended = list(pool.map(lambda row: self._one(name, job, {**names, "matrix": row}), rows))
        worst = "failure" if any(one.result == "failure" for one in ended) else "success"
        result = "success" if job.get("continue-on-error") else worst
        self.ended[name] = Ended(result, ended[-1].outputs, "\n".join(one.said for one in ended))
        return self.ended[name]

    def _one(self, name: str, job: Mapping[str, Any], names: dict[str, Any]) -> Ended:
        shown = str(expressions.text(job.get("name", name), names))
        self.played.append(shown)
        if not self._only(shown):
            return Ended("success")
        steps = _Steps(self, shown, job, names)
        return steps.play(expressions.text(job["runs-on"], names))


class _Steps:
    """The steps of one job on a runner of its own."""

    def __init__(self, play: Play, name: str, job: Mapping[str, Any], names: dict[str, Any]) -> None:
        self._play, self._job = play, job
        self._home = play._folder / "jobs" / name
        self._workspace = self._home / "workspace"
        self._result, self._said = "success", []
        self._outputs: dict[str, dict[str, Any]] = {}
        shutil.rmtree(self._home, ignore_errors=True)
        self._workspace.mkdir(parents=True)
        self._names = {**names, "steps": self._outputs, "runner": {"temp": str(self._home / "temp")}}
        self._names |= {"success": lambda: self._result == "success", "failure": lambda: self._result == "failure"}

    def play(self, runs_on: Any) -> Ended:
        labels = [runs_on] if isinstance(runs_on, str) else list(runs_on)
        self._path, self._env = self._play._runner(labels)
        (self._home / "temp").mkdir()
        for step in self._job["steps"]:
            if expressions.condition(step.get("if"), self._names):
                try:
                    self._uses(step) if "uses" in step else self._run(step)
                except subprocess.CalledProcessError as error:
                    self._said.append(f"exit status {error.returncode}: {step.get('name') or step.get('run')}")
                    self._result = "failure"
        outputs = {key: expressions.text(value, self._names) for key, value in self._job.get("outputs", {}).items()}
        said = {key: expressions.as_text(value) for key, value in outputs.items()}
        return Ended(self._result, said, "\n".join(self._said))

    def _uses(self, step: Mapping[str, Any]) -> None:
        given = {key: expressions.text(value, self._names) for key, value in step.get("with", {}).items()}
        action = step["uses"].partition("@")[0]
        ACTIONS[action](self, given)

    def _run(self, step: Mapping[str, Any]) -> None:
        told = {name: self._home / "temp" / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_PATH")}
        for path in told.values():
            path.write_text("")
        env = {**self._env, "PATH": os.pathsep.join(map(str, self._path)), "CI": "true", "GITHUB_ACTIONS": "true"}
        env |= {"RUNNER_TEMP": str(self._home / "temp"), "GITHUB_STEP_SUMMARY": str(self._home / "summary.md")}
        env["TMPDIR"] = env["RUNNER_TEMP"]  # has a GPU's lock, and another runner's GPU is another one
        env |= {name: str(path) for name, path in told.items()}
        env |= {key: expressions.as_text(expressions.text(value, self._names)) for key, value in _env(step).items()}
        script = self._home / "temp" / "step.sh"
        script.write_text(str(expressions.text(step["run"], self._names)))
        settings = {**self._play.content.get("defaults", {}), **self._job.get("defaults", {})}
        folder = settings.get("run", {}).get("working-directory", ".")
        done = subprocess.run(
            ["bash", "-e", str(script)],
            cwd=self._workspace / folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
        self._said.append(done.stdout)
        lines = told["GITHUB_OUTPUT"].read_text().splitlines()
        pairs = {line.partition("=")[0]: line.partition("=")[2] for line in lines}
        self._outputs[step.get("id", "")] = {"outputs": pairs}
        self._path = [*map(Path, reversed(told["GITHUB_PATH"].read_text().split())), *self._path]
        done.check_returncode()

    def checkout(self, given: Mapping[str, Any]) -> None:
        clone = ["git", "clone", "--quiet", "--no-hardlinks", str(self._play.repository), str(self._workspace)]
        subprocess.run(clone, check=True)

    def set_up_python(self, given: Mapping[str, Any]) -> None:
        """Nothing: the runner has one on PATH, and uv finds the others."""

    def upload(self, given: Mapping[str, Any]) -> None:
        source, target = self._workspace / given["path"], self._play.artifacts / given["name"]
        there = source.is_dir() and any(path for path in source.iterdir() if not path.name.startswith("."))
        if not there and given.get("if-no-files-found") == "error":
            raise subprocess.CalledProcessError(1, f"upload {given['path']}")
        if target.exists() and not given.get("overwrite"):
            raise subprocess.CalledProcessError(1, f"upload {given['name']}: an artifact of that name is there")
        if there:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))  # hidden files are left out

    def download(self, given: Mapping[str, Any]) -> None:
        for artifact in sorted(self._play.artifacts.glob("*")):
            if fnmatch.fnmatch(artifact.name, given["pattern"]):
                shutil.copytree(artifact, self._workspace / given["path"] / artifact.name)


def _env(step: Mapping[str, Any]) -> Mapping[str, Any]:
    return step.get("env", {})


ACTIONS: dict[str, Callable[[_Steps, Mapping[str, Any]], None]] = {
    "actions/checkout": _Steps.checkout,
    "actions/setup-python": _Steps.set_up_python,
    "actions/upload-artifact": _Steps.upload,
    "actions/download-artifact": _Steps.download,
}


def planned_on_gpus(workflow: Path, names: Mapping[str, Any]) -> bool:
    """Whether a workflow's plan lists the jobs of GPU runners in these contexts."""
    steps = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]["plan"]["steps"]
    (said,) = (step["env"]["ON_GPUS"] for step in steps if "ON_GPUS" in step.get("env", {}))
    return bool(expressions.text(said, {**names, "success": lambda: True}))
