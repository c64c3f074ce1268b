"""Real builds by real frontends, without a network: build requirements and rivals come from a folder of wheels.

There is no ``__init__.py`` here on purpose: it would make this folder importable as ``packaging``, which is PyPI's.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import tomllib
from pyproject_hooks import BuildBackendHookCaller

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "build_helpers.py", "MANIFEST.in", "README.md", "LICENSE", "noxfile.py", "constraints")


def load(path: Path):
    spec = importlib.util.spec_from_file_location("build_helpers_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch):
    for name in [name for name in os.environ if name.startswith("LIGER_KERNEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def helpers():
    """build_helpers.py, loaded anew: a test may change its limits."""
    return load(ROOT / "build_helpers.py")


@pytest.fixture
def bare_machine(helpers):
    """The probes of this very machine find nothing, so whatever a build finds is what the test put there."""
    found = helpers.detect_platform(environ={})
    if found.platform != helpers.FALLBACK:
        pytest.skip(f"needs a machine and a Python without a GPU or a torch for one, and here {found.evidence}")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of the sources that builds must leave as it is."""
    return copy_sources(tmp_path_factory.mktemp("checkout"))


@pytest.fixture
def own_checkout(tmp_path) -> Path:
    """A copy of the sources that a test may change."""
    return copy_sources(tmp_path / "checkout")


def copy_sources(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy2(ROOT / name, folder / name)
    for name in ("liger_kernel", "tests/packaging"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory) -> Path:
    """Wheels of this Python's own setuptools and what it builds with, so that an isolated build needs no index."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    for name in ("setuptools", "wheel", "packaging"):
        distribution = metadata.distribution(name)
        tag = "py3-none-any"
        with zipfile.ZipFile(folder / f"{name}-{distribution.version}-{tag}.whl", "w") as wheel:
            for file in distribution.files:
                if ".." not in file.parts and "__pycache__" not in file.parts:
                    wheel.write(file.locate(), str(file))
    return folder


@pytest.fixture(scope="session")
def offline(wheelhouse, tmp_path_factory) -> dict[str, str]:
    """The environment of every frontend here: no index, no network, the wheelhouse, a uv cache of its own."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheelhouse),
        "PIP_NO_CACHE_DIR": "1",
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheelhouse),
        "UV_CACHE_DIR": str(tmp_path_factory.mktemp("uv-cache")),
    }


@pytest.fixture
def python(offline):
    """Run ``python -m ARGS`` of this Python and return what it printed; ``fails`` says that it must not succeed."""

    def run(*args, cwd=None, env=(), fails=False) -> str:
        command = [sys.executable, "-m", *map(str, args)]
        finished = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **offline, **dict(env)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert (finished.returncode != 0) == fails, f"{command} ended {finished.returncode}:\n{finished.stdout}"
        return finished.stdout

    return run


@pytest.fixture
def build(python, tmp_path):
    """Build a wheel, or an sdist, of a source folder or an sdist with one frontend; returns its path."""
    numbers = itertools.count()

    def run(source, frontend="build", settings=(), isolated=False, sdist=False, env=(), fails=False):
        into = tmp_path / f"built-{next(numbers)}"
        what = "--sdist" if sdist else "--wheel"
        here = "--no-isolation" if frontend == "build" else "--no-build-isolation"
        isolation = [] if isolated else [here]
        command = {
            "build": ["build", *isolation, what, "--outdir", into],
            "pip": ["pip", "wheel", *isolation, "--no-deps", "--wheel-dir", into],
            "uv": ["uv", "build", *isolation, what, "--python", sys.executable, "--out-dir", into],
        }[frontend]
        option = "--config-settings" if frontend == "pip" else "--config-setting"
        output = python(*command, *(f"{option}={each}" for each in settings), source, env=env, fails=fails)
        if fails:
            assert not list(into.glob("*.whl")), "a build that failed left a wheel behind"
            return output
        (path,) = into.glob("*.tar.gz" if sdist else "*.whl")
        return path

    return run


@pytest.fixture(scope="session")
def call_hook(tmp_path_factory):
    """Call one hook of a source folder's backend as frontends do, in a process of its own; returns the path it made."""

    def call(hook, source, settings=None, env=()):
        with open(source / "pyproject.toml", "rb") as file:
            backend = tomllib.load(file)["build-system"]

        def quietly(command, cwd=None, extra_environ=None):
            environ = {**os.environ, **dict(env), **(extra_environ or {})}
            subprocess.run(command, cwd=cwd, env=environ, check=True, capture_output=True, timeout=120)

        caller = BuildBackendHookCaller(source, backend["build-backend"], backend["backend-path"], quietly)
        into = tmp_path_factory.mktemp(hook)
        return into / getattr(caller, hook)(into, settings)

    return call


@pytest.fixture(scope="session")
def environments():
    """As in tests/harness, whose conftest parts the tests by it."""


@pytest.fixture
def environment(environments, python, tmp_path):
    """Make an empty virtual environment; returns its interpreter."""
    numbers = itertools.count()

    def make() -> Path:
        folder = tmp_path / f"environment-{next(numbers)}"
        python("uv", "venv", "--python", sys.executable, folder)
        return folder / "bin" / "python"

    return make


@pytest.fixture
def write_wheel(tmp_path):
    """Write a stand-in wheel, with the name, version and files of a real one, into a folder; returns the folder."""
    folder = tmp_path / "stand-ins"
    folder.mkdir()

    def write(name: str, version: str, files: dict[str, str], requires: tuple[str, ...] = ()) -> Path:
        stem = f"{name.replace('-', '_')}-{version}"
        info = f"{stem}.dist-info"
        needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
        members = {
            **files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            for path, text in {**members, f"{info}/RECORD": record}.items():
                wheel.writestr(path, text)
        return folder

    return write


@pytest.fixture(scope="session")
def requires():
    """What is required without an extra, sorted: read from a wheel, a dist-info folder or the folder that holds one."""

    def read(built: Path) -> list[str]:
        if built.suffix == ".whl":
            with zipfile.ZipFile(built) as wheel:
                (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
                text = wheel.read(name).decode()
        else:
            info = built if built.suffix == ".dist-info" else next(built.glob("liger_kernel-*.dist-info"))
            text = (info / "METADATA").read_text()
        lines = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("Requires-Dist: ")]
        return sorted(line for line in lines if "extra ==" not in line)

    return read
