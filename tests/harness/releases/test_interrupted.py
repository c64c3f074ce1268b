"""A run over releases that is ended leaves nothing that compiles on, and no file that is written later."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load_at
from triton_matrix.evidence import atlas_runs

from ..conftest import ENVS, ROOT
from .conftest import ASKED, COPY

needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc: Linux")


def processes(mark):
    """Ids of the running processes that name ``mark`` in their command or that hold its folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            names = (path / "cmdline").read_bytes().decode(errors="replace")
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark in names and state != "Z" and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_compiles_ends_with_the_verb(release_python, tmp_path, number):
    release_python("3.9.0")
    (tmp_path / "mine.py").write_text(
        COPY.format(head=f"open({str(tmp_path / 'begun')!r}, 'w')\nwhile True: pass", n="n")
    )
    (tmp_path / "launch.toml").write_text(ASKED.format(block="64"))
    command = [sys.executable, "-m", "triton_matrix", "codegen", "--root", ROOT, "--envs", ENVS, "--triton", "3.9.0"]
    command += ["--launches", tmp_path / "launch.toml", "--out", tmp_path / "out", "--target", "cuda:90", "--no-cache"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for((tmp_path / "begun").exists)
        assert len(processes(str(tmp_path))) > 2  # the verb, the release's Python, and what it forked
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "Traceback" not in said
        wait_for(lambda: not processes(str(tmp_path)))
    finally:
        for each in processes(str(tmp_path)):
            os.kill(each, signal.SIGKILL)
    assert not list((tmp_path / "out").glob("[0-9]*.json"))
    assert atlas_runs.read(tmp_path / "out").closed is None


def test_sources_that_change_meanwhile_make_a_file_of_the_sources_of_before(codegen, tmp_path):
    root = tmp_path / "checkout"
    (root / "constraints").mkdir(parents=True)
    (root / "constraints" / "cells.toml").write_text(
        '[package]\nname = "p"\n[cell.ambient]\nplatforms = ["cuda"]\nwhy = "x"\n'
    )
    (root / "p").mkdir()
    (root / "p" / "__init__.py").write_text("")
    head = "import pathlib\npathlib.Path(__file__).with_name('other.py').write_text('edited = True')"
    (root / "p" / "mine.py").write_text(COPY.format(head=head, n="n"))
    (root / "launch.toml").write_text(ASKED.format(block="64").replace("mine.py", "p/mine.py"))
    before = sources.package_digest(load_at(root))
    done = codegen("3.9.0", "--launches", root / "launch.toml", "--json", tmp_path / "out.json", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert sources.package_digest(load_at(root)) != before
    assert json.loads((tmp_path / "out.json").read_text())["sources"] == before
