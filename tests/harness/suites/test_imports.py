"""A cell's suites import the wheel that it installed, and not the sources beside them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base.cells import find_root

ROOT = find_root(Path(__file__).parent)
ROW = '[cell.new]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "x"\n'
NO_SETTINGS = {"pyproject.toml": '[project]\nname = "small"\n'}  # of pytest's
AMBIENT = '[cell.ambient]\nplatforms = ["cuda"]\nwhy = "x"\n'
TEST = "import small\n\n\ndef test_where():\n    assert small.WHERE == 'installed'\n"


@pytest.fixture
def run(tmp_path):
    """Run the suite of a package whose module is in the checkout and, as if installed, in another folder."""

    def run(layout, settings="", cell="new", files=(), options=()):
        root, site = tmp_path / "checkout", tmp_path / "site"
        contents = {
            "constraints/cells.toml": f'[package]\nname = "small"\nsuites = ["tests"]\n{ROW}{AMBIENT}',
            "pyproject.toml": f'[project]\nname = "small"\n[tool.pytest.ini_options]\n{settings}\n',
            f"{layout}small/__init__.py": "WHERE = 'checkout'\n",
            "tests/test_it.py": TEST,
            **dict(files),
        }
        for name, text in contents.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (site / "small").mkdir(parents=True, exist_ok=True)
        (site / "small" / "__init__.py").write_text("WHERE = 'installed'\n")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)]), "TRITON_MATRIX_CELL": cell}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "triton_matrix.suites.imports", *options, "../tests"]
        return subprocess.run(command, cwd=root / "constraints", env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("layout", "settings", "files"),
    [
        ("", "", {}),
        ("src/", 'pythonpath = ["src"]', {}),
        ("", 'pythonpath = ["."]', {}),
        ("", "", {"tests/__init__.py": ""}),  # the folder above the topmost __init__.py goes on the path
        ("", "", {"tests/__init__.py": "", "tests/conftest.py": "import small\n"}),
    ],
)
def test_whatever_the_package_puts_on_the_path_the_installed_one_is_imported(run, layout, settings, files):
    done = run(layout, settings, files=files)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_settings_of_pytests_above_the_root_do_not_turn_the_guard_off(run, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = checkout\n")
    done = run("", files=NO_SETTINGS, options=[f"--rootdir={tmp_path / 'checkout'}"])  # as the verb `run` says it
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_guard_that_finds_no_table_lets_nothing_run(run, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = checkout\n")
    done = run("", files=NO_SETTINGS)
    assert done.returncode == 4
    assert "the table of cell new cannot be read: no constraints/cells.toml at or above" in done.stderr


def test_helpers_beside_the_tests_are_still_found(run):
    helper = {"tests/__init__.py": "", "tests/helper.py": "VALUE = 1\n"}
    done = run(
        "src/", 'pythonpath = ["src", "."]', files={**helper, "tests/test_it.py": "import tests.helper\n" + TEST}
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_suite_that_imports_the_sources_all_the_same_is_stopped_with_one_sentence(run):
    conftest = "import sys\nfrom pathlib import Path\n\nsys.path.insert(0, str(Path(__file__).parents[1]))\n"
    done = run("", files={"tests/conftest.py": conftest})
    assert done.returncode == 4
    assert "the suites imported small from the checkout (small/__init__.py), and not from the wheel" in done.stderr


def test_the_ambient_cell_has_no_wheel_and_takes_the_sources(run):
    done = run("src/", 'pythonpath = ["src"]', cell="ambient")
    assert "1 failed" in done.stdout
    assert "'checkout' == 'installed'" in done.stdout
