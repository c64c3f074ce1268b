"""What the played workflows share: the runners, the index, and the toy package that they work on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import commands

from . import toy

IMAGE = ("pytest", "pytest-timeout", "pytest-benchmark", "hypothesis", f"triton=={toy.TRITON}", "numpy<2.4")


@pytest.fixture(scope="session")
def machines(standins, tmp_path_factory):
    """The runners: labels of a job's runner -> (folders of its programs, its environment); and the index's address."""
    if commands.find_uv() is None:
        pytest.skip("needs uv; `pip install uv` adds it")
    folder = tmp_path_factory.mktemp("machines")
    toy.write_index(standins, folder / "index")
    with standins.serving(folder / "index") as (address, _):
        config = folder / "config"
        (config / "uv").mkdir(parents=True)
        (config / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{address}/pypi"\n')
        env = toy.environment(config)
        (folder / "bin").mkdir()
        on_path = [folder / "bin", Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
        try:
            hosted = toy.venv(folder / "hosted", env=env)
            images = {}
            for platform, says in {"cuda": {"cuda": "12.6"}, "rocm": {"hip": "7.0"}}.items():
                wheel = toy.torch_wheel(standins, folder / platform, toy.TORCH, **says)
                images[platform] = toy.venv(folder / f"image-{platform}", *IMAGE, str(wheel), env=env)
        except subprocess.CalledProcessError as problem:
            pytest.skip(f"needs a package index: {problem}")

        def runner(labels):
            platform = next((name for name in images if name in labels), None)
            own = images[platform] if platform else hosted
            return [own, *on_path], {**env, **({"STANDIN_GPU": "1"} if platform else {})}

        runner.address, runner.env, runner.programs = address, env, folder / "bin"
        yield runner


@pytest.fixture(scope="session")
def repository(machines, tmp_path_factory):
    """The toy package under this repository's workflows, committed."""
    root = tmp_path_factory.mktemp("tiny") / "repository"
    toy.under_matrix_workflow(root, toy.TABLE.replace("ADDRESS", machines.address))
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
    (root / "constraints" / "cells.toml").write_text(toy.TABLE.replace("ADDRESS", machines.address))
    toy.lock(root, machines.env)
    toy.commit(root)

    def runner(labels):
        path, env = machines(labels)
        return path, {**env, "PIP_FIND_LINKS": str(folder / "wheels")}

    return root, runner
