"""What a package's own files say of it, wherever they say it."""

import re
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import load
from triton_matrix.environments import copying, lock, project, wheel

UV = commands.find_uv()
CFG = """\
[metadata]
name = small
[options]
python_requires = >=3.10
install_requires =
    torch>=2.6
    # a comment
    einops
[options.extras_require]
test = pytest
    scipy
"""
SETUP_PY = """\
import setuptools
setuptools.setup(name="small", python_requires=">=3.10", install_requires=["torch>=2.6", "einops"],
                 extras_require={"test": ["pytest", "scipy"]})
"""
PYPROJECT = """\
[project]
name = "small"
version = "1"
requires-python = ">=3.10"
dependencies = ["torch>=2.6", "einops"]
[project.optional-dependencies]
test = ["pytest", "scipy"]
"""
BACKEND = """\
import os
from pathlib import Path


def prepare_metadata_for_build_wheel(folder, settings=None):
    print("a build that talks")
    info = Path(folder) / "small-1.dist-info"
    info.mkdir()
    text = "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nRequires-Python: >=3.10\\n"
    text += "Provides-Extra: test\\nRequires-Dist: torch>=2.6\\nRequires-Dist: einops\\n"
    text += "Requires-Dist: pytest; extra == 'test'\\nRequires-Dist: scipy; extra == 'test'\\n"
    (info / "METADATA").write_text(text)
    return info.name


def build_wheel(*args):
    raise RuntimeError("not asked for")
"""
COMPUTED = '[build-system]\nrequires = []\nbuild-backend = "computing"\nbackend-path = ["."]\n'
needs_uv = pytest.mark.skipif(UV is None, reason="needs uv; `pip install uv` adds it")


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "source"),
    [
        ({"pyproject.toml": PYPROJECT}, "pyproject.toml"),
        ({"setup.cfg": CFG}, "setup.cfg"),
        ({"setup.py": SETUP_PY}, "setup.py"),
        pytest.param({"pyproject.toml": COMPUTED, "computing.py": BACKEND}, "build backend", marks=needs_uv),
    ],
    ids=["pyproject", "setup.cfg", "setup.py", "computed"],
)
def test_each_way_of_saying_it_says_the_same(tmp_path, files, source):
    found = project.read(write(tmp_path, files))
    assert (found.name, found.requires_python) == ("small", ">=3.10")
    assert found.dependencies == ("torch>=2.6", "einops")
    assert found.extras == {"test": ("pytest", "scipy")}
    assert source in found.source


@needs_uv
def test_what_is_computed_is_not_read_as_if_it_were_not_there(tmp_path):
    dynamic = PYPROJECT.replace('dependencies = ["torch>=2.6", "einops"]', 'dynamic = ["dependencies"]')
    setup = 'import os\nfrom setuptools import setup\n\nsetup(name="small", install_requires=["torch" + ">=2.6"])\n'
    static = 'from setuptools import setup\n\nsetup(name="small", install_requires=["einops"])\n'
    assert project._from_setup_py(write(tmp_path / "a", {"setup.py": setup}), {}) is None
    found = project.read(write(tmp_path / "b", {"pyproject.toml": dynamic, "setup.py": static}))
    assert (found.dependencies, found.requires_python) == (("einops",), ">=3.10")
    assert found.extras == {"test": ("pytest", "scipy")}


@needs_uv
def test_a_backend_that_fails_is_one_sentence(tmp_path):
    broken = BACKEND.replace('    print("a build that talks")\n', '    raise RuntimeError("no compiler")\n')
    root = write(tmp_path, {"pyproject.toml": COMPUTED, "computing.py": broken})
    with pytest.raises(ValueError, match=r"are computed by its build, and the build backend fails: .+") as caught:
        project.read(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, r"has no pyproject\.toml, setup\.cfg, setup\.py"),
        ({"setup.cfg": "name = x\n"}, "is not a setup.cfg"),
        ({"setup.py": "setup(\n"}, "it is not Python"),
    ],
)
def test_a_folder_that_does_not_describe_a_package_is_named(tmp_path, files, says):
    with pytest.raises(ValueError, match=says):
        project.read(write(tmp_path, files))


def test_a_group_may_include_another_and_itself(tmp_path):
    groups = '[dependency-groups]\na = ["x", { include-group = "b" }]\nb = ["y", { include-group = "a" }]\n'
    found = project.read(write(tmp_path, {"pyproject.toml": PYPROJECT + groups}))
    assert found.groups == {"a": ("x", "y"), "b": ("y", "x")}


ROW = """
[cell.new]
python = "3.11"
torch = "2.7.1"
triton = "3.3.1"
platforms = ["cuda"]
requires = ["numpy<2.4"]
why = "x"
"""


@pytest.fixture
def table(tmp_path):
    root = write(tmp_path / "checkout", {"pyproject.toml": PYPROJECT, "constraints/cells.toml": ROW})
    return load(root / "constraints" / "cells.toml")


def test_a_cell_is_resolved_with_what_the_package_itself_needs(table):
    wanted = lock.requirements(table, table.cell("new"))
    assert {"torch==2.7.1", "triton==3.3.1", "numpy<2.4", "torch>=2.6", "einops", "pytest>=8"} <= set(wanted)


def test_where_an_index_decides_which_triton_it_is_the_package_does_not_name_one(table):
    assert wheel.wheel_requirements(table, table.cell("new")) == ["einops"]
    names = ["torch", "triton>=3", "torch-geometric", "torch_scatter", "triton-kernels", "torchvision"]
    path = Path(table.root / "pyproject.toml")
    path.write_text(re.sub(r"dependencies = .*", f"dependencies = {names}", PYPROJECT, count=1))
    assert wheel.wheel_requirements(table, table.cell("new")) == names[2:]


@needs_uv
def test_the_wheels_version_may_come_from_the_tags_of_git(tmp_path):
    root = write(tmp_path / "checkout", {"pyproject.toml": PYPROJECT, "small/__init__.py": "", "tests/test_a.py": ""})
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["tag", "v7.1"]):
        commands.run([*git, *arguments])
    copy = tmp_path / "copy"
    copying.copy_sources(root, copy)
    assert not (copy / "tests").exists()
    assert commands.run(["git", "-C", str(copy), "describe", "--tags"]).strip() == "v7.1"
    assert commands.run([*git, "status", "--porcelain"]) == ""


@needs_uv
@pytest.mark.parametrize("kind", ["a submodule", "a work tree"])
def test_so_may_that_of_a_submodule_and_of_a_work_tree(tmp_path, kind):
    root = write(tmp_path / "checkout", {"pyproject.toml": PYPROJECT, "small/__init__.py": ""})
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "protocol.file.allow=always"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["tag", "v7.1"]):
        commands.run([*git, "-C", str(root), *arguments])
    if kind == "a submodule":
        commands.run([*git, "init", "-q", str(tmp_path / "above")])
        commands.run([*git, "-C", str(tmp_path / "above"), "submodule", "--quiet", "add", str(root), "below"])
        other = tmp_path / "above" / "below"
    else:
        other = tmp_path / "other"
        commands.run([*git, "-C", str(root), "worktree", "add", "-q", str(other)])
    copying.copy_sources(other, tmp_path / "copy")
    assert commands.run(["git", "-C", str(tmp_path / "copy"), "describe", "--tags"]).strip() == "v7.1"


def test_an_environment_at_the_root_is_not_copied_into_every_build(tmp_path):
    root = write(tmp_path / "checkout", {"pyproject.toml": PYPROJECT, "venv/pyvenv.cfg": "", "small/__init__.py": ""})
    copying.copy_sources(root, tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"pyproject.toml", "small"}
