"""A tiny package whose real sessions are driven into faults: stand-ins for torch and Triton, and an index on loopback.

``TRITON_MATRIX_FAULTS_SEED`` repeats the moments of an earlier run.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from driver import TRITON, Checkout, Index, standins

from triton_matrix.base import commands

SEED = int(os.environ.get("TRITON_MATRIX_FAULTS_SEED") or random.SystemRandom().randrange(1 << 32))
FROM_HERE = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers")
FROM_HERE += ("pytest-timeout", "pytest-benchmark", "py-cpuinfo2", "setuptools", "pip")


def pytest_report_header() -> str:
    return f"faults: TRITON_MATRIX_FAULTS_SEED={SEED} repeats these moments"


@pytest.fixture(scope="session")
def seed():
    return SEED


@pytest.fixture(scope="session")
def other_torch(tmp_path_factory):
    """A folder with another build of the pinned torch."""
    folder = tmp_path_factory.mktemp("mine")
    standins.write_wheel(folder, "torch", "2.7.1+mine", [], standins.torch_that_sees_a_gpu("2.7.1+mine"))
    return folder


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    """The only index there is: stand-ins, and what running suites needs, as it is installed here."""
    folder = tmp_path_factory.mktemp("index")
    wheels = [standins.write_wheel(folder / "wheels", "torch", "2.7.1", [], standins.torch_that_sees_a_gpu("2.7.1"))]
    wheels += [standins.write_wheel(folder / "wheels", "triton", TRITON, [], standins.TRITON)]
    wheels += [standins.wheel_of_installed(name, folder / "wheels") for name in FROM_HERE]
    served = Index(standins.write_index(folder / "simple", wheels))
    yield served
    served.stop()


@pytest.fixture(scope="session")
def healthy(index, tmp_path_factory):
    """The checkout, locked, provided and green once. Tests work on copies; none changes this one."""
    if commands.find_uv() is None:
        pytest.skip("needs uv; `pip install uv` adds it")
    checkout = Checkout(tmp_path_factory.mktemp("healthy") / "checkout", index)
    checkout.write()
    done = checkout.verb("lock", "small")
    assert done.returncode == 0, done.stdout
    done = checkout.nox()
    assert done.returncode == 0, done.stdout
    assert checkout.is_green()
    return checkout


@pytest.fixture
def checkout(healthy, index, tmp_path):
    """A copy of the green checkout whose package was edited since: what it has is an older result, and no pass."""
    shutil.copytree(healthy.root, tmp_path / "checkout", symlinks=True, ignore=shutil.ignore_patterns(".nox"))
    copy = Checkout(tmp_path / "checkout", index, cache=healthy.cache)
    copy.edit()
    yield copy
    index.up()
    copy.end()
