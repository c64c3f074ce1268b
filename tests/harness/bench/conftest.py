"""What tests of the verb share."""

import json

import pytest

from .toy import CELLS, CONFTEST, KNOWN, SUITE, bench, written


@pytest.fixture
def root(tmp_path):
    """A repository with a table and a suite of benchmarks in the folder where they are looked for by default."""
    root = tmp_path / "repository"
    for path, text in {
        "constraints/cells.toml": CELLS,
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--strict-markers', '--import-mode=importlib']\n",
        "tests/benchmarks/conftest.py": CONFTEST,
        "tests/benchmarks/bench_toy.py": SUITE,
        "tests/benchmarks/test_toy.py": "def test_of_the_suite_itself():\n    raise AssertionError\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture
def known(root):
    """The repository with a suite of three rows, and the file of one whole run beside it as a baseline."""
    (root / "tests" / "benchmarks" / "bench_toy.py").write_text(KNOWN)
    assert bench(root).returncode == 0
    (root / "base.json").write_text(json.dumps(written(root)))
    return root
