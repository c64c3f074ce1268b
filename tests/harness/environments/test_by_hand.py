"""What a user did to a provided environment by hand: it is put right when it is provided again, and is never a pass."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root
from triton_matrix.environments import harness, stamped

from .conftest import World

pytestmark = pytest.mark.skipif(commands.find_uv() is None, reason="needs uv; `pip install uv` adds it")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
# in the environment's own Python: why what is in it is not what provisioning installed
PROBLEM = """
import sys
from pathlib import Path
from triton_matrix.base import cells
from triton_matrix.evidence import installed
table = cells.load_at(Path(sys.argv[1]))
print("problem:", installed.wheel(table, table.cell(sys.argv[2]), False).problem)
"""
FORK = '[build-system]\nrequires = ["setuptools"]\n\n[project]\nname = "triton"\nversion = "3.3.1"\n\n'
FORK += '[tool.setuptools]\npackages = ["triton"]\n'


class Provided:
    """A provided environment, and what is done to it by hand."""

    def __init__(self, world):
        self.world, self.folder, self.said = world, world.folder / "hand", "not provided"
        self.folder.mkdir()

    @property
    def site(self):
        return next(self.world.python.parents[1].glob("lib/python*/site-packages"))

    def problem(self, cell="small"):
        said = commands.run([str(self.world.python), "-c", PROBLEM, str(self.world.root), cell], cwd=self.folder)
        self.said = said.rpartition("problem:")[2].strip()
        return self.said

    def pip(self, *arguments):
        commands.run([commands.uv(), "pip", *arguments[:1], "--python", str(self.world.python), *arguments[1:]])

    def another_version(self, standins):
        wheel = standins.write_wheel(self.folder, "triton", "3.4.0", [], standins.TRITON)
        self.pip("install", "--no-deps", str(wheel))

    def the_same_version_of_another_build(self, standins):
        wheel = standins.write_wheel(self.folder, "triton", "3.3.1", [], {"triton/__init__.py": "mine = True\n"})
        self.pip("install", "--no-deps", "--reinstall", str(wheel))

    def an_editable_checkout_of_the_same_version(self, standins):
        fork = self.folder / "fork"
        (fork / "triton").mkdir(parents=True)
        (fork / "pyproject.toml").write_text(FORK)
        (fork / "triton" / "__init__.py").write_text("mine = True\n")
        self.pip("install", "--no-deps", "--reinstall", "--no-build-isolation", "--editable", str(fork))

    def an_edited_file(self, standins):
        with (self.site / "triton" / "__init__.py").open("a") as file:
            file.write("mine = True\n")

    def a_deleted_file(self, standins):
        (self.site / "triton" / "__init__.py").unlink()

    def a_distribution_taken_away(self, standins):
        self.pip("uninstall", "numpy")

    def an_edited_harness(self, standins):
        with (self.site / "triton_matrix" / "__init__.py").open("a") as file:
            file.write("mine = True\n")


@pytest.fixture(scope="module")
def shared(standins, tmp_path_factory, venv, linked_tools):
    """An environment that was just provided from stand-ins, where Triton has a file to edit."""
    folder, patched = tmp_path_factory.mktemp("shared"), pytest.MonkeyPatch.context()
    with patched as patch, World(folder, standins, patch, venv, linked_tools) as world:
        shutil.rmtree(world.index / "triton")
        wheel = standins.write_wheel(world.folder / "triton", "triton", "3.3.1", [], standins.TRITON)
        standins.write_index(world.index, [wheel])
        assert world.lock() == 0
        yield Provided(world)


@pytest.fixture
def provided(shared):
    """The same, as each test finds it and leaves it: whole."""
    if shared.said != "":
        assert shared.world.provide() == 0
        assert shared.problem() == ""
    shared.said = "a test began"
    return shared


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("another_version", "triton was changed since the environment was provided: it is 3.4.0, and was 3.3.1"),
        ("the_same_version_of_another_build", "triton was changed since the environment was provided: it is of other"),
        ("an_editable_checkout_of_the_same_version", "triton was changed since the environment was provided: it is"),
        ("an_edited_file", "triton/__init__.py of triton is not as it was installed"),
        ("a_deleted_file", "triton/__init__.py of triton is not as it was installed"),
        ("a_distribution_taken_away", "numpy was changed since the environment was provided: it is absent, and was"),
        ("an_edited_harness", "triton_matrix/__init__.py of triton-matrix is not as it was installed"),
    ],
)
def test_a_change_by_hand_is_named_and_is_gone_when_the_cell_is_provided_again(provided, standins, what, says):
    if "editable" in what:
        provided.pip("install", "setuptools", "--offline", "--find-links", str(provided.world.index.parent / "wheels"))
    getattr(provided, what)(standins)
    assert provided.problem().startswith(says)
    assert "--no-install" in provided.problem()
    assert provided.world.provide() == 0
    assert provided.problem() == ""
    assert (provided.site / "triton" / "__init__.py").read_text() == standins.TRITON["triton/__init__.py"]


def test_pins_that_were_changed_after_the_environment_was_made_are_not_what_ran(provided):
    before = provided.world.pins.read_text()
    provided.world.pins.write_text(before.replace("1.26.4", "1.26.5"))
    try:
        assert provided.problem().startswith("the cell's row or pins were changed since its environment was provided")
    finally:
        provided.world.pins.write_text(before)
    assert provided.problem() == ""


def test_an_environment_says_nothing_about_another_cell(provided):
    table = provided.world.root / "constraints" / "cells.toml"
    row = table.read_text()[table.read_text().index("[cell.small]") :]
    table.write_text(table.read_text() + row.replace("[cell.small]", "\n[cell.sibling]"))
    shutil.copy(provided.world.pins, provided.world.pins.with_name("sibling.txt"))
    assert provided.problem("sibling") == "this environment was provided for cell small, not for sibling"
    assert provided.problem() == ""


def test_a_harness_of_another_version_in_an_environment_is_named(provided, tmp_path):
    prefix = provided.world.python.parents[1]
    assert harness.other_in(prefix) == ""
    (info,) = provided.site.glob("triton_matrix-*.dist-info")
    prefix, info = tmp_path, Path(shutil.copytree(info, tmp_path / info.relative_to(prefix)))
    assert harness.other_in(prefix) == ""
    info.rename(info.with_name("triton_matrix-0.0.1+older.dist-info"))
    assert harness.other_in(prefix) == "0.0.1+older"
    info.with_name("triton_matrix-0.0.1+older.dist-info").joinpath("RECORD").unlink()  # it was being installed
    assert harness.other_in(prefix) == "none"
    assert harness.other_in(Path(find_root())) == "none"
    assert provided.problem() == ""


def test_an_edit_that_went_through_a_link_into_uvs_cache_is_said_where_that_is_installed_from(provided):
    mine = provided.site / "triton" / "__init__.py"
    cached = next(each for each in (provided.world.folder / "cache").rglob("triton/__init__.py") if each.samefile(mine))
    with cached.open("a") as file:
        file.write("mine = True\n")
    shutil.rmtree(provided.world.python.parents[1])
    assert provided.world.provide() == 1
    failure = json.loads((provided.world.root / "reports" / "small" / "failure.json").read_text())
    assert "files of triton were edited, in uv's cache too; `uv cache clean triton` removes them" in failure["tail"]
    commands.run([commands.uv(), "cache", "clean", "triton"])
    assert provided.world.provide() == 0
    assert provided.problem() == ""


def test_a_step_that_fails_is_what_the_evidence_says_till_one_does_not_and_older_results_stay(provided, monkeypatch):
    """They count again if nothing changed: to repeat what was stopped must not cost what was not."""
    reports = provided.world.root / "reports" / "small"
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "junit-interpreter.xml").write_text("<testsuites/>")
    with monkeypatch.context() as patch:
        patch.setenv("UV", sys.executable)  # a "uv" that knows no `pip`
        assert provided.world.provide() == 1
    assert {each.name for each in reports.iterdir()} >= {"failure.json", "junit-interpreter.xml"}
    assert provided.world.provide() == 0
    assert not (reports / "failure.json").exists()
    assert (reports / "junit-interpreter.xml").exists()
    assert provided.problem() == ""


def test_an_environment_of_a_release_whose_triton_was_edited_is_made_again(world, standins, tmp_path):
    shutil.rmtree(world.index / "triton")
    standins.write_index(world.index, [standins.write_wheel(tmp_path / "t", "triton", "3.3.1", [], standins.TRITON)])
    home = tmp_path / "release"
    stamped.make(home, HERE, ["triton==3.3.1"])
    file = next(home.glob("lib/python*/site-packages/triton/__init__.py"))
    with file.open("a") as edited:
        edited.write("mine = True\n")
    stamped.make(home, HERE, ["triton==3.3.1"])
    assert file.read_text() == standins.TRITON["triton/__init__.py"]
