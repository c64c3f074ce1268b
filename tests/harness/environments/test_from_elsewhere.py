"""A Triton that is a file, of another distribution or of an index alone: what its environment holds.

The wheels are stand-ins with the names of real ones, so that what is seen is where each came from.
"""

import os

import pytest

from triton_matrix.base import commands, tritons
from triton_matrix.base.cells import load
from triton_matrix.environments import interpreters, stamped

FROM = {"triton/__init__.py": "__version__, FROM = '9.9.0', '{}'\n"}


def contents(place):
    return {name: text.format(place) for name, text in FROM.items()}


@pytest.fixture
def world(environments, standins, tmp_path, monkeypatch):
    """Two indexes on loopback, the user's own and another one, which both have triton 9.9.0; and a fork in one."""
    for name, text in (("UV_CACHE_DIR", str(tmp_path / "cache")), ("UV_FIND_LINKS", "")):
        monkeypatch.setenv(name, text)
    plain = [
        standins.write_wheel(tmp_path / "plain", name, of) for name, of in (("packaging", "26.0"), ("numpy", "2.4"))
    ]
    fork = standins.write_wheel(tmp_path / "fork", "forked-triton", "9.9.1", [], contents("fork"))
    own = standins.write_wheel(tmp_path / "own", "triton", "9.9.0", [], contents("own"))
    other = standins.write_wheel(tmp_path / "other", "triton", "9.9.0", [], contents("other"))
    standins.write_index(tmp_path / "index" / "own", [*plain, own, fork])
    standins.write_index(tmp_path / "index" / "other", [other])
    with standins.serving(tmp_path / "index") as (address, _):
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{address}/own")

        class World:
            file, url = own, f"{address}/other"

            def came_from(self, text, index=None):
                """Where the Triton of the environment that is made for ``text`` came from."""
                row = tritons.row(load(), text, index)
                python = stamped.of_release(row, (), tmp_path / "envs")
                said = commands.run([str(python), "-I", "-c", "import triton; print(triton.FROM)"])
                return python.parents[1].name, said.strip()

        yield World()


def test_a_wheel_an_index_and_a_fork_each_have_an_environment_of_their_own(world):
    assert world.came_from("9.9.0") == ("9.9.0", "own")
    assert world.came_from(str(world.file)) == ("9.9.0+file", "own")
    assert world.came_from("9.9.0", world.url) == ("9.9.0+127.0.0.1", "other")
    assert world.came_from("Forked_Triton==9.9.1") == ("9.9.1+forked-triton", "fork")


def test_a_wheel_that_is_another_one_now_is_installed_anew(world, standins):
    assert world.came_from(str(world.file)) == ("9.9.0+file", "own")
    os.replace(standins.write_wheel(world.file.parent / "new", "triton", "9.9.0", [], contents("new")), world.file)
    assert world.came_from(str(world.file)) == ("9.9.0+file", "new")


def test_what_the_index_does_not_have_is_one_sentence(world, tmp_path):
    with pytest.raises(stamped.NoSuchRelease, match=r"^triton is '9\.9\.7', and the index has no such release$"):
        world.came_from("9.9.7")
    # the user's own index has it, and is not asked
    with pytest.raises(stamped.NoSuchRelease, match=r"forked-triton==9\.9\.1', and http://127\S+ has no such release$"):
        world.came_from("forked-triton==9.9.1", world.url)
    assert not list((tmp_path / "envs").glob("9.*"))


@pytest.mark.parametrize("python", ["3.99", "3.99t"])
def test_a_python_that_cannot_be_had_is_one_sentence(world, tmp_path, python):
    row = tritons.in_python(load().releases["3.9.0"], python)
    with pytest.raises(ValueError, match=rf"^Python {python}, and none that runs was found .*`uv python install"):
        stamped.of_release(row, (), tmp_path / "envs")


def test_a_python_without_the_gil_is_another_one_than_that_of_its_version(tmp_path, monkeypatch):
    """The stand-in says of itself what a build without the GIL says."""
    says = tmp_path / "python3.14t"
    says.write_text("#!/bin/sh\necho 3.14t\n")
    says.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters.find_python.__wrapped__("3.14t") == str(says)
    (tmp_path / "python3.14").symlink_to(says)
    assert interpreters.find_python.__wrapped__("3.14") is None
