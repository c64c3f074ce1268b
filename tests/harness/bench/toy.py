"""A package with a suite of benchmarks, and the verb on it in a process of its own; no torch, no GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import triton_matrix

from .. import forks, light_pytest

CELLS = """[package]
name = "toy"

[cell.ambient]
platforms = ["cpu"]
why = "whatever is there"

[cell.other]
platforms = ["cpu"]
why = "another"
"""
CONFTEST = """def pytest_addoption(parser):
    parser.addoption("--scale", type=int, default=1)
"""
SUITE = """import pytest
from triton_matrix.bench.timing import Measurement


@pytest.mark.parametrize("n", [10, 1000])
def test_sum(timer, record, pytestconfig, n):
    n *= pytestconfig.getoption("scale")
    record(timer(lambda: sum(range(n))), n_bytes=8 * n)


@pytest.mark.row("known")
def test_a_known_time(record):
    record(Measurement("device", (0.001, 0.002, 0.004, 0.002, 0.002)), {"dtype": "fp32"})


def test_by_pytest_benchmark(benchmark):
    benchmark.pedantic(lambda: sum(range(100)), rounds=9)
"""


KNOWN = """from triton_matrix.bench.timing import Measurement
import pytest


@pytest.mark.parametrize("row", ["first", "second", "third"])
def test_it(record, row):
    record(Measurement("device", (0.001,) * 5))
"""


def bench(root, *arguments, paths=(), **variables):
    """Run the verb; gives the finished process."""
    argv, env = asked(*arguments, paths=paths, **variables)
    return forks.run(argv, root, env)


def started(root, *arguments):
    """The verb's process, which runs."""
    argv, env = asked(*arguments)
    command = [sys.executable, "-m", "triton_matrix", *argv]
    return subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def asked(*arguments, paths=(), **variables):
    """The verb's arguments and environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TRITON_", "PYTEST", "NOX"))}
    here = Path(triton_matrix.__file__).resolve().parents[1]
    env["PYTHONPATH"] = os.pathsep.join(map(str, [*paths, here]))
    fixed = ["--level", "interpreter", "--budget", "0.001"] if "--level" not in arguments else []
    env.update(light_pytest.WITHOUT, **variables)
    return ["bench", *fixed, *arguments], env


def written(root, cell="ambient"):
    return json.loads((root / "reports" / cell / "benchmark.json").read_text())


def declared(root, cell="ambient"):
    return json.loads((root / "reports" / cell / "run-bench.json").read_text())


def by_row(report):
    return {item["extra_info"].get("row", item["name"]): item for item in report["benchmarks"]}
