"""What several rooms' tests share: stand-ins, and environments with one Triton each, kept beside the checkout's own."""

import contextlib
import functools
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import cells, commands
from triton_matrix.environments import stamped

from . import forks, guard, light_pytest, parted

ROOT = Path(__file__).parents[2]
ENVS = Path(os.environ.get("TRITON_MATRIX_ENVS", ROOT / ".nox" / "codegen"))
guard.watch(ENVS)


def pytest_configure(config):
    config.addinivalue_line("markers", "environment: uses the fixture `environments`, itself or through another one")
    config.pluginmanager.register(parted)  # for the other folders too


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items):
    """A test is marked by what it uses, so that no list of names says where it runs."""
    for item in items:
        if "environments" in getattr(item, "fixturenames", ()):
            item.add_marker("environment")
    parted.check(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Refuse an environment to a test that does not ask for the fixture `environments`: it belongs to `check`."""
    guard.REFUSED = item.get_closest_marker("environment") is None
    try:
        return (yield)
    finally:
        guard.REFUSED = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if guard.REFUSED and "tmp_path" in item.funcargs:
        guard.check(item.funcargs["tmp_path"])
    return result


@pytest.fixture(scope="session", autouse=True)
def _interrupts_are_heard():
    """A shell's background job has SIGINT ignored, and so have its children: what tests interrupt must hear it."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _pytests_are_light():
    """Once this process has its own plugins, and for all that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in light_pytest.WITHOUT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def environments():
    """Asked for by whatever needs an environment beside this Python's, or starts programs for many seconds."""


@pytest.fixture(scope="session")
def standins():
    """The module standins.py: wheels and an index that stand in for the real ones."""
    spec = importlib.util.spec_from_file_location("standins", Path(__file__).with_name("standins.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def venv(environments):
    """Make an empty environment in a folder; gives its Python. Skips where there is no uv."""
    if commands.find_uv() is None:
        pytest.skip("needs uv; `pip install uv` adds it")
    uv = commands.uv()  # before a test narrows PATH

    def make(folder):
        commands.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        return Path(folder) / "bin" / "python"

    return make


@pytest.fixture(scope="session")
def release_python(environments):
    """Python of an environment with just that Triton; skips where neither uv nor the network can provide it."""
    rows = cells.load(ROOT / "constraints" / "cells.toml").releases

    @functools.cache
    def provide(release):
        try:
            return stamped.of_release(rows[release], (), ENVS)
        except (commands.ToolError, ValueError) as problem:
            pytest.skip(f"an environment with triton {release} is needed, and making one fails: {problem}")

    return provide


@pytest.fixture(scope="session")
def own_ptxas():
    """`own_ptxas(release)`: skip where that Triton, asked by itself, does not start the ptxas that it has."""

    def needed(release):
        if " " in str(ENVS) and tuple(map(int, release.split("."))) < (3, 2):
            pytest.skip(f"Triton {release} finds no ptxas in a folder with a space, {ENVS}: run in another")

    return needed


@pytest.fixture(scope="session")
def forking(release_python):
    """Release -> a process that runs verbs in forks of itself (forking.py)."""
    with contextlib.ExitStack() as processes:

        @functools.cache
        def start(release):
            modules = ["triton.compiler.code_generator", "triton_matrix.codegen.cli"]
            return processes.enter_context(forks.start(release_python(release), modules, plain_environment()))

        yield start


def plain_environment():
    """What a verb has in a test that sets nothing more."""
    left = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {**left, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def usual_environment():
    """The same before any test has begun to set something."""
    return plain_environment()


@pytest.fixture
def codegen(release_python, forking, usual_environment, tmp_path):
    """Run the verb ``compile`` in a release, as a process of its own where a test sets variables; gives its end."""

    def run(release, *arguments, **variables):
        argv, env = ["compile", *map(str, arguments)], {**plain_environment(), **variables}
        if env != usual_environment:
            command = [str(release_python(release)), "-m", "triton_matrix", *argv]
            about = {"capture_output": True, "text": True, "timeout": 300, "check": False}
            return subprocess.run(command, cwd=tmp_path, env=env, **about)
        return forks.forked(forking(release), argv, tmp_path, env, tmp_path)

    return run


@pytest.fixture
def run_script(tmp_path):
    """Run a script in a Python that has some Triton; gives what it printed, and fails with what it complained of."""

    def run(python, script):
        done = subprocess.run(
            [str(python), "-W", "ignore", "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
