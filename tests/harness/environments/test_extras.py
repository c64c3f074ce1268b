"""One environment for all that a release was ever asked for beside its Triton."""

import dataclasses
import subprocess

import pytest

from triton_matrix.base import cells
from triton_matrix.environments import interpreters, stamped

OTHER = next((each for each in ("3.12", "3.13", "3.10", "3.9") if interpreters.find_python(each)), "3.12")


@pytest.fixture
def release(environments, standins, tmp_path, monkeypatch):
    """A release whose Triton, and two things more, are stand-in wheels in a folder."""
    wheels = tmp_path / "wheels"
    for name, version in (
        ("triton", "9.9.0"),
        ("packaging", "30.0"),
        ("tm-one", "1.0"),
        ("tm-one", "2.0"),
        ("tm-two", "1.0"),
    ):
        standins.write_wheel(wheels, name, version, contents={f"{name.replace(chr(45), chr(95))}/__init__.py": ""})
    standins.write_wheel(wheels, "tm-three", "1.0", requires=["tm-one==1.0"], contents={"tm_three/__init__.py": ""})
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return cells.Release("9.9.0", "3.11", "9.9.0")


def installed(python):
    code = "import importlib.metadata as m; print({d.metadata['Name']: d.version for d in m.distributions()})"
    found = eval(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)
    return {name: version for name, version in found.items() if name in ("triton", "tm-one", "tm-two", "tm-three")}


BACKEND = """
import pathlib, zipfile

def build_wheel(folder, settings=None, metadata=None):
    name = "helperdist-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.write("helperdist/__init__.py")
        wheel.writestr("helperdist-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: helperdist\\nVersion: 1\\n")
        about = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("helperdist-1.dist-info/WHEEL", about)
        wheel.writestr("helperdist-1.dist-info/RECORD", "helperdist/__init__.py,,\\n")
    return name
"""


@pytest.fixture
def helperdist(tmp_path):
    """A distribution in a folder, which keeps its version when it is edited; its one module."""
    folder = tmp_path / "helper-dist"
    (folder / "helperdist").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'helperdist'\nversion = '1'\n"
    )
    (folder / "backend.py").write_text(BACKEND)
    (folder / "helperdist" / "__init__.py").write_text("N = 1\n")
    return folder / "helperdist" / "__init__.py"


def value(python):
    code = "import helperdist; print(helperdist.N)"
    return subprocess.run([python, "-B", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_what_lies_at_a_path_is_installed_anew_where_it_was_edited_and_only_then(
    release, tmp_path, helperdist, monkeypatch
):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # the build leaves bytecode beside its backend
    asked = (str(helperdist.parents[1]),)
    python = stamped.of_release(release, asked, tmp_path / "envs")
    assert value(python) == "1"
    assert (helperdist.parents[1] / "__pycache__").is_dir()
    (python.parents[1] / "mark").touch()
    assert stamped.of_release(release, asked, tmp_path / "envs") == python
    assert (python.parents[1] / "mark").exists(), "it was made anew"
    helperdist.write_text("N = 2\n")
    assert value(stamped.of_release(release, asked, tmp_path / "envs")) == "2"


def test_uv_s_own_copy_of_what_lies_at_a_path_is_not_taken(release, tmp_path, helperdist):
    asked = (str(helperdist.parents[1]),)
    assert value(stamped.of_release(release, asked, tmp_path / "envs")) == "1"
    helperdist.write_text("N = 3\n")
    assert value(stamped.of_release(release, asked, tmp_path / "other envs")) == "3"
    stamped.of_release(release, ("tm-one",), tmp_path / "envs")  # which shares the environment
    helperdist.write_text("N = 4\n")
    assert value(stamped.of_release(release, ("tm-two",), tmp_path / "envs")) == "4"


@pytest.mark.parametrize("written", ["./helper-dist", "helperdist @ file://{0}/helper-dist", "{0}/helper-dist"])
def test_a_path_may_be_written_in_any_way(release, tmp_path, helperdist, written, monkeypatch):
    monkeypatch.chdir(tmp_path)
    python = stamped.of_release(release, (written.format(tmp_path),), tmp_path / "envs")
    helperdist.write_text("N = 5\n")
    monkeypatch.chdir(tmp_path / "envs")
    assert value(python) == "1"
    again = written.replace("./", "../").format(tmp_path)
    assert value(stamped.of_release(release, (again,), tmp_path / "envs")) == "5"


def test_a_path_that_is_gone_is_forgotten_where_it_is_not_asked_for(release, tmp_path, helperdist):
    stamped.of_release(release, (str(helperdist.parents[1]),), tmp_path / "envs")
    helperdist.parents[1].rename(tmp_path / "moved")
    python = stamped.of_release(release, ("tm-one",), tmp_path / "envs")
    assert installed(python)["tm-one"] == "2.0"


def test_an_environment_that_is_there_is_had_without_starting_a_program(release, tmp_path, monkeypatch):
    python = stamped.of_release(release, (), tmp_path / "envs")
    monkeypatch.setattr(subprocess, "Popen", None)
    assert stamped.of_release(release, (), tmp_path / "envs") == python
    file = next(python.parents[1].glob("lib/python*/site-packages/triton/__init__.py"))
    file.unlink()  # uv may have linked it to its cache, where another run finds what is written through
    file.write_text("EDITED = 1\n")
    with pytest.raises(TypeError, match="NoneType"):  # it is made anew
        stamped.of_release(release, (), tmp_path / "envs")


def test_an_environment_has_the_bytecode_of_its_triton_whatever_the_shell_says(release, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    python = stamped.of_release(release, (), tmp_path / "envs")
    site = next(python.parents[1].glob("lib/python*/site-packages"))
    assert list(site.glob("triton/__pycache__/__init__.*.pyc"))


def test_requests_share_one_environment_and_add_to_it(release, tmp_path):
    alone = stamped.of_release(release, (), tmp_path / "envs")
    first = stamped.of_release(release, ("tm-one",), tmp_path / "envs")
    second = stamped.of_release(release, ("tm-two",), tmp_path / "envs")
    assert (first, installed(second)) == (second, {"triton": "9.9.0", "tm-one": "2.0", "tm-two": "1.0"})
    assert installed(alone) == {"triton": "9.9.0"}
    assert stamped.of_release(release, ("tm-one",), tmp_path / "envs") == first
    assert installed(first)["tm-two"] == "1.0"


def test_the_later_request_for_a_distribution_holds(release, tmp_path):
    stamped.of_release(release, ("tm-one", "tm-two"), tmp_path / "envs")
    python = stamped.of_release(release, ("tm-one==1.0",), tmp_path / "envs")
    assert installed(python) == {"triton": "9.9.0", "tm-one": "1.0", "tm-two": "1.0"}


def test_what_does_not_go_together_is_made_anew_with_what_is_asked_now(release, tmp_path):
    stamped.of_release(release, ("tm-one==2.0", "tm-two"), tmp_path / "envs")
    python = stamped.of_release(release, ("tm-three",), tmp_path / "envs")
    assert installed(python) == {"triton": "9.9.0", "tm-one": "1.0", "tm-three": "1.0"}


def test_a_release_in_another_python_has_an_environment_of_its_own(release, tmp_path):
    usual = stamped.of_release(release, (), tmp_path / "envs")
    other = stamped.of_release(dataclasses.replace(release, python=OTHER), (), tmp_path / "envs")
    assert [each.parents[1].name for each in (usual, other)] == ["9.9.0", f"9.9.0-py{OTHER.replace('.', '')}"]
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    assert subprocess.run([other, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == OTHER
