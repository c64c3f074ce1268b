"""The Python of a scan is one that the package allows; newest files are read; releases without a wheel are named."""

import sys

import pytest

from triton_matrix.base import pairs
from triton_matrix.environments import interpreters, project
from triton_matrix.scan import interpreter

OWN = sys.version_info[1]


@pytest.fixture
def here(monkeypatch):
    """Let only these Pythons be on this machine."""

    def only(*versions):
        monkeypatch.setattr(interpreters, "find_python", lambda each: f"/{each}" if each in versions else None)

    return only


def package(requires_python):
    return project.Project("toys", requires_python, ())


def test_a_release_gets_a_python_that_is_here_before_one_that_would_be_brought(here):
    here("3.11", "3.13")
    assert interpreter.of_pair(pairs.of("3.4.0"), package(">=3.12")) == "3.13"
    here()
    assert interpreter.of_pair(pairs.of("3.4.0"), package(">=3.12")) == "3.12"
    assert interpreter.of_pair(pairs.of("3.4.0"), package("")) == "3.11"


def test_a_release_without_a_wheel_for_a_python_that_the_package_allows_is_named(here):
    here()
    found, said = interpreter.releases(package(">=3.12"))
    assert "2.3.1" not in found
    assert {row.python for row in found.values()} == {"3.12"}
    assert said == ["not asked: triton 2.3.1, which has no wheels for it: requires-python is '>=3.12'"]
    assert interpreter.releases(package(""))[1] == []


def test_files_are_read_by_a_newer_python_where_the_package_needs_one_or_they_are_not_parsed(here):
    newer = f"3.{OWN + 1}"
    here(newer)
    assert interpreter.newer(package(f">=3.{OWN}"), unread=False) is None
    assert interpreter.newer(package(f">=3.{OWN}"), unread=True) == newer
    assert interpreter.newer(package(f">={newer}"), unread=False) == newer
    assert interpreter.newer(package(f"<={newer[:2]}{OWN}.99"), unread=True) is None
    here()
    assert interpreter.newer(package(""), unread=True) is None
