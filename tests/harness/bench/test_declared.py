"""A run of the bench is declared before it starts: what becomes of it can be told, whatever becomes of it."""

import json
import time

import pytest

from triton_matrix.base.cells import load_at
from triton_matrix.evidence import bench_runs, benchmark_file, runs

from ..full_disk import full_disk
from .toy import CELLS, KNOWN, bench, declared, started, written


def test_a_run_is_declared_with_what_it_depends_on_and_its_file_names_it(known):
    run, about = declared(known), written(known)["triton_matrix"]
    assert (run["schema"], run["level"], run["status"]) == ("triton-matrix/bench-run/1", "interpreter", 0)
    assert run["collected"] == run["finished"]
    assert len(run["collected"]) == 3
    assert run["closed"] >= run["opened"]
    assert (about["run"], about["wheel"], about["inputs"]) == (run["id"], run["wheel"], run["inputs"])
    assert about["inputs"]["suites"] == benchmark_file.inputs(load_at(known), None).suites


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("import no_such_module\n", "bench_toy.py could not be collected, pytest's exit status is 2"),
        (
            KNOWN + "    import os\n    os.abort()\n",
            "3 of 3 tests never ended, pytest's exit status is -6; it was running",
        ),
        ("import pytest\npytest.exit('enough')\n", "bench_toy.py could not be collected, pytest's exit status is 2"),
        ("", "pytest ended with status 5, and no row was run"),
    ],
    ids=["does not import", "aborts", "ends pytest", "has no row"],
)
def test_a_suite_that_dies_leaves_a_run_that_is_not_whole_beside_the_last_result(known, suite, said):
    before = written(known)
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(suite)
    done = bench(known)
    assert done.returncode == 2
    assert said in done.stderr
    run = bench_runs.shortfall(runs.from_json(declared(known)))
    assert said in run
    assert written(known) == before


@pytest.mark.parametrize("asked", [("--rows", "none of them"), ("--scales", "2"), ("-k", "nothing")])
def test_a_question_that_could_not_be_asked_leaves_the_last_declaration_as_it_was(known, asked):
    before = declared(known)
    assert bench(known, *asked).returncode == 2
    assert declared(known) == before


def test_and_declares_nothing_where_nothing_was_declared(known):
    (known / "reports" / "ambient" / "run-bench.json").unlink()
    assert bench(known, "--rows", "none of them").returncode == 2
    assert not (known / "reports" / "ambient" / "run-bench.json").exists()


def test_a_torch_that_does_not_import_is_a_run_that_is_not_whole(known):
    site = known / "site" / "torch"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')\n")
    done = bench(known, "--level", "auto", paths=[site.parent])
    assert done.returncode == 2
    assert declared(known)["problem"].startswith("whether there is a GPU cannot be known: torch does not import here")


def test_a_comparison_that_never_ended_keeps_what_was_timed_and_says_so(known):
    base = json.loads((known / "base.json").read_text())
    base["triton_matrix"]["gpus"] = [{"name": "H100"}]
    (known / "base.json").write_text(json.dumps(base))
    before = written(known)["triton_matrix"]["run"]
    done = bench(known, "--against", "base.json")
    assert done.returncode == 2
    assert "the baseline was measured on ['H100'], this run on no GPU" in done.stderr
    about = written(known)["triton_matrix"]
    assert about["run"] != before
    assert about["against"] == {"baseline": "base.json"}


def test_a_comparison_counts_what_is_too_noisy_to_tell_and_of_nothing_but_noise_there_is_no_answer(known):
    base = json.loads((known / "base.json").read_text())
    base["benchmarks"][0]["extra_info"]["spread"] = 0.6
    (known / "base.json").write_text(json.dumps(base))
    done = bench(known, "--against", "base.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 2 rows regressed against base.json" in done.stdout
    assert "1 rows are too noisy to tell a change of 5%" in done.stdout
    assert "  test_it[first]: too noisy to tell, noise 180.0%; it looks 1.00 x the earlier time" in done.stdout
    alone = bench(known, "--against", "base.json", "--rows", "first")
    assert alone.returncode == 2
    assert "no row could be compared with base.json" in alone.stderr


def test_a_run_that_a_full_disk_lets_nobody_declare_leaves_no_older_one_in_its_place(known):
    before = written(known)
    with full_disk():
        done = bench(known)
    assert done.returncode == 2
    assert "run-bench.json" in done.stderr
    assert not (known / "reports" / "ambient" / "run-bench.json").exists()
    assert written(known) == before


def test_rows_that_are_skipped_are_counted(known):
    suite = known / "tests" / "benchmarks" / "bench_toy.py"
    suite.write_text(
        KNOWN.replace("    record(", "    if row == 'third':\n        pytest.skip('not here')\n    record(")
    )
    (suite.parent / "bench_other.py").write_text("import pytest\npytest.skip('nor this', allow_module_level=True)\n")
    assert bench(known).returncode == 0
    about = written(known)["triton_matrix"]
    assert (len(written(known)["benchmarks"]), about["skipped"]) == (2, 2)


def test_a_second_bench_of_the_cell_is_refused(known):
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(KNOWN + "    import time\n    time.sleep(60)\n")
    process = started(known)
    try:
        while not (known / "reports" / "ambient" / ".run-bench.journal").exists():
            assert process.poll() is None
            time.sleep(0.1)
        done = bench(known)
        assert done.returncode == 2
        assert f"is in use by process {process.pid}; wait for it to end" in done.stderr
    finally:
        process.kill()
        process.wait()


def test_the_sources_of_the_checkout_are_not_timed_in_a_cell_that_has_a_wheel(known):
    row = '[cell.pinned]\npython = "3.11"\ntorch = "2.8.0"\ntriton = "3.4.0"\nplatforms = ["cuda"]\nwhy = "pinned"\n'
    (known / "constraints" / "cells.toml").write_text(CELLS + row)
    (known / "toy.py").write_text("")
    here = f"import sys\nsys.path.insert(0, {str(known)!r})\nimport toy\n"
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text(here + KNOWN)
    done = bench(known, "--cell", "pinned")
    assert done.returncode == 2
    assert "the suites imported toy from the checkout (toy.py), and not from the wheel" in done.stderr


def test_a_bench_takes_no_options_of_the_shell_and_says_so(known):
    (known / "tests" / "benchmarks" / "bench_other.py").write_text(KNOWN.replace("test_it", "test_other"))
    done = bench(known, PYTEST_ADDOPTS="--ignore=benchmarks/bench_other.py")
    assert done.returncode == 0, done.stderr
    assert "PYTEST_ADDOPTS is dropped in a whole run: --ignore" in done.stdout
    assert written(known)["triton_matrix"]["deselected"] == 0


def test_other_code_in_place_of_what_triton_compiles_is_no_timing_of_the_package(known):
    site = known / "site" / "torch"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("class cuda:\n    is_available = staticmethod(lambda: True)\n")
    before = written(known)
    asked = ["--level", "device"]
    done = bench(known, *asked, paths=[site.parent], TRITON_KERNEL_OVERRIDE="1")
    assert done.returncode == 2
    assert "other code than this Triton compiles was run: the shell sets TRITON_KERNEL_OVERRIDE" in done.stderr
    assert written(known) == before


def test_two_rows_of_one_name_are_refused_since_one_would_hide_the_other(known):
    (known / "tests" / "benchmarks" / "bench_other.py").write_text(KNOWN)
    done = bench(known)
    assert done.returncode == 2
    assert "test_it[first] is the name of several rows: pytest.mark.row(NAME) tells them apart" in done.stderr
    (known / "tests" / "benchmarks" / "bench_other.py").write_text(
        KNOWN.replace("(0.001,) * 5)", '(0.001,) * 5), {"implementation": "torch"}')
    )
    assert bench(known).returncode == 0  # a peer of the same row


def test_a_row_without_a_time_fails_and_is_not_left_out_silently(known):
    times = {"zero": "(0.0,) * 5", "nan": "(float('nan'),) * 5", "inf": "(0.001, float('inf'), 0.001)"}
    tests = [KNOWN]
    tests += [f"def test_{name}(record):\n    record(Measurement('device', {each}))\n" for name, each in times.items()]
    (known / "tests" / "benchmarks" / "bench_toy.py").write_text("\n\n".join(tests))
    done = bench(known)
    assert done.returncode == 1
    assert done.stdout.count("a row without a time cannot be shown or compared") >= len(times)
    failed = [row.rpartition("::")[2] for row in written(known)["triton_matrix"]["failed_rows"]]
    assert failed == [f"test_{name}" for name in times]
