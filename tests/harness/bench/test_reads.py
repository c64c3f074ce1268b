"""Timings are of the files that their suite read, wherever in the checkout these lie; and listening takes no time."""

import pytest

from triton_matrix.base.cells import load_at
from triton_matrix.evidence.column import Column
from triton_matrix.evidence.documents import Document
from triton_matrix.report.standing import Current

from .toy import KNOWN, SUITE, bench, declared, written

ROOT = "import json\nfrom pathlib import Path\n\nROOT = Path(__file__).parents[2]\n"
READS = {
    "a file that the suite takes its rows from": 'json.loads((ROOT / "data" / "rows.json").read_text())\n' + KNOWN,
    "a file that a row reads": KNOWN + '    assert (ROOT / "data" / "rows.json").read_text()\n',
}
# asks for a variable, and says whose class the environment is of
CALL = "lambda: (os.environ.get('TOY_VARIABLE'), print('timed', type(os.environ).__module__))"
ROWS = {
    "our timer": "def test_a(timer, record):\n    record(timer(CALL))\n",
    "one round": "def test_a(timer, record):\n    timer.round(CALL)\n    record(timer(int))\n",
    "host seconds": "def test_a(timer, record):\n    timer.host_seconds({'a': CALL}, 1, 1)\n    record(timer(int))\n",
    "pytest-benchmark": "def test_a(benchmark):\n    benchmark.pedantic(CALL)\n",
}


@pytest.fixture
def rows(known):
    """The repository with a file beside its suite of benchmarks."""
    (known / "data").mkdir()
    (known / "data" / "rows.json").write_text("[1]")
    (known / "data" / "other.json").write_text("[1]")
    return known


def outdated(root):
    """Why the timings, and the run that they are of, are not of the repository as it is now."""
    reports = str(root / "reports")
    current = Current(load_at(root), reports)
    run = Document(Column("ambient"), "", "run-bench.json", reports, declared(root))
    timings = Document(Column("ambient"), "", "benchmark.json", reports, written(root))
    assert current.outdated_bench(run) == current.outdated_bench(timings)
    return current.outdated_bench(timings)


@pytest.mark.parametrize("what", READS)
def test_timings_are_stale_where_a_file_that_their_suite_read_was_changed(rows, what):
    (rows / "tests" / "benchmarks" / "bench_toy.py").write_text(ROOT + READS[what])
    assert bench(rows).returncode == 0
    assert written(rows)["triton_matrix"]["read"]["content"].keys() == {"data/rows.json"}
    (rows / "data" / "other.json").write_text("[2]")
    assert not outdated(rows)
    (rows / "data" / "rows.json").write_text("[2]")
    assert outdated(rows) == "data/rows.json, which its suites read, was changed since"


def test_what_the_digest_of_the_suite_holds_is_not_named_again(rows):
    (rows / "tests" / "benchmarks" / "sizes.json").write_text("[1]")
    suite = ROOT + 'SIZES = Path(__file__).with_name("sizes.json").read_text()\n' + SUITE
    (rows / "tests" / "benchmarks" / "bench_toy.py").write_text(suite)
    assert bench(rows).returncode == 0
    about = written(rows)["triton_matrix"]
    assert (about["helpers"], about["read"]) == ({}, {})


@pytest.mark.parametrize("row", ROWS)
def test_what_is_timed_meets_an_environment_that_nobody_listens_to(rows, row):
    """A launch of a kernel asks for variables, and listening would be a part of its time."""
    suite = rows / "tests" / "benchmarks" / "bench_toy.py"
    suite.write_text(f"import os\nprint('at first', type(os.environ).__module__)\n\n{ROWS[row].replace('CALL', CALL)}")
    done = bench(rows, "-s")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "at first triton_matrix.base.listening" in said
    assert {line for line in said if line.startswith("timed")} == {"timed os"}
