"""A file of the bench says what it is of, and whether it is whole; a comparison says what it did not compare."""

import json
import os
import signal
import time

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load_at
from triton_matrix.bench import regression

from .. import light_pytest
from .toy import KNOWN, SUITE, bench, by_row, declared, started, written


def test_it_says_which_sources_and_which_variables_it_is_of(root):
    done = bench(root, "--rows", "known", TRITON_DEFAULT_FP_FUSION="0")
    assert "with TRITON_DEFAULT_FP_FUSION=0, as this shell has it" in done.stdout
    about = written(root)["triton_matrix"]
    digest = sources.package_digest(load_at(root))
    assert about["wheel"] == {"checkout": digest, "installed": digest, "problem": ""}
    assert about["variables"] == {"TRITON_DEFAULT_FP_FUSION": "0"}


def test_a_suite_that_is_spread_over_processes_is_timed_in_one(root):
    pytest.importorskip("xdist", reason="needs pytest-xdist: `nox -s check` has it")
    (root / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib', '-n', '2']\n"
    )
    done = bench(root, **light_pytest.WITH)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(written(root)["benchmarks"]) == 4


def test_a_cell_whose_wheel_nobody_installed_is_said_to_be_stale(root):
    row = '[cell.pinned]\npython = "3.11"\ntorch = "2.8.0"\ntriton = "3.4.0"\nplatforms = ["cuda"]\nwhy = "pinned"\n'
    table = root / "constraints" / "cells.toml"
    table.write_text(table.read_text() + row)
    done = bench(root, "--cell", "pinned", "--rows", "known")
    assert "bench: this is stale already: provisioning left no triton-matrix-wheel.json" in done.stderr
    assert written(root, "pinned")["triton_matrix"]["wheel"]["installed"] is None


@pytest.mark.parametrize(
    "selection", [("--rows", "first"), ("-k", "first"), ("--deselect", "tests/benchmarks/bench_toy.py::test_other")]
)
def test_a_selection_is_not_filed_as_the_whole(known, selection):
    assert written(known)["triton_matrix"]["deselected"] == 0
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(
        KNOWN + "\n\ndef test_other(record):\n    record(Measurement('device', (0.001,) * 5))\n"
    )
    done = bench(known, *selection)
    assert done.returncode == 0, done.stdout + done.stderr
    about = written(known)["triton_matrix"]
    assert about["deselected"] == 4 - len(written(known)["benchmarks"]) > 0


@pytest.mark.parametrize(
    "ending", ["pytest.exit('enough', returncode=0)", "pytest.exit('enough', returncode=1)", "raise KeyboardInterrupt"]
)
def test_a_run_that_was_cut_short_leaves_the_last_result_as_it_was(known, ending):
    before = written(known)
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(KNOWN + f"    if row == 'second':\n        {ending}\n")
    done = bench(known)
    assert done.returncode == 2
    assert "is as it was" in done.stderr
    assert written(known) == before


def test_a_comparison_says_when_the_baseline_is_of_and_which_of_its_rows_were_not_timed(known):
    done = bench(known, "-k", "not third", "--against", "base.json")
    assert done.returncode == 0, done.stdout + done.stderr
    date = json.loads((known / "base.json").read_text())["triton_matrix"]["date"]
    assert f"0 of 2 rows regressed against base.json of {date}, commit unknown" in done.stdout
    assert "  test_it[third]: in the baseline, not timed now" in done.stdout


def test_a_comparison_of_nothing_is_no_green(known):
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(SUITE)
    done = bench(known, "--rows", "known", "--against", "base.json")
    assert done.returncode == 2
    assert "bench: no row could be compared with base.json: nothing is said of any" in done.stderr
    assert set(by_row(written(known))) == {"known"}  # what was timed is kept


def test_timings_are_kept_where_the_gpu_is_gone_unless_a_level_is_named(known):
    """A torch that sees no GPU stands in for the real one, which these tests do not need."""
    site = known / "site"
    (site / "torch").mkdir(parents=True)
    (site / "torch" / "__init__.py").write_text(
        "__version__ = '0'\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
    )
    path = known / "reports" / "ambient" / "benchmark.json"
    content = written(known)
    content["triton_matrix"].update(level="device", gpus=[{"name": "H100"}])
    path.write_text(json.dumps(content))
    before = path.read_text()
    done = bench(known, "--level", "auto", "--rows", "first", paths=[site])
    assert done.returncode == 2
    assert "torch sees no GPU in cell ambient, and " in done.stderr
    assert "on H100; --level codegen replaces them" in done.stderr
    assert path.read_text() == before
    assert bench(known, "--level", "codegen", "--rows", "first", paths=[site]).returncode == 0
    assert written(known)["triton_matrix"]["level"] == "codegen"


@pytest.mark.parametrize("key", ["settings", "variables"])
def test_what_was_set_up_otherwise_is_not_compared(key):
    now, base = ({"triton_matrix": {"level": "device", "gpus": [], key: value}} for value in ("one", "another"))
    with pytest.raises(ValueError, match=f"the baseline has {key} another, this run one"):
        regression.check_comparable(now, base)
    del base["triton_matrix"][key]  # as files of before
    regression.check_comparable(now, base)


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="looks for processes in /proc: Linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_times_ends_with_the_verb_and_the_last_result_is_as_it_was(known, number):
    before = written(known)
    hanging = "    import time\n    time.sleep(600 * (row == 'second'))\n"
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(KNOWN + hanging)
    process = started(known)
    try:
        journal = known / "reports" / "ambient" / ".run-bench.journal"
        while not (
            journal.exists() and '"begin": "tests/benchmarks/bench_toy.py::test_it[second]"' in journal.read_text()
        ):
            assert process.poll() is None
            time.sleep(0.1)
        ids = [int(each) for each in children(process.pid)]
        process.send_signal(number)
        assert process.wait(30) != 0
        until = time.monotonic() + 20
        while any(os.path.exists(f"/proc/{each}") for each in ids):
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        process.kill()
    assert ids
    assert written(known) == before
    run = declared(known)
    if number == signal.SIGKILL:
        assert (run["closed"], run["status"]) == (None, None)
    else:
        assert run["problem"] == "it was interrupted"
        assert run["running"].endswith("test_it[second]")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()
