"""Providing a cell: which Python, which platform, and what is said where it cannot be had."""

import json
import shutil
import sys
import zipfile

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import Cell, find_root, load
from triton_matrix.environments import harness, interpreters, provide, wheel

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(autouse=True)
def _forget_pythons():
    interpreters.find_python.cache_clear()
    yield
    interpreters.find_python.cache_clear()


@pytest.fixture
def only_path(monkeypatch, tmp_path):
    """A machine whose PATH, pyenv and uv hold nothing yet; returns its one PATH folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return folder


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_running_python_is_found_first():
    assert interpreters.find_python(HERE) == sys.executable


def test_a_version_managers_shim_that_does_not_run_is_passed_over(only_path, tmp_path):
    script(only_path / "python3.9", 'echo "pyenv: python3.9: command not found" >&2; exit 127')
    assert interpreters.find_python("3.9") is None
    real = tmp_path / "pyenv" / "versions" / "3.9.18" / "bin" / "python3.9"
    real.parent.mkdir(parents=True)
    script(real, "echo 3.9")
    interpreters.find_python.cache_clear()
    assert interpreters.find_python("3.9") == str(real)


def test_an_interpreter_of_another_version_under_the_asked_for_name_is_passed_over(only_path):
    script(only_path / "python3.9", "echo 3.10")
    assert interpreters.find_python("3.9") is None


def test_a_cell_without_its_python_is_one_sentence_that_says_how_to_get_it():
    cell = Cell("old", ("cuda",), "why", python="3.9")
    assert interpreters.missing_python(cell).count(". ") == 0
    assert "uv python install 3.9" in interpreters.missing_python(cell)


@pytest.mark.skipif(commands.find_uv() is None, reason="needs uv, whose cache it is about")
def test_wheels_that_are_built_for_one_environment_leave_nothing_in_uvs_cache(venv, tmp_path, standins, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    python = str(venv(tmp_path / "environment"))
    interpreters.install_wheel(python, standins.write_wheel(tmp_path, "own", "1", [], {"own/__init__.py": "A = 1\n"}))
    harness.install(python)
    assert commands.run([python, "-c", "import own, triton_matrix; print(own.A)"], cwd=tmp_path) == "1\n"
    assert not {"own", "triton_matrix"} & {path.name for path in (tmp_path / "cache").rglob("*")}


def test_unavailable_replaces_older_evidence(tmp_path):
    (tmp_path / "junit-interpreter.xml").write_text("<testsuites/>")
    (tmp_path / "environment.json").write_text("{}")
    provide.mark_unavailable(tmp_path, Cell("x", ("rocm",), "why", python="3.11"), "no index")
    assert [path.name for path in tmp_path.iterdir()] == ["unavailable.json"]
    found = json.loads((tmp_path / "unavailable.json").read_text())
    assert (found["verdict"], found["reason"], found["cell"]) == ("unavailable", "no index", "x")
    assert provide.unavailable(tmp_path) == "no index"


def test_an_index_that_does_not_answer_is_named(unused_tcp_port):
    cell = Cell("x", ("rocm",), "why", python="3.11", torch="nightly", index=f"http://127.0.0.1:{unused_tcp_port}/whl")
    with pytest.raises(provide.Unavailable, match="cannot be reached"):
        provide.check_index(cell)


@pytest.fixture
def unused_tcp_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_cell_without_pins_says_which_command_writes_them(tmp_path):
    table = load()
    with pytest.raises(ValueError, match="nox -s lock -- fresh"):
        provide.install(table, Cell("fresh", ("cuda",), "why", python="3.11", torch="2.7.1"), sys.executable)


def test_the_wheel_holds_every_module_of_the_checkout_and_its_data(tmp_path):
    root = find_root()
    built = wheel.build_wheel(load(), "cuda", tmp_path)
    inside = set(zipfile.ZipFile(built).namelist())
    sources = {
        path.relative_to(root).as_posix()
        for path in (root / "liger_kernel").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources - inside == set()


@pytest.fixture
def provided(venv, tmp_path):
    """Provide our cell triton231 in a copy of the checkout, whose cells no session beside this one holds."""
    root, python = tmp_path / "checkout", venv(tmp_path / "env")
    shutil.copytree(find_root() / "constraints", root / "constraints")
    for name in ("pyproject.toml", "build_helpers.py"):
        shutil.copy(find_root() / name, root / name)
    about = ["--root", str(root), "--python", str(python), "--reports", str(tmp_path / "reports")]
    return lambda: provide.main(["--cell", "triton231", *about])


def test_a_failing_step_is_kept_with_its_command_and_last_lines(provided, tmp_path, monkeypatch):
    monkeypatch.setenv("UV", sys.executable)  # a "uv" that knows no `pip sync`: the step fails for real
    reports = tmp_path / "reports"
    status = provided()
    found = json.loads((reports / "triton231" / "failure.json").read_text())
    assert status == 1
    assert found["stage"] == "install"
    assert found["status"] != 0
    assert "pip" in found["tail"]
    assert not (reports / "triton231" / "unavailable.json").exists()


@pytest.mark.parametrize("how", [{"UV_OFFLINE": "1"}, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}])
def test_a_network_that_is_not_there_makes_the_cell_unavailable(provided, tmp_path, monkeypatch, how):
    for name, value in how.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    assert provided() == 3
    assert "cannot be downloaded" in provide.unavailable(tmp_path / "reports" / "triton231")
