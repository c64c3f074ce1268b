"""A vendor's image: its own torch and Triton are tested where they lie, and nothing is installed into it."""

import json
import shutil
import subprocess
import sys

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root
from triton_matrix.environments import interpreters

TABLE = """
[package]
kernels = false

[cell.ambient]
platforms = ["cuda", "rocm"]
why = "whatever torch and Triton the running Python has"
"""
SUITE = """
import torch

def test_the_images_own_torch_runs():
    assert torch.__version__ == "2.10.0a0+vendor"
"""

UV = commands.find_uv()  # before a test narrows PATH

pytestmark = pytest.mark.skipif(UV is None, reason="needs uv; `pip install uv` adds it")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    root, here = tmp_path_factory.mktemp("checkout"), find_root()
    for name in ("liger_kernel", "triton_matrix", "constraints", "noxfile.py", "build_helpers.py", "pyproject.toml"):
        copy = shutil.copytree if (here / name).is_dir() else shutil.copy2
        copy(here / name, root / name)
    (root / "constraints" / "cells.toml").write_text(TABLE)
    (root / "tests" / "correctness").mkdir(parents=True)
    shutil.copy2(here / "tests" / "conftest.py", root / "tests" / "conftest.py")
    (root / "tests" / "correctness" / "test_small.py").write_text(SUITE)
    return root


@pytest.fixture
def image(tmp_path, standins, monkeypatch, venv):
    """The folder of programs of an image that has a vendor's torch and Triton, pytest, and no pip."""
    torch = standins.torch_files(__version__="2.10.0a0+vendor", cuda="13.0")
    torch["torch/__init__.py"] += "from . import version\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
    wheels = [standins.write_wheel(tmp_path, "torch", "2.10.0a0+vendor", [], torch)]
    wheels += [standins.write_wheel(tmp_path, "triton", "3.99.0+vendor", [], standins.TRITON)]
    for name in ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers"):
        wheels.append(standins.wheel_of_installed(name, tmp_path))
    folder = tmp_path / "image"
    venv(folder)
    install = [UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(folder)]
    commands.run([*install, *map(str, wheels)])
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    return folder / "bin"


def holds(image):
    """Every file of the image but what Python caches, and when it was last written."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in image.parent.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


WAYS = {
    "with nox": [sys.executable, "-m", "nox", "--no-venv", "--no-install", "-s", "tests-ambient"],
    "without nox": ["python", "-m", "triton_matrix", "run", "--cell", "ambient"],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_images_own_python_runs_the_suites_and_stays_as_it_was(checkout, image, way):
    before = holds(image)
    shutil.rmtree(checkout / "reports", ignore_errors=True)
    done = subprocess.run(WAYS[way], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert holds(image) == before
    assert not (checkout / ".nox").exists()
    found = json.loads((checkout / "reports" / "ambient" / "environment.json").read_text())
    assert (found["torch"]["version"], found["triton"]["distribution"]) == ("2.10.0a0+vendor", "triton")
    assert found["package"]["origin"] == "tree"
    assert (checkout / "reports" / "ambient" / "junit-interpreter.xml").is_file()


@pytest.mark.parametrize("way", WAYS)
def test_without_pytest_one_sentence_says_what_to_add(checkout, image, way):
    commands.run([UV, "pip", "uninstall", "--quiet", "--python", str(image / "python"), "pytest"])
    before = holds(image)
    done = subprocess.run(WAYS[way], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = [line for line in (done.stdout + done.stderr).splitlines() if "cell ambient" in line]
    sentence = {
        "with nox": "cell ambient installs nothing, and its Python lacks pytest",
        "without nox": f"cell ambient needs pytest in {image / 'python'}; add it there",
    }[way]
    assert len(said) == 1
    assert sentence in said[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert holds(image) == before


def test_an_older_python_without_pytest_gets_one_sentence_too(checkout):
    older = next(filter(None, map(interpreters.find_python, ("3.10", "3.9"))), None)
    if older is None:
        pytest.skip("needs a Python 3.9 or 3.10 (`uv python install 3.10`)")
    bare = subprocess.run([older, "-c", "import tomli"], capture_output=True, check=False).returncode != 0
    if not bare:
        pytest.skip(f"needs an older Python without tomli, and {older} has it")
    command = [older, "-m", "triton_matrix", "run", "--cell", "ambient"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "needs tomli in" in done.stderr
    assert "install pytest there" in done.stderr


def test_level_device_without_a_gpu_is_an_error_not_a_pass(checkout, image):
    command = [*WAYS["without nox"], "--level", "device"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "sees no GPU" in done.stderr
