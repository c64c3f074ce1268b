"""``nox -s bench -- --launches DIR``: the session, as a user starts it, with the GPU that stands in and without one."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

import triton_matrix

from .gpu import CELLS, COPY, Machine, write

HERE = Path(triton_matrix.__file__).resolve().parents[1]
NOXFILE = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from triton_matrix import sessions
sessions.from_table(__file__)
"""


@pytest.fixture
def machine(venv, tmp_path):
    """A repository with launches and no bench suite, and a Python with nox and the stand-ins."""
    made = Machine(tmp_path)
    write(made.root / "noxfile.py", NOXFILE)
    made.kernels(COPY)
    made.launch("copy")
    python = venv(tmp_path / "python")
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = [tmp_path / "torch211", made.older, sysconfig.get_path("purelib")]
    write(Path(found.stdout.strip()) / "standins.pth", "\n".join(map(str, imported)) + "\n")
    return made


def nox(machine, *arguments, **more):
    dropped = ("TRITON_", "PYTEST", "NOX", "VIRTUAL_ENV", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    env["PATH"] = os.pathsep.join([str(machine.folder / "python" / "bin"), env["PATH"]])
    command = ["python", "-m", "nox", *arguments]
    return subprocess.run(command, cwd=machine.root, env={**env, **more}, capture_output=True, text=True, check=False)


def test_the_session_runs_the_launches_on_the_gpu_that_is_there(machine):
    done = nox(machine, "-s", "bench", "--", "--launches", "launches", STAND_IN_UUID=machine.uuid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 launch on triton 3.6.0: 1 of 1 ran" in done.stdout
    content = json.loads((machine.evidence / "3.6.0.json").read_text())
    assert [each["status"] for each in content["entries"]] == ["ok"]


def test_without_a_gpu_the_session_fails_and_says_so_in_one_sentence(machine):
    done = nox(machine, "-s", "bench", "--", "--launches", "launches")
    assert done.returncode == 1, done.stdout + done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("nox > ")]
    assert said == ["bench: level is 'device', and torch sees no GPU here"]
    assert not (machine.evidence / "run-device.json").exists()


def test_a_package_whose_launches_are_only_compiled_has_no_session_for_them(machine):
    table = machine.root / "constraints" / "cells.toml"
    listed = nox(machine, "-l").stdout
    assert "bench-ambient" in listed
    assert "values-cells" in listed
    write(table, CELLS.replace('name = "toy"', 'name = "toy"\nvalues = false'))
    listed = nox(machine, "-l").stdout
    assert "bench-ambient" not in listed
    assert "values-cells" not in listed
    assert "codegen-cells" in listed
