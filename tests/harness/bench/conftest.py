"""What tests of the verb share."""

import pytest

from .toy import CELLS, CONFTEST, SUITE


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
