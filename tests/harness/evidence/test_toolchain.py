"""What a cell ran on is what it resolved to."""

import json
import platform
import subprocess
import sys

from triton_matrix.evidence import toolchain


def test_the_record_names_this_python_and_every_distribution():
    found = toolchain.record("ambient")
    assert found["schema"] == toolchain.SCHEMA
    assert found["python"] == platform.python_version()
    assert found["distributions"]["pytest"]
    assert found["gpus"] == [] or found["gpus"][0]["arch"].startswith(("cuda:", "hip:"))


def test_an_import_that_fails_is_recorded_as_what_it_raised(tmp_path, monkeypatch):
    (tmp_path / "triton.py").write_text("raise OSError('libcuda.so.1: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    assert toolchain.record("ambient")["triton"] == {"error": "OSError: libcuda.so.1: cannot open shared object file"}


def test_the_owner_of_a_module_is_found_under_another_name(tmp_path, monkeypatch):
    info = tmp_path / "pytorch_triton_rocm-3.5.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pytorch-triton-rocm\nVersion: 3.5.1\n")
    (info / "RECORD").write_text("otherpackage/__init__.py,,\n")
    other = tmp_path / "torch-9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9\n")
    (other / "RECORD").write_text("torch/_inductor/otherpackage/__init__.py,,\n")  # not the owner: only a folder's name
    monkeypatch.syspath_prepend(tmp_path)
    assert toolchain.distribution_of("otherpackage") == "pytorch-triton-rocm"


def test_the_commit_and_whether_the_tree_differs_from_it(tmp_path):
    def git(*arguments):
        return subprocess.run(
            ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "first")
    assert toolchain.git_state(tmp_path) == (git("rev-parse", "HEAD"), False)
    (tmp_path / "file").write_text("2")
    assert toolchain.git_state(tmp_path) == (git("rev-parse", "HEAD"), True)


def test_sources_without_history_take_the_commit_they_are_told(tmp_path, monkeypatch):
    assert toolchain.git_state(tmp_path) == (None, None)
    monkeypatch.setenv("TRITON_MATRIX_COMMIT", "abc123")
    assert toolchain.git_state(tmp_path) == ("abc123", None)


def test_the_verb_writes_the_record_to_a_file(tmp_path):
    target = tmp_path / "environment.json"
    assert toolchain.main(["--cell", "ambient", "--json", str(target)]) == 0
    assert json.loads(target.read_text())["cell"] == "ambient"


def test_a_package_that_is_a_namespace_is_found(tmp_path, monkeypatch):
    table = '[package]\nname = "spaced"\n[cell.ambient]\nplatforms = ["cuda"]\nwhy = "x"\n'
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text(table)
    (tmp_path / "spaced" / "inner").mkdir(parents=True)  # no __init__.py
    monkeypatch.syspath_prepend(tmp_path)
    assert toolchain._package(tmp_path) == {"version": None, "origin": "tree", "requires": []}
