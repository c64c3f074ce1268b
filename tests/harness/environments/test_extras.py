"""One environment for all that a release was ever asked for beside its Triton."""

import subprocess

import pytest

from triton_matrix.base import cells
from triton_matrix.environments import stamped


@pytest.fixture
def release(standins, tmp_path, monkeypatch):
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
