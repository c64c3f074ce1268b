"""What the linter says of a release is what that release does: an example of each class of finding is tried on each."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from triton_matrix.base import cells
from triton_matrix.lint import kernels, portable

from . import examples

ROOT = Path(__file__).parents[3]
FAILS = {name: (level, text, given) for name, (level, _, _, text, given) in examples.EXAMPLES.items()}
RELEASES = list(cells.load(ROOT / "constraints" / "cells.toml").releases)
# of what is interpreted, no example ends otherwise from 3.3.1 to the newest
INTERPRETED = [*RELEASES[: RELEASES.index("3.3.1") + 1], RELEASES[-1]]
ASKED = [(release, level) for level in ("codegen", "hip", "launch") for release in RELEASES]
ASKED += [(release, "interpreter") for release in INTERPRETED]


@pytest.fixture(scope="session")
def outcome(release_python):
    """What each of some examples fails with on a release at its level; None where it works there."""
    kept = {}

    def run(release, wanted):
        key = (release, tuple(sorted(wanted)))
        if key not in kept:
            env = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
                "OMP_NUM_THREADS": "1",
            }
            (interpreted,) = {level == "interpreter" for level, _, _ in wanted.values()}
            env["TRITON_INTERPRET"] = "1" if interpreted else "0"
            script = Path(__file__).with_name("run_examples.py")
            command = [str(release_python(release)), "-W", "ignore", str(script)]
            command += ["whole"] if release in (RELEASES[0], RELEASES[-1]) else []
            asked = json.dumps(wanted)
            done = subprocess.run(
                command, env=env, input=asked, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout.splitlines()[-1])
            assert said["release"] == release
            kept[key] = said["found"]
        return kept[key]

    return run


@pytest.fixture(scope="session")
def of_all(outcome):
    """The same of every example, those that work under ``silent ...``: one process asks all that are interpreted, and
    one asks all others."""
    mine = {**FAILS, **{f"silent {name}": each for name, each in examples.SILENT.items()}}

    def run(release, level):
        interpreted = level == "interpreter"
        return outcome(
            release, {name: each for name, each in mine.items() if (each[0] == "interpreter") == interpreted}
        )

    return run


def causes(folder, text, release):
    """(rule, cause) of what the linter finds in a file for a package that supports one release only."""
    path = folder / "example.py"
    path.write_text(text)
    return {(found.rule, found.cause) for found in kernels.check([path], portable.language(release, release))[0]}


@pytest.mark.parametrize(("release", "level"), ASKED)
def test_an_example_fails_on_the_releases_that_the_linter_names_and_on_no_other(release, level, of_all, tmp_path):
    mine = {name: each for name, each in examples.EXAMPLES.items() if each[0] == level}
    failures = of_all(release, level)
    wrong = {}
    for name, (_, rule, cause, text, _) in mine.items():
        all_found = causes(tmp_path, text, release)
        fails = isinstance(failures[name], str)  # a launch that works gives its options
        found = (rule, cause) in all_found
        another = any(each == rule for each, _ in all_found)  # tl.range is not there, and so has no keyword
        if found > fails or fails > another:
            wrong[name] = f"the linter says {'it fails' if found else 'nothing'}, and it gives {failures[name]}"
    assert wrong == {}


@pytest.mark.parametrize(("release", "level"), [each for each in ASKED if each[1] in ("codegen", "interpreter")])
def test_what_the_linter_leaves_alone_works(release, level, of_all, tmp_path):
    mine = {name: each for name, each in examples.SILENT.items() if each[0] == level}
    failures = {name: of_all(release, level)[f"silent {name}"] for name in mine}
    rule = "not-portable" if level == "codegen" else "not-interpreted"
    said = {
        name: {found for found in causes(tmp_path, each[1], release) if found[0] == rule} for name, each in mine.items()
    }
    assert {name: (failures[name], said[name]) for name in mine} == {name: (None, set()) for name in mine}


def test_every_example_is_found_by_a_linter_that_asks_about_all_releases(tmp_path):
    missed = {}
    for name, (_, rule, cause, text, _) in examples.EXAMPLES.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        if (rule, cause) not in {(found.rule, found.cause) for found in kernels.check([path])[0]}:
            missed[name] = kernels.check([path])[0]
    assert missed == {}


@pytest.mark.parametrize("release", ["3.3.1", "3.9.0"])
def test_a_launch_takes_a_parameter_for_the_option_of_that_name_and_4_warps_where_none_is_passed(release, outcome):
    declares = examples.text("tl.store(X, maxnreg)", parameters="X, maxnreg: tl.constexpr")
    default = examples.text("tl.store(X, 1.0)")
    said = outcome(release, {"declared": ("launch", declares, {"maxnreg": 32}), "default": ("launch", default, {})})
    assert said["declared"]["maxnreg"] == 32
    assert said["default"]["num_warps"] == 4
