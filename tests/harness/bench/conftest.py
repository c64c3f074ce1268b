"""What tests of the verb share."""

import json
import shutil

import pytest

from .toy import CELLS, CONFTEST, KNOWN, SUITE, bench, written

ADDOPTS = ["--strict-markers", "--import-mode=importlib"]


def write(root):
    for path, text in {
        "constraints/cells.toml": CELLS,
        "pyproject.toml": f"[tool.pytest.ini_options]\naddopts = {ADDOPTS}\n",
        "tests/benchmarks/conftest.py": CONFTEST,
        "tests/benchmarks/bench_toy.py": SUITE,
        "tests/benchmarks/test_toy.py": "def test_of_the_suite_itself():\n    raise AssertionError\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture
def root(tmp_path):
    """A repository with a table and a suite of benchmarks in the folder where they are looked for by default."""
    return write(tmp_path / "repository")


@pytest.fixture(scope="session")
def known_once(tmp_path_factory):
    """The repository with a suite of three rows, and the file of one whole run beside it as a baseline."""
    root = write(tmp_path_factory.mktemp("known") / "repository")
    (root / "tests" / "benchmarks" / "bench_toy.py").write_text(KNOWN)
    assert bench(root).returncode == 0
    (root / "base.json").write_text(json.dumps(written(root)))
    return root


@pytest.fixture
def known(known_once, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(known_once, tmp_path / "repository")
