"""A tiny checkout with stand-ins for torch and Triton, in which the verbs `run`, `provide` and `report` are driven.

The stand-ins hold only what the recording asks of an import: what is under test is the run, not torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from triton_matrix import __main__ as verbs
from triton_matrix.base.cells import find_root

from .. import forks, light_pytest, standins

ROOT = find_root()
TABLE = """
[package]
name = "tiny"
kernels = false

[cell.small]
platforms = ["cuda"]
why = "a test"
gaps = [{ level = "interpreter", feature = "bfloat16", reason = "no such type there" }]

[cell.pinned]
python = "3.11"
torch = "9.9.9"
triton = "8.8.8"
platforms = ["cuda"]
why = "a cell that has to be provided"
"""
SUITE = """
import pytest

def test_what_it_runs_on(cell, level, device):
    assert cell.name in ("small", "pinned")
    assert (level, device) in (("interpreter", "cpu"), ("device", "cuda"))

@pytest.mark.device("offsets beyond 2^31")
def test_on_a_gpu():
    import torch

    assert torch.cuda.is_available()

@pytest.mark.needs("bfloat16")
def test_of_a_gap():
    pass
"""
PYPROJECT = """
[build-system]
requires = ["setuptools>=69"]
build-backend = "setuptools.build_meta"

[project]
name = "tiny"
version = "0.1.0"

[tool.setuptools]
packages = ["tiny"]
"""
INI = "[pytest]\naddopts = --import-mode=importlib\njunit_family = xunit1\n"
TORCH = """
import os
__version__ = '9.9.9+none'
class version: cuda = None; hip = None
class _Properties: name = "a stand-in GPU"; major = 9; minor = 0; multi_processor_count = 1; total_memory = 1
class cuda:
    is_available = staticmethod(lambda: os.environ.get("STAND_IN_GPU") == "1")
    device_count = staticmethod(lambda: 1)
    get_device_properties = staticmethod(lambda index: _Properties)
"""


class Checkout:
    """The checkout at ``root``; a verb is called as a session calls it, in a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.python = root, sys.executable
        self.suite = root / "tests" / "correctness"
        self.reports = root / "reports"
        self.environ = {}

    def env(self, **more):
        path = os.pathsep.join([str(ROOT), str(self.root / "modules"), *([more.pop("path")] if "path" in more else [])])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRITON_MATRIX", "PYTEST"))}
        fixed = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **light_pytest.WITHOUT}
        return {**kept, **fixed, **self.environ, **more}

    def verb(self, name, *arguments, python=None, **env):
        argv, env = [name, "--root", str(self.root), *map(str, arguments)], self.env(**env)
        return forks.run(argv, self.root / "tests", env, python or sys.executable)

    def run(self, *arguments, cell="small", **env):
        return self.verb("run", "--cell", cell, *arguments, **env)

    def report(self, *arguments, **env):
        """The exit status, the matrix and what was printed; in a process of its own where variables are given."""
        if env:
            done = self.verb("report", *arguments, **env)
            assert "Traceback" not in done.stderr, done.stderr
            status, said = done.returncode, done.stdout + done.stderr
        else:
            status, said = self._reported(arguments)
        written = self.reports / "matrix.json"
        return status, json.loads(written.read_text()) if written.is_file() else {}, said

    def _reported(self, arguments):
        """The same in this process: most tests ask for several reports, and starting one takes longer than it does."""
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name in set(os.environ) - set(self.env()):
                patch.delenv(name)
            patch.chdir(self.root / "tests")
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                status = verbs.main(["report", "--root", str(self.root), *map(str, arguments)])
        return status, printed.getvalue()

    def verdict(self, *arguments, cell="small"):
        """The exit status and the cell's verdict."""
        status, matrix, _ = self.report(*arguments)
        return status, matrix["cells"][cell]["verdict"]

    def write(self, name, text):
        (self.suite / name).write_text(text)

    def evidence(self, name, cell="small"):
        return self.reports / cell / name


@pytest.fixture
def pinned(tmp_path, standins):
    """Stand-in wheels of the cell ``pinned``, as the folder that uv takes them from, and the pins of them."""
    folder, pins = tmp_path / "wheels", []
    torch = {**standins.torch_files(__version__="9.9.9"), "torch/__init__.py": TORCH + "__version__ = '9.9.9'\n"}
    contents = {"torch": torch, "triton": standins.TRITON}
    for name, version in (("torch", "9.9.9"), ("triton", "8.8.8")):
        wheel = standins.write_wheel(folder, name, version, [], contents[name])
        pins.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    links = [str(folder), *filter(None, [os.environ.get("UV_FIND_LINKS")])]
    return {"UV_FIND_LINKS": ",".join(links)}, "".join(pins)


def write_checkout(root):
    for folder in ("constraints", "tests/correctness", "modules/torch", "modules/triton", "tiny"):
        (root / folder).mkdir(parents=True)
    (root / "constraints" / "cells.toml").write_text(TABLE)
    (root / "pyproject.toml").write_text(standins.PYPROJECT.partition("[tool.pytest")[0])  # pytest.ini has those
    (root / "backend.py").write_text(standins.BACKEND)
    (root / "tiny" / "__init__.py").write_text("ANSWER = 42\n")
    (root / "tests" / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (root / "tests" / "correctness" / "test_small.py").write_text(SUITE)
    (root / "pytest.ini").write_text(INI)
    (root / "modules" / "torch" / "__init__.py").write_text(TORCH)
    (root / "modules" / "triton" / "__init__.py").write_text("__version__ = '8.8.8'\n")
    return Checkout(root)


@pytest.fixture
def checkout(tmp_path):
    return write_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """A checkout with three more tests, after a run that was green."""
    checkout = write_checkout(tmp_path_factory.mktemp("healthy") / "checkout")
    checkout.write("test_a.py", "def test_one(): pass\ndef test_two(): pass\ndef test_three(): pass\n")
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture
def green(healthy, tmp_path):
    """A copy of it that a test may spoil; green itself, or that test would prove nothing."""
    checkout = Checkout(shutil.copytree(healthy.root, tmp_path / "checkout"))
    assert checkout.verdict() == (0, "pass")
    return checkout


@pytest.fixture
def provided(checkout, tmp_path, pinned, venv):
    """The cell ``pinned`` with a real wheel of the checkout in an environment of its own; gives the environment."""
    shutil.rmtree(checkout.root / "modules")  # this cell has its torch and Triton from its wheels
    settings, pins = pinned
    checkout.environ.update(settings)
    (checkout.root / "constraints" / "pinned.txt").write_text(pins)
    site = Path(pytest.__file__).parents[1]
    python = venv(tmp_path / "environment")
    done = checkout.verb("provide", "--cell", "pinned", "--python", python)
    if "cannot be downloaded" in done.stdout + done.stderr + str(list(checkout.reports.rglob("unavailable.json"))):
        pytest.skip("needs setuptools from an index, or in uv's cache")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"python": python, "path": str(site)}
