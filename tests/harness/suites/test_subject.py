"""Another package under the suites: never mixed with ours, and refused in one sentence where it is no subject."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root, load_at
from triton_matrix.environments import interpreters
from triton_matrix.suites import subject

ROOT = find_root()
PROVIDES = "liger_kernel.ops.layer_norm:LigerLayerNormFunction"
HOOK = f'[package.subject]\nprovides = "{PROVIDES}"\nsuites = []\n'
LAYER_NORM = {
    "liger_kernel/__init__.py": "",
    "liger_kernel/ops/__init__.py": "",
    "liger_kernel/ops/layer_norm.py": "class LigerLayerNormFunction:\n    pass\n",
}


def wheel(folder, files, name="liger_kernel", version="9.9"):
    """A wheel of nothing but ``files``."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    files = {**files, f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
    return path


@pytest.fixture
def table(tmp_path):
    """A checkout with one cell that pins nothing, so that its environment is made at once."""
    (tmp_path / "constraints").mkdir()
    (tmp_path / "tests").mkdir()
    row = f'python = "{sys.version_info[0]}.{sys.version_info[1]}"\ntorch = "1"\ntriton = "1"\nplatforms = ["cuda"]\n'
    ambient = '[cell.ambient]\nplatforms = ["cuda"]\nwhy = "y"\n'
    (tmp_path / "constraints" / "cells.toml").write_text(f'{HOOK}[cell.empty]\n{row}why = "x"\n{ambient}')
    (tmp_path / "constraints" / "empty.txt").write_text("")
    return tmp_path


def ask(table, *args):
    return subject.main(["--cell", "empty", "--root", str(table), "--envs", str(table / "envs"), *args])


def test_a_package_without_the_needed_name_gets_one_sentence(environments, table, capsys):
    files = {**LAYER_NORM, "liger_kernel/ops/layer_norm.py": "def layer_norm(): pass\n"}
    assert ask(table, str(wheel(table, files))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no liger_kernel.ops.layer_norm.LigerLayerNormFunction" in line


def test_a_package_that_cannot_be_installed_is_named(environments, table, capsys):
    path = table / "broken-1-py3-none-any.whl"
    path.write_text("not a wheel")
    assert ask(table, str(path)) == 2
    assert f"subject is {str(path)!r}, which cannot be installed" in capsys.readouterr().err


@pytest.mark.parametrize(("cell", "said"), [("ambient", "needs a cell with pins"), ("none", "unknown cell 'none'")])
def test_a_cell_that_has_no_pins_is_refused(table, capsys, cell, said):
    assert subject.main(["--cell", cell, "--root", str(table), "liger-kernel"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_only_the_harness_of_this_checkout_is_found_beside_the_subject(environments, table):
    envs = table / "envs"
    cell = load_at(table).cell("empty")
    loaded = load_at(table)
    python = subject.install(loaded, cell, str(wheel(table, LAYER_NORM)), envs)
    assert subject.check(python, "x", PROVIDES) == ("liger-kernel", "9.9")
    code = (
        "import importlib.util, liger_kernel, triton_matrix.base.cells\n"
        "print(liger_kernel.__file__)\nprint(triton_matrix.base.cells.__file__)\n"
        "print(importlib.util.find_spec('liger_kernel.kernels'))"
    )
    theirs, ours, kernels = commands.run([str(python), "-c", code], cwd=table).splitlines()
    assert theirs.startswith(str(envs))
    assert ours.startswith(str(envs))
    assert kernels == "None"


def test_our_own_package_is_not_tested_under_a_subjects_name():
    code = "from subjects import plugin; plugin.ensure_subject()"
    env = {"TRITON_MATRIX_SUBJECT": "liger-kernel==0.5.10", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert "the subject is liger-kernel==0.5.10, but liger_kernel is found in" in done.stderr


def test_a_local_path_is_installed_anew_each_time(environments, table):
    envs, path = table / "envs", wheel(table, LAYER_NORM)
    loaded = load_at(table)
    python = subject.install(loaded, loaded.cell("empty"), str(path), envs)
    path.unlink()
    wheel(table, {**LAYER_NORM, "liger_kernel/changed.py": ""})
    subject.install(loaded, loaded.cell("empty"), str(path), envs)
    commands.run([str(python), "-c", "import liger_kernel.changed"], cwd=table)


def test_a_cell_whose_python_is_missing_is_unavailable(table, monkeypatch, capsys):
    monkeypatch.setattr(interpreters, "find_python", lambda version: None)
    assert ask(table, "liger-kernel==0.5.10") == 3
    assert "needs Python" in capsys.readouterr().err
