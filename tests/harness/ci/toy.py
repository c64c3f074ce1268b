"""A tiny package under a workflow, and runners for it: its torch is a stand-in, and so is the GPU that it sees.

Triton, nox, uv, pytest and the harness are real. A runner with a GPU is one whose torch is told to see one
(``standins.torch_that_sees_a_gpu``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root

from .. import light_pytest, standins

ROOT = find_root(Path(__file__).parent)
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
TORCH, TRITON = "2.7.1", "3.3.1"
TABLE = f"""
[package]
name = "tiny"
test = ["pytest>=8", "hypothesis", "pytest-benchmark"]
kernels = false # to launch: its torch is a stand-in
atlas = "tests/atlas/hook.py:configurations"
values = false # its launches have neither a grid nor values

[cell.small]
python = "{HERE}"
torch = "{TORCH}"
triton = "{TRITON}"
platforms = ["cuda"]
requires = ["numpy<2.4"]
why = "quick: its torch is a stand-in"

[cell.night]
python = "{HERE}"
torch = "nightly"
triton = "nightly"
platforms = ["rocm"]
index = "http://127.0.0.1:9/rocm" # none of its jobs is played
requires = ["numpy"]
why = "tomorrow's"

[cell.ambient]
platforms = ["cuda", "rocm"]
why = "what the runner has"

[platform.hosted]
runner = ["ubuntu-latest"]

[platform.cuda]
runner = ["self-hosted", "cuda"]

[platform.rocm]
runner = ["self-hosted", "rocm"]
"""
KERNEL = """
import triton
import triton.language as tl


@triton.jit
def add_one(x_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + at, tl.load(x_ptr + at, mask=at < n) + 1.0, mask=at < n)
"""
HOOK = """
from pathlib import Path

KERNEL = f"{Path(__file__).parents[2]}/tiny/kernel.py:add_one"


def configurations(targets):
    given = {"args": {"x_ptr": "*fp32", "n": 4096}, "constexprs": {"BLOCK": 128}, "options": {"num_warps": 4}}
    return [{"kernel": KERNEL, "label": "add_one", "target": target, **given, "hints": ["x_ptr"]} for target in targets]
"""
SUITE = """
def test_it_runs_where_it_is_said_to(device, level):
    assert device == {"interpreter": "cpu", "device": "cuda"}[level]
"""
BENCH = """
from triton_matrix.bench.timing import Measurement


def test_add_one(record):
    record(Measurement("device", (0.001,) * 5))
"""
CONFTEST = 'pytest_plugins = ["triton_matrix.suites.pytest_plugin"]\n'
PYPROJECT = f"""
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "0.1.0"
requires-python = ">={HERE}"
dependencies = ["torch"]

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "backend.py": standins.BACKEND.replace(', "triton"]', "]"),
    "tiny/__init__.py": "",
    "tiny/kernel.py": KERNEL,
    "tests/conftest.py": CONFTEST,
    "tests/correctness/test_some.py": SUITE,
    "tests/benchmarks/bench_tiny.py": BENCH,
    "tests/atlas/hook.py": HOOK,
    ".gitignore": "/.nox/\n/reports/\n__pycache__/\n",
}
# the sessions of this repository that a workflow asks for and whose work is this repository's own
NOXFILE = """
import os
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))

from triton_matrix import sessions  # noqa: E402

TABLE = sessions.from_table(__file__)
sessions.add_reporting(TABLE, "nightly")
nox.options.envdir = os.environ.get("KEPT_ENVIRONMENTS", ".nox")


@nox.session(python=False)
def check(session):
    session.run("python", "-c", "import triton_matrix", external=True)


@nox.session(name="check-environments", python=False)
def check_environments(session):
    session.run("python", "-c", "import triton_matrix", external=True)


@nox.session(python=False)
def anywhere(session):
    session.run("python", "-c", "import triton_matrix", external=True)
"""


def write_index(folder: Path) -> None:
    """The index of stand-ins, ``pypi``, which comes before the user's own."""
    torch = standins.torch_that_sees_a_gpu(TORCH)
    standins.write_index(folder / "pypi", [standins.write_wheel(folder / "wheels", "torch", TORCH, [], torch)])


def environment(config: Path) -> dict[str, str]:
    """What a runner's processes have in their environment, whoever runs these tests."""
    dropped = ("TRITON_", "NOX", "PYTEST", "VIRTUAL_ENV", "PYTHON", "UV_", "COV", "GIT_", "STAND_IN_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**env, **light_pytest.WITHOUT, "XDG_CONFIG_HOME": str(config)}


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def commit(root: Path) -> None:
    """Commit everything, in a repository that is made where there is none."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "tiny"]):
        subprocess.run([*git, *words], cwd=root, check=True)


def lock(root: Path, env: Mapping[str, str]) -> None:
    """Compile the pins of the cell."""
    command = [sys.executable, "-m", "triton_matrix", "lock", "small", "--root", str(root)]
    done = subprocess.run(
        command, env={**env, "PYTHONPATH": str(ROOT)}, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def under_matrix_workflow(root: Path, table: str) -> None:
    """The package with this repository's own workflows, the harness in it as here."""
    write(root, {**FILES, "noxfile.py": NOXFILE, "constraints/cells.toml": table})
    for name in ("tools.txt", "report.txt"):
        shutil.copy(ROOT / "constraints" / name, root / "constraints")
    shutil.copytree(ROOT / "triton_matrix", root / "triton_matrix", ignore=shutil.ignore_patterns("__pycache__"))


def venv(folder: Path, *requirements: str, env: Mapping[str, str], pip: str = "") -> Path:
    """A Python with these, and with pip, in whose place ``pip`` stands where it is given; returns its programs."""
    uv = commands.uv()
    seed = [] if pip else ["--seed"]
    subprocess.run([uv, "venv", "--quiet", *seed, "--python", sys.executable, str(folder)], env=env, check=True)
    if requirements:
        install = [uv, "pip", "install", "--quiet", "--python", str(folder)]
        subprocess.run([*install, *requirements], env=env, check=True)
    if pip:
        site = folder / "lib" / f"python{HERE}" / "site-packages"
        (site / "pip.py").write_text(pip)
    return folder / "bin"
