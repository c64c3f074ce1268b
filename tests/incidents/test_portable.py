"""The linter's survey holds on the Triton of this cell: it is read off the releases, not remembered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import triton

from triton_matrix.base import versions
from triton_matrix.lint import portable

RELEASE = triton.__version__.partition("+")[0]
SURVEYED = portable.language().releases


@pytest.fixture(scope="module")
def here():
    """The survey of this cell's Triton, made in a process of its own.

    An interpreter that has run once leaves its own functions in the place of Triton's.
    """
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-m", "triton_matrix.lint.survey"]
    return json.loads(subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def kept():
    """The survey that the linter keeps, of this release; of the newest one where this is a later one."""
    if versions.key(RELEASE) > versions.key(SURVEYED[-1]):
        return SURVEYED[-1], portable.language(SURVEYED[-1], SURVEYED[-1])
    if RELEASE not in SURVEYED:
        pytest.skip(f"Triton {RELEASE} is not surveyed; triton_matrix/lint/survey.py says how to add it")
    return RELEASE, portable.language(RELEASE, RELEASE)


def of_release(kept, table):
    """What a table of the survey gives to a release."""
    release, language = kept
    return {item for interval, items in table.items() if language.within(interval) for item in items if release}


@pytest.mark.parametrize("what", ["options", "builtins", "syntax"])
def test_the_survey_has_what_this_release_has(here, kept, what):
    assert set(here[what]) == of_release(kept, kept[1].data[what])


def test_the_survey_has_the_names_of_this_release(here, kept):
    names = kept[1].data["names"]
    assert {name: sorted(of_release(kept, names.get(name, {}))) for name in here["names"]} == here["names"]


def test_the_survey_has_the_parameters_of_this_release(here, kept):
    parameters = kept[1].data["parameters"]
    found = {name: of_release(kept, parameters.get(name, {})) for name in here["parameters"]}
    assert found == {name: set(names) for name, names in here["parameters"].items()}


def test_the_survey_has_how_many_arguments_are_taken_by_position(here, kept):
    _, language = kept
    counts = {name: language.too_many(name, 0)[1] for name in here["positions"]}
    assert counts == here["positions"]


def test_the_releases_of_the_table_are_surveyed():
    from triton_matrix.base import cells

    missing = [release for release in cells.load_at().releases if release not in SURVEYED]
    if missing:
        # a new row of the table needs a lock and no more: until it is surveyed, the linter says nothing of it
        pytest.skip(f"Triton {', '.join(missing)} not surveyed for the linter; triton_matrix/lint/survey.py says how")
