"""What comes from outside is no finding: a user's shell, and a signal that ends a compiler in the middle."""

import json

import pytest

from triton_matrix.base import compiler_variables
from triton_matrix.releases import bisect, explain

from ..conftest import ENVS, ROOT
from .conftest import ASKED, CALLED, COPY

VARIABLES = {"DISABLE_LLVM_OPT": "1", "DISABLE_PTXAS_OPT": "1", "TRITON_PTXAS_PATH": "/no/ptxas", "PYTHONOPTIMIZE": "2"}
# of a module that, in one release, ends the compiler of its kernel as Linux does where memory runs out
KILLED = """import os, signal, triton
import triton.compiler.compiler as compiler
if triton.__version__.startswith("{release}"):
    def end(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)
    compiler.ASTSource.make_ir = end
"""


def metrics(tmp_path, release):
    content = json.loads((tmp_path / "out" / f"{release}.json").read_text())
    return [item["metrics"] for item in content["entries"]]


def test_what_a_shell_sets_does_not_reach_the_compiler_and_is_said(ask, tmp_path, monkeypatch):
    assert ask(COPY.format(head="", n="n"))[0] == 0
    plain = metrics(tmp_path, "3.9.0")
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    status, _, errors = ask(COPY.format(head="", n="n"))
    assert status == 0, errors
    assert metrics(tmp_path, "3.9.0") == plain
    assert f"not passed on, so that each Triton compiles as it comes: {', '.join(sorted(VARIABLES))}" in errors


def test_a_triton_that_pythonpath_brings_is_not_taken_for_the_release(
    ask, release_python, tmp_path, monkeypatch, capfd
):
    site = release_python("3.9.0").parents[1] / "lib" / "python3.11" / "site-packages"
    (tmp_path / "development").mkdir()
    (tmp_path / "development" / "triton").symlink_to(site / "triton")
    launch, folders = str(tmp_path / "launch.toml"), ["--root", str(ROOT), "--envs", str(ENVS)]
    for path in (site, tmp_path / "development"):
        monkeypatch.setenv("PYTHONPATH", str(path))
        status, table, errors = ask(COPY.format(head="", n="n"))
        assert status != 0
        assert "triton 3.3.1 is asked, and Python imports 3." in errors
        assert "nothing got worse" not in table
        assert not (tmp_path / "out" / "3.3.1.json").exists()
        asked = [launch, "--target", "cuda:90", "--from", "3.3.1", "--to", "3.9.0", "--json", str(tmp_path / "x.json")]
        assert explain.main([*asked, *folders]) == 2
        assert "triton 3.3.1 is asked, and Python imports 3." in capfd.readouterr().err


def test_the_harness_s_own_variables_and_empty_ones_are_none_of_them():
    environ = {"TRITON_MATRIX_CACHE": "x", "TRITON_CACHE_DIR": "x", "DISABLE_LLVM_OPT": "", "PATH": "x"}
    assert compiler_variables.of_shell(environ) == {}
    assert set(compiler_variables.without(environ)) == {"TRITON_MATRIX_CACHE", "TRITON_CACHE_DIR", "PATH"}


def test_a_file_that_was_compiled_with_such_variables_says_so(codegen, tmp_path):
    (tmp_path / "mine.py").write_text(COPY.format(head="", n="n"))
    (tmp_path / "launch.toml").write_text(ASKED.format(block="64"))
    done = codegen("3.9.0", "--launches", "launch.toml", "--json", "out.json", "--no-cache", DISABLE_PTXAS_OPT="1")
    assert done.returncode == 0, done.stderr
    assert "compiled with DISABLE_PTXAS_OPT=1, as this shell has it" in done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["variables"] == {"DISABLE_PTXAS_OPT": "1"}


def test_a_compiler_that_is_killed_from_outside_is_no_crash(ask, tmp_path):
    status, table, errors = ask(COPY.format(head=KILLED.format(release="3.9"), n="n"))
    assert status == 1, errors
    assert (
        f"error: {CALLED} hip:gfx942, triton 3.9.0: was not compiled: SIGKILL ended the compiler from outside" in table
    )
    (entry,) = json.loads((tmp_path / "out" / "3.9.0.json").read_text())["entries"]
    assert entry["unanswered"]
    assert "crash" not in entry


# 2.3.1 runs ptxas through a shell, so that its parent is no compiler
@pytest.mark.parametrize(
    ("release", "who"), [("2.3.1", "$$"), ("3.3.1", "$$"), ("3.9.0", "$$"), ("3.3.1", "$PPID"), ("3.9.0", "$PPID")]
)
def test_a_ptxas_or_its_compiler_that_is_killed_says_nothing_of_the_kernel(codegen, tmp_path, release, who):
    ptxas = tmp_path / "ptxas"
    ptxas.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--version*) echo 'release 12.4, V12.4.0'; exit 0 ;; esac\nkill -9 {who}\n"
    )
    ptxas.chmod(0o755)
    (tmp_path / "mine.py").write_text(COPY.format(head="", n="n"))
    (tmp_path / "launch.toml").write_text(ASKED.format(block="64"))
    asked = ("--launches", "launch.toml", "--json", "out.json", "--cache", "cache", "--target", "cuda:80")
    done = codegen(release, *asked, TRITON_PTXAS_PATH=str(ptxas))
    assert done.returncode == 1, done.stderr
    (entry,) = json.loads((tmp_path / "out.json").read_text())["entries"]
    assert entry["unanswered"], entry["reason"]
    assert entry["reason"].startswith("was not compiled: SIGKILL ended the compiler from outside")
    assert not (tmp_path / "cache").exists()  # it is asked again the next time


def test_bisect_and_explain_do_not_take_a_killed_compiler_for_an_answer(ask, bisected, tmp_path, capfd):
    ask(COPY.format(head=KILLED.format(release="3.9"), n="n"))
    folders = ["--root", str(ROOT), "--envs", str(bisected("3.3.1", "3.9.0"))]
    launch = str(tmp_path / "launch.toml")
    assert bisect.main([launch, "--good", "3.3.1", "--bad", "3.9.0", *folders]) == 2
    assert f"triton 3.9.0 could not be asked: {CALLED} cuda:90: error: was not compiled" in capfd.readouterr().err
    asked = [launch, "--target", "cuda:90", "--from", "3.3.1", "--to", "3.9.0", "--json", str(tmp_path / "x.json")]
    assert explain.main([*asked, *folders]) == 2
    assert "triton 3.9.0 has no answer: was not compiled" in capfd.readouterr().err
