"""The harness as a distribution of its own: what its wheel holds, and that each way to build and install it works."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root

UV = commands.find_uv()
ROOT = find_root(Path(__file__).parent)
PACKAGE = ROOT / "triton_matrix"
# files of the folder that are no part of what runs
NOT_SHIPPED = ("__pycache__", "dist", "build")

pytestmark = pytest.mark.skipif(UV is None, reason="needs uv; `pip install uv` adds it")


def run(*command, **options):
    return commands.run([*map(str, command)], **options)


@pytest.fixture(scope="module")
def built(environments, tmp_path_factory):
    """The sdist, and the wheel that is built from it alone."""
    folder = tmp_path_factory.mktemp("built")
    run(UV, "build", "--quiet", "--out-dir", folder, PACKAGE)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(built):
    with zipfile.ZipFile(built[1]) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


@pytest.fixture
def environment(venv, tmp_path):
    """The Python of an empty environment with these, without what they require; its own index is not asked."""

    def make(*requirements):
        python = venv(tmp_path / "environment")
        run(UV, "pip", "install", "--quiet", "--no-deps", "--python", python, *requirements)
        return python

    return make


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(names):
    listed = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "triton_matrix")
    there = {name for name in listed.splitlines() if (ROOT / name).is_file()}
    assert names == {name for name in there if not name.endswith(".gitignore")}


def test_it_holds_no_product_and_all_data(names):
    assert [name for name in names if "liger" in name] == []
    assert {name.partition("/")[0] for name in names} == {"triton_matrix"}
    kinds = {Path(name).suffix for name in names}
    assert {".py", ".toml", ".json", ".js", ".css", ".j2", ".yml"} <= kinds
    assert {"triton_matrix/py.typed", "triton_matrix/base/pairs.toml", "triton_matrix/init/workflow.yml"} <= names


def test_its_metadata_names_what_it_needs_and_its_command(built):
    with zipfile.ZipFile(built[1]) as wheel:
        info = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
        text, entry = (wheel.read(f"{info}/{name}").decode() for name in ("METADATA", "entry_points.txt"))
    required = re.findall(r"^Requires-Dist: (.+)$", text, re.MULTILINE)
    assert [each for each in required if "torch" in each or "triton" in each] == []
    assert {re.match(r"[\w.-]+", each)[0] for each in required if "extra" not in each} == {"nox", "uv", "packaging"}
    assert {"rich", "jinja2"} <= {re.match(r"[\w.-]+", each)[0] for each in required if "extra == 'report'" in each}
    assert "Classifier: Typing :: Typed" in text
    assert "triton-matrix = triton_matrix.__main__:main" in entry


def test_the_sdist_holds_no_more_than_the_folder(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "base/pairs.toml", "py.typed"} <= names
    assert [name for name in names if set(Path(name).parts) & {*NOT_SHIPPED, "liger_kernel", "tests"}] == []


def test_the_installed_command_lists_its_verbs_and_so_does_the_module(built, environment, tmp_path):
    python = environment(built[1])
    by_module = run(python, "-m", "triton_matrix", "--help", cwd=tmp_path)
    assert "usage: python -m triton_matrix <verb>" in by_module
    assert re.search(r"^  init +\S", by_module, re.MULTILINE)
    assert run(python.with_name("triton-matrix"), "--help", cwd=tmp_path) == by_module


def test_it_installs_from_a_subdirectory_of_the_repository(environment, tmp_path):
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, clone)
    commit = run("git", "-C", clone, "rev-parse", "HEAD").strip()
    requirement = f"triton-matrix @ git+{clone.as_uri()}@{commit}#subdirectory=triton_matrix"
    python = environment(requirement)
    assert "triton_matrix <verb>" in run(python, "-m", "triton_matrix", "--help", cwd=tmp_path)


def test_a_type_checker_sees_its_types(built, environment, tmp_path):
    pytest.importorskip("mypy", reason="`nox -s check` brings mypy")
    python = environment(built[1])
    (tmp_path / "use.py").write_text("from triton_matrix.base import pairs\n\nreveal_type(pairs.known())\n")
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), "use.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "triton_matrix.base.pairs.Pair" in done.stdout, done.stdout + done.stderr
