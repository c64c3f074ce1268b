"""A cell that is quick to gather into a wheelhouse: its torch and Triton are stand-ins, all else is real."""

import contextlib
import hashlib
import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root
from triton_matrix.environments import builds, lock, provide, wheelhouse

SOURCES = ("pyproject.toml", "build_helpers.py", "MANIFEST.in", "README.md", "LICENSE", "liger_kernel")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
PINS = ("torch==2.15.0+standin", "triton==2.15.0+standin", "pytest", "hypothesis")
TABLE = f"""
[package]
platform = "build_helpers.py"
kernels = false

[cell.small]
python = "{HERE}"
torch = "2.15.0"
triton = "2.15.0"
platforms = ["cuda"]
why = "quick to gather: its torch and Triton are stand-ins, all else is real"

[cell.other]
platforms = ["cuda"]
why = "not this one"
"""
SUITE = """
import importlib.metadata
import torch

def test_the_installed_stand_in_is_what_runs():
    assert torch.__version__ == "2.15.0+standin"
    assert importlib.metadata.version("liger-kernel")
"""
SETTINGS = (*builds.UV_SETTINGS, *builds.PIP_SETTINGS)
PROFILER = random.Random(7).randbytes(2 << 20)  # as large as what slimming is worth; not compressible


@pytest.fixture(scope="session")
def checkout(tmp_path_factory, standins):
    """A checkout of this project whose one cell is small, and the stand-ins that its pins name."""
    root, here = tmp_path_factory.mktemp("checkout"), find_root()
    for name in (*SOURCES, "noxfile.py", "constraints", "triton_matrix"):
        copy = shutil.copytree if (here / name).is_dir() else shutil.copy2
        if (here / name).exists():
            copy(here / name, root / name)
    (root / "constraints" / "cells.toml").write_text(TABLE)
    (root / "tests" / "correctness").mkdir(parents=True)
    shutil.copy2(here / "tests" / "conftest.py", root / "tests" / "conftest.py")
    (root / "tests" / "correctness" / "test_small.py").write_text(SUITE)
    torch = standins.torch_files(__version__="2.15.0+standin", cuda="13.2")
    torch["torch/__init__.py"] += "from . import version\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
    triton = {**standins.TRITON, "triton/profiler/proton.so": PROFILER}
    standins.write_wheel(root / "standins", "torch", "2.15.0+standin", [], torch)
    standins.write_wheel(root / "standins", "triton", "2.15.0+standin", [], triton)
    return root


@pytest.fixture(scope="session")
def gathered(checkout, tmp_path_factory, environments):
    """The small cell, gathered slim and in pieces. Reaches the package index, as a connected machine does."""
    folder = tmp_path_factory.mktemp("house") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_FIND_LINKS", str(checkout / "standins"))
        patch.setenv("PIP_FIND_LINKS", str(checkout / "standins"))
        pins = checkout / "constraints" / "small.txt"
        lock = ["pip", "compile", "--quiet", "--no-header", "--generate-hashes", "-", "-o", str(pins)]
        commands.run([commands.uv(), *lock, "--python-version", HERE], stdin="\n".join(PINS))
        text = pins.read_text()
        for wheel in (checkout / "standins").iterdir():  # uv does not read a folder's wheels for their hashes
            name, version = wheel.name.split("-")[:2]
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            text = text.replace(f"{name}=={version}\n", f"{name}=={version} --hash=sha256:{digest}\n")
        pins.write_text(text)
        options = ["--platform", "xpu", "--slim", "--split", "1MiB", "--root", str(checkout)]
        assert wheelhouse.main(["small", str(folder), *options]) == 0
    return folder


@pytest.fixture
def house(gathered, tmp_path):
    """A copy that a test may spoil, carried as it was gathered."""
    return Path(shutil.copytree(gathered, tmp_path / "carried"))


@pytest.fixture(scope="session")
def linked_tools(standins, tmp_path_factory):
    """Link the wheels of setuptools and pip, made once, into a folder; gives their paths there."""
    folder = tmp_path_factory.mktemp("tools")
    made = [standins.wheel_of_installed(name, folder) for name in ("setuptools", "pip")]

    def link(into):
        for wheel in made:
            os.link(wheel, into / wheel.name)
        return [into / wheel.name for wheel in made]

    return link


@pytest.fixture
def world(tmp_path, standins, monkeypatch, venv, linked_tools):
    """A checkout with one cell, and the default index that it is locked from, on loopback."""
    with World(tmp_path, standins, monkeypatch, venv, linked_tools) as made:
        yield made


class World(contextlib.ExitStack):
    """The fixture :func:`world`, in any folder."""

    def __init__(self, folder, standins, monkeypatch, venv, linked_tools):
        super().__init__()
        self.folder, self.index, self.root = folder, folder / "index", folder / "checkout"
        self.pins, self.python = self.root / "constraints" / "small.txt", folder / "environment" / "bin" / "python"
        self._venv = venv
        wheels = folder / "wheels"
        names = {"torch": "2.7.1", "triton": "3.3.1", "numpy": "1.26.4", "pytest": "9.0", "pytest-timeout": "2.4"}
        made = [standins.write_wheel(wheels, name, version) for name, version in names.items()]
        standins.write_index(self.index, [*made, *linked_tools(wheels)])
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
        own = '[package]\nname = "tiny"\ntest = []\n'
        table = standins.TABLE.replace('[package]\nname = "tiny"\n', own)
        standins.write_checkout(self.root, table.replace("requires = []", 'requires = ["numpy<2"]'))
        self.address, self.asked = self.enter_context(standins.serving(self.index))
        standins.write_uv_config(folder / "config", self.address)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        monkeypatch.setenv("UV_CACHE_DIR", str(folder / "cache"))

    def lock(self):
        return lock.main(["small", "--root", str(self.root)])

    def provide(self):
        if not self.python.exists():
            self._venv(self.python.parents[1])
        return provide.main(["--cell", "small", "--root", str(self.root), "--python", str(self.python)])

    def installed(self):
        listed = [commands.uv(), "pip", "list", "--quiet", "--format", "freeze", "--python", str(self.python)]
        return commands.run(listed).splitlines()
