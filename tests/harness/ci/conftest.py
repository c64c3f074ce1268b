"""What the played workflows share: the runners, the index, and the toy package that they work on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import commands

from . import toy

# pip takes 2 s of CPU to install nox and uv, and as long to install itself where `python3 -m venv` makes it; some 30
# jobs do so. uv takes the same words. test_pip_itself_installs_what_the_plan_needs has the real one.
PIP = """import os, sys
links = [f"--find-links={{os.environ['PIP_FIND_LINKS']}}"] if "PIP_FIND_LINKS" in os.environ else []
os.execv("{uv}", ["uv", "pip", *sys.argv[1:], *links, "--python", sys.executable])
"""
PYTHON3 = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    "{uv}" venv --quiet --python "{python}" "$3"
    exec cp "{pip}" "$3"/lib/python*/site-packages/
fi
exec "{python}" "$@"
"""
IMAGE = ("pytest", "pytest-timeout", "pytest-benchmark", "hypothesis", f"triton=={toy.TRITON}", "numpy<2.4")


@pytest.fixture(scope="session")
def machines(environments, standins, tmp_path_factory):
    """The runners: labels of a job's runner -> (folders of its programs, its environment).

    A hosted runner's programs may be in other folders, ``hosted``.
    """
    if commands.find_uv() is None:
        pytest.skip("needs uv; `pip install uv` adds it")
    folder = tmp_path_factory.mktemp("machines")
    toy.write_index(folder / "index")
    with standins.serving(folder / "index") as (address, _):
        config = folder / "config"
        (config / "uv").mkdir(parents=True)
        (config / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{address}/pypi"\n')
        env = toy.environment(config)
        (folder / "bin").mkdir()
        on_path = [folder / "bin", Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
        try:
            pip = PIP.format(uv=commands.uv())
            hosted = toy.venv(folder / "hosted", env=env, pip=pip)
            (torch,) = (folder / "index" / "wheels").glob("torch-*.whl")
            image = toy.venv(folder / "image", *IMAGE, str(torch), env=env)
        except subprocess.CalledProcessError as problem:
            pytest.skip(f"needs a package index: {problem}")

        toy.write(folder, {"pip.py": pip})
        for name, programs in {"of-hosted": hosted, "of-image": image}.items():
            python3 = PYTHON3.format(uv=commands.uv(), python=programs / "python3", pip=folder / "pip.py")
            toy.write(folder, {f"{name}/python3": python3})
            (folder / name / "python3").chmod(0o755)

        def runner(labels, hosted=(folder / "of-hosted", hosted)):
            platform = next((name for name in ("cuda", "rocm") if name in labels), None)
            if platform is None:
                return [*hosted, *on_path], env
            return [folder / "of-image", image, *on_path], {**env, "STAND_IN_GPU": platform}

        runner.env, runner.programs = env, folder / "bin"
        yield runner


@pytest.fixture(scope="session")
def repository(machines, tmp_path_factory):
    """The toy package under this repository's workflows, committed."""
    root = tmp_path_factory.mktemp("tiny") / "repository"
    toy.under_matrix_workflow(root, toy.TABLE)
    toy.lock(root, machines.env)
    toy.commit(root)
    return root


@pytest.fixture(scope="session")
def adopted(machines, tmp_path_factory):
    """The toy package with what ``init`` writes, committed; its runners get the harness from a folder of wheels."""
    folder = tmp_path_factory.mktemp("adopted")
    build = [commands.uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder / "wheels")]
    subprocess.run([*build, str(toy.ROOT / "triton_matrix")], env=machines.env, check=True)
    root = folder / "repository"
    toy.write(root, {name: text for name, text in toy.FILES.items() if name != "tests/conftest.py"})
    init = [sys.executable, "-m", "triton_matrix", "init", "--no-lock", "--root", str(root)]
    subprocess.run(init, env={**machines.env, "PYTHONPATH": str(toy.ROOT)}, check=True, stdout=subprocess.DEVNULL)
    (root / "constraints" / "cells.toml").write_text(toy.TABLE)
    toy.lock(root, machines.env)
    toy.commit(root)

    def runner(labels, **of_machines):
        path, env = machines(labels, **of_machines)
        return path, {**env, "PIP_FIND_LINKS": str(folder / "wheels")}

    return root, runner
