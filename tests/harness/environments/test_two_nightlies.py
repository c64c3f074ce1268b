"""Two cells of tomorrow, a nightly and a release candidate, each from an index of its own: from the lock to the issue.

The candidate's Triton is a released one, made of the wheel's own files (those of the atlas's environments) and served
as what it was once; the suite compiles a kernel with it. That of the nightly, and each torch, which requires just its
Triton and is built for CUDA, stand in: what is looked at is which pair each cell gets.
"""

import json
import os
import sys

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.base import commands
from triton_matrix.ci import issue
from triton_matrix.environments import lock, provide

from ..ci.toy import KERNEL

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
PAIRS = {"night": ("nightly", "2.8.0.dev20250728+cu128", "3.4.0"), "next": ("rc", "2.7.1+cu128", "3.3.1")}
ROW = """
[cell.{name}]
python = "{python}"
torch = "{kind}"
triton = "{kind}"
platforms = ["cuda"]
index = "{address}/{name}"
requires = ["numpy<2.4"]
why = "the test"
"""
LAUNCH = """
kernel = "kernel.py:add_one"
[args]
x_ptr = "*fp32"
n = 4096
[constexprs]
BLOCK = 512
"""
SUITE = """
import subprocess
import sys
from pathlib import Path

import pytest
import triton

LAUNCH = Path(__file__).with_name("launch.toml")


@pytest.mark.skipif(triton.__version__ != "3.3.1", reason="another Triton stands in")
def test_a_kernel_compiles():
    command = [sys.executable, "-m", "triton_matrix", "compile", "--launches", str(LAUNCH), "--target", "cuda:90"]
    done = subprocess.run([*command, "--no-cache"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_the_candidate_is_well():
    assert triton.__version__ == "3.3.1", f"this is Triton {triton.__version__}"
"""
FILES = {"test_some.py": SUITE, "kernel.py": KERNEL, "launch.toml": LAUNCH}


@pytest.fixture
def world(release_python, standins, tmp_path, monkeypatch):
    """A tiny package with the two cells, and their indexes on loopback."""
    for name in ("UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    for name, (_, torch, triton) in PAIRS.items():
        says = standins.torch_files(__version__=torch, cuda="12.8")
        own = [standins.write_wheel(tmp_path / name, "torch", torch, [f"triton=={triton}"], says)]
        if name == "night":
            version = {"triton/__init__.py": f"__version__ = {triton!r}\n"}
            own += [standins.write_wheel(tmp_path / name, "triton", triton, [], version)]
        else:  # without what profiles, a quarter of it
            site = next(release_python(triton).parents[1].glob("lib/python*/site-packages"))
            own += [standins.wheel_of_installed("triton", tmp_path / name, site, ("cupti", "instrumentation"))]
        standins.write_index(tmp_path / "index" / name, own)
    with standins.serving(tmp_path / "index") as (address, _):
        table = "[package]\nname = 'tiny'\nkernels = false\n[platform.hosted]\nrunner = ['here']\n"
        table += "[platform.cuda]\nrunner = ['there']\n"
        for name, (kind, _, _) in PAIRS.items():
            table += ROW.format(name=name, python=HERE, kind=kind, address=address)
        standins.write_checkout(
            tmp_path / "tiny", table, **{f"tests/correctness/{name}": text for name, text in FILES.items()}
        )
        yield tmp_path / "tiny"


def test_each_cell_gets_the_pair_of_its_index_and_the_issue_names_both(world, venv, tmp_path, capsys):
    """A Triton of half a GB is packed, served and installed: the slowest test of this room."""
    root = ["--root", str(world)]
    for name, (_, torch, triton) in PAIRS.items():
        assert lock.main([name, *root]) == 0
        python = str(venv(tmp_path / f"{name}-environment"))
        assert provide.main(["--cell", name, "--python", python, *root]) == 0, capsys.readouterr()
        env = {**os.environ, "PYTHONPATH": ""}
        command = [python, "-m", "triton_matrix", "run", "--cell", name, "--level", "interpreter", *root]
        done = commands.captured(command, env=env, cwd=world / "tests")
        assert done.returncode == (0 if triton == "3.3.1" else 1), done.stdout
        failing = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        assert len(failing) == (triton != "3.3.1"), failing
        recorded = json.loads((world / "reports" / name / "environment.json").read_text())
        assert (recorded["torch"]["version"], recorded["triton"]["version"]) == (torch, triton)
    capsys.readouterr()
    assert issue.main(root) == 0
    said = capsys.readouterr().out
    assert "## night: fail" in said
    assert "## next: pass" in said
    for _, torch, triton in PAIRS.values():
        assert f"torch {torch} (torch), triton {triton} (triton)" in said
    assert "this is Triton 3.4.0" in said


def test_a_candidate_whose_index_is_gone_is_unavailable_with_one_sentence(standins, venv, tmp_path, capsys):
    table = ROW.format(name="next", python=HERE, kind="rc", address="http://127.0.0.1:9")
    standins.write_checkout(tmp_path / "tiny", table)
    root = ["--root", str(tmp_path / "tiny")]
    python = str(venv(tmp_path / "environment"))
    assert provide.main(["--cell", "next", "--python", python, *root]) == 3
    said = capsys.readouterr().err
    assert said.startswith("provide: cell next needs the index http://127.0.0.1:9/next, which cannot be reached")
    assert said.count("\n") == 1
