"""The front door: one session per row, and what is said of a cell that cannot be had here."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from triton_matrix.base.cells import find_root, load

ROOT = find_root()
NOX = [sys.executable, "-m", "nox"]
ROW = '[cell.future]\npython = "3.99"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "not yet"\n'


def nox(folder, *arguments, **more):
    """nox as a user starts it: nothing of the session that runs this test reaches it."""
    dropped = ("TRITON_MATRIX", "NOX", "PYTEST", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    env["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), env["PATH"]])
    return subprocess.run(
        [*NOX, *arguments],
        cwd=folder,
        env={**env, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def front_door():
    pytest.importorskip("nox", reason="needs nox, which `nox -s check` has")
    from triton_matrix import sessions

    return sessions


@pytest.mark.parametrize("installed", ["2025.2.9", "2026.7.11"])
def test_an_older_nox_ends_with_one_sentence(installed, capsys):
    sessions = front_door()
    with pytest.raises(SystemExit) as ended:
        sessions.check_nox(installed)
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert said.startswith(f"nox: its version is {installed}; the matrix needs {sessions.NOX} or later")


def test_the_nox_that_the_matrix_needs_is_the_one_that_it_depends_on():
    sessions = front_door()
    sessions.check_nox(sessions.NOX)
    assert f'"nox>={sessions.NOX}; ' in (ROOT / "triton_matrix" / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"nox[uv]>={sessions.NOX}"' in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(environments, tmp_path):
    """A copy of this checkout whose table has one cell, which no machine can provide."""
    for name in ("noxfile.py", "build_helpers.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("liger_kernel", "triton_matrix"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    (tmp_path / "tests" / "correctness").mkdir(parents=True)
    (tmp_path / "tests" / "correctness" / "test_one.py").write_text("def test_one(): pass\n")
    (tmp_path / "constraints" / "cells.toml").write_text(ROW)
    return tmp_path


def test_every_row_of_the_table_is_a_tests_and_a_bench_session():
    names = set(re.findall(r"^[*-] (\S+)", nox(ROOT, "-l").stdout, re.MULTILINE))
    cells = list(load().cells)
    assert {f"tests-{name}" for name in cells} | {f"bench-{name}" for name in cells} <= names
    assert {
        "lock",
        "check",
        "check-environments",
        "bench",
        "sanitize",
        "codegen",
        "report",
        "bisect",
        "incidents",
        "wheelhouse",
        "ci-matrix",
    } <= names


def test_kernels_are_sanitized_in_the_cells_that_ran_level_device(tmp_path):
    (tmp_path / "constraints").mkdir()
    (tmp_path / "tests").mkdir()
    table = f'[package]\nname = "x"\n\n{ROW}\n[cell.ambient]\nplatforms = ["cuda"]\nwhy = "what is there"\n'
    (tmp_path / "constraints" / "cells.toml").write_text(table)
    (tmp_path / "noxfile.py").write_text("from triton_matrix import sessions\n\nsessions.from_table(__file__)\n")
    env = {"PYTHONPATH": str(ROOT)}
    done = nox(tmp_path, "-s", "sanitize", **env)
    assert done.returncode == 1
    assert "no cell ran level device, which says which test reaches which kernel" in done.stdout
    (tmp_path / "reports" / "ambient").mkdir(parents=True)
    (tmp_path / "reports" / "ambient" / "run-device.json").write_text("{}")
    done = nox(tmp_path, "-s", "sanitize", **env)
    assert "Running session tests-ambient" in done.stdout, done.stdout
    assert "tests-future" not in done.stdout
    assert "cell ambient installs nothing, and its Python lacks" in done.stdout  # torch and Triton: it goes on without


def test_a_cell_that_cannot_be_had_fails_when_it_is_asked_for_by_name(checkout):
    done = nox(checkout, "-s", "tests-future")
    assert done.returncode != 0
    assert "cell future needs Python 3.99, and none that runs was found" in done.stdout


@pytest.mark.parametrize("left", ["1", str(os.getppid())])
def test_a_variable_that_plain_nox_left_in_a_shell_does_not_excuse_a_cell_that_is_asked_for(checkout, left):
    done = nox(checkout, "-s", "tests-future", TRITON_MATRIX_PLAIN=left)
    assert done.returncode != 0
    assert "cell future needs Python 3.99, and none that runs was found" in done.stdout


@pytest.mark.parametrize("how", [[], ["-j", "2"]], ids=["one by one", "side by side"])
def test_plain_nox_lists_such_a_cell_with_its_sentence_and_never_as_passed(checkout, how):
    # without kernels nothing is compiled for the cell's release, which is not asked about here and takes 8 s
    (checkout / "constraints" / "cells.toml").write_text(f'[package]\nname = "liger-kernel"\nkernels = false\n{ROW}')
    done = nox(checkout, "--no-install", *how)
    assert "Session tests-future skipped: cell future needs Python 3.99" in done.stdout
    assert re.search(r"tests-future: (success|passed)", done.stdout) is None
    found = json.loads((checkout / "reports" / "future" / "unavailable.json").read_text())
    assert found["verdict"] == "unavailable"


def test_a_typing_error_in_the_table_is_one_sentence(checkout):
    (checkout / "constraints" / "cells.toml").write_text(ROW + "pyhton = 3\n")
    done = nox(checkout, "-l")
    assert done.returncode == 2
    assert done.stdout.startswith("nox: cells.toml [cell.future]: unknown key 'pyhton'")
    assert len(done.stdout.splitlines()) == 1


def test_ambient_in_a_python_without_torch_is_listed_in_plain_nox_and_an_error_by_name(checkout):
    if importlib.util.find_spec("torch"):
        pytest.skip("needs a Python without torch, such as that of `nox -s check`")
    (checkout / "constraints" / "cells.toml").write_text(
        '[cell.ambient]\nplatforms = ["cuda"]\nwhy = "what is there"\n'
    )
    sentence = "cell ambient installs nothing, and its Python lacks"
    assert f"Session tests-ambient skipped: {sentence}" in nox(checkout, "--no-install").stdout
    done = nox(checkout, "-s", "tests-ambient")
    assert done.returncode != 0
    assert sentence in done.stdout


@pytest.fixture
def package(environments, tmp_path):
    """Write a package that takes the matrix; gives what plain nox runs of it."""
    (tmp_path / "noxfile.py").write_text("from triton_matrix import sessions\n\nsessions.from_table(__file__)\n")
    (tmp_path / "constraints").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text("")

    def plain(more="", test=False):
        (tmp_path / "constraints" / "cells.toml").write_text(f'[package]\nname = "toys"\n{more}\n{ROW}')
        if test:
            (tmp_path / "tests" / "test_toys.py").write_text("def test_it(): pass\n")
        return set(re.findall(r"^\* (\S+)", nox(tmp_path, "-l", PYTHONPATH=str(ROOT)).stdout, re.MULTILINE))

    return plain


def test_plain_nox_compiles_what_tests_launch_where_no_launches_are_written_and_runs_no_suite_without_a_test(package):
    assert package() == {"launches", "report"}
    assert package(test=True) == {"tests-future", "launches", "report"}
    assert package('suites = ["nowhere"]') == {"tests-future", "launches", "report"}  # which then fails
    assert package("kernels = false") == {"tests-future", "report"}
    assert package('atlas = "toys.py:atlas"') == {"tests-future", "codegen-cells", "values-cells", "report"}
