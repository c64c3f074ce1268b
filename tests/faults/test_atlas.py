"""Faults under a real run of the atlas: no green but of what came to its end, nothing lost, and a green repeat."""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from atlas_package import BOTH, RELEASES, ROOT, ROWS, Package

from triton_matrix.base import commands
from triton_matrix.environments import stamped

MOMENTS = 8
ENVS = Path(os.environ.get("TRITON_MATRIX_ENVS", ROOT / ".nox" / "codegen"))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what compiles ends with its parent on Linux only")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A package with a whole atlas, and the seconds that compiling it anew takes here."""
    for release in RELEASES:
        try:
            stamped.of_release(ROWS[release], (), ENVS)
        except (commands.ToolError, ValueError) as problem:
            pytest.skip(f"an environment with triton {release} is needed, and making one fails: {problem}")
    package = Package(tmp_path_factory.mktemp("atlas") / "checkout", ENVS).write()
    assert package.codegen(*BOTH) == 0
    began = time.monotonic()
    assert package.codegen(*BOTH, "--no-cache") == 0
    assert package.report()["exit_status"] == 0
    return package, time.monotonic() - began


@pytest.fixture
def package(whole, tmp_path):
    shutil.copytree(whole[0].root, tmp_path / "checkout")
    return Package(tmp_path / "checkout", ENVS)


@pytest.mark.parametrize("number", range(MOMENTS))
def test_an_atlas_that_is_ended_at_a_random_moment(package, whole, seed, number):
    choose = random.Random(seed * MOMENTS + number)
    how = choose.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    moment = choose.uniform(0, whole[1])
    what = f"seed {seed}, number {number}: {how.name} after {moment:.2f} s of {whole[1]:.2f} s"
    before = {name: len(json.loads(content)["entries"]) for name, content in package.files().items()}
    package.edit()  # what it has is of other sources
    process = package.start(*BOTH)
    time.sleep(moment)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said, f"{what}\n{said}"
    for path in package.folder.glob("*.json"):
        json.loads(path.read_text())
    assert {name: len(json.loads(content)["entries"]) for name, content in package.files().items()} == before, what
    assert (package.report()["exit_status"] == 0) == (process.returncode == 0), what
    assert package.codegen(*BOTH) == 0, what
    assert package.report()["exit_status"] == 0, what


def test_a_network_that_is_gone_before_all_releases_are_provided(package, tmp_path, monkeypatch):
    (tmp_path / "envs" / "results").mkdir(parents=True)
    (tmp_path / "envs" / RELEASES[0]).symlink_to(ENVS / RELEASES[0])
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    assert package.codegen("--target", "cuda:90", "--envs", str(tmp_path / "envs")) == 2
    assert package.report("--expect", "codegen")["exit_status"] == 2
    monkeypatch.undo()
    assert package.codegen("--target", "cuda:90") == 0
    assert package.report("--expect", "codegen")["exit_status"] == 0
