"""The verb on a suite of another package, in processes of its own as its users start it; no torch, no GPU."""

import json

import pytest

from .toy import CELLS, CONFTEST, SUITE, bench, by_row, written


def test_a_suite_runs_and_its_file_says_what_it_is_evidence_of(root):
    done = bench(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no kernel was timed: the rows ran on the CPU in Triton's interpreter." in done.stdout
    assert "4 rows ran, level interpreter: test_sum[10], test_sum[1000], known, test_by_pytest_benchmark" in done.stdout
    report = written(root)
    about = report["triton_matrix"]
    assert (about["cell"], about["level"], about["selection"]) == ("ambient", "interpreter", "all")
    assert (about["gpus"], about["schema"]) == ([], "triton-matrix/benchmark/1")
    assert about["versions"]["pytest-benchmark"]
    rows = by_row(report)
    assert set(rows) == {"test_sum[10]", "test_sum[1000]", "known", "test_by_pytest_benchmark"}
    info = rows["test_sum[10]"]["extra_info"]
    assert (info["clock"], info["bytes"], info["share_of_copy"]) == ("host", 80, None)
    assert rows["test_by_pytest_benchmark"]["extra_info"] == {}


def test_the_rounds_that_a_suite_records_are_those_of_the_file_to_the_nanosecond(root):
    assert bench(root, "--rows", "^known$").returncode == 0
    (row,) = written(root)["benchmarks"]
    assert row["stats"]["data"] == [0.001, 0.002, 0.004, 0.002, 0.002]
    assert row["stats"]["median"] == pytest.approx(0.002)
    info = row["extra_info"]
    assert (info["row"], info["clock"], info["dtype"]) == ("known", "device", "fp32")
    assert info["spread"] == pytest.approx(1.5)  # five blocks of one round: (0.004 - 0.001) / 0.002


def test_a_row_that_is_not_called_like_its_test_is_refused_since_it_could_not_be_measured_again(root):
    suite = root / "tests" / "benchmarks" / "bench_toy.py"
    suite.write_text(SUITE.replace('{"dtype": "fp32"}', '{"row": "another"}'))
    done = bench(root, "--rows", "known|sum")
    assert done.returncode == 1
    assert "row is 'another', but the test is row 'known': pytest.mark.row names it" in done.stdout


def test_options_of_the_suites_own_conftest_are_passed_on(root):
    for words, scale in ((("--scale", "50"), 50), (("--scale=2",), 2), ((), 1)):
        done = bench(root, "--rows", "sum.1000", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert written(root)["benchmarks"][0]["extra_info"]["bytes"] == 8 * 1000 * scale


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scales", "2"), "unrecognized arguments: --scales"),
        (("--scale", "two"), "argument --scale: invalid int value: 'two'"),
        (("--rows", "("), "rows is '(', which is no regular expression"),
        (("--budget", "0"), "budget is 0.0; it must be a positive number of seconds"),
        (("--budget", "nan"), "budget is nan; it must be a positive number of seconds"),
        (("--threshold", "nan"), "threshold is nan; it must be a fraction, such as 0.05"),
        (("--threshold", "-1"), "threshold is -1.0; it must be a fraction, such as 0.05"),
        (("--cell", "newest"), "unknown cell 'newest'"),
        (("--against", "other"), "against is 'other'; it is no .json file, and there is no"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence(root, arguments, message):
    done = bench(root, *arguments)
    assert done.returncode == 2
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith("bench: ")
    assert message in said


def test_rows_that_match_nothing_leave_the_last_result_alone(root):
    path = root / "reports" / "ambient" / "benchmark.json"
    path.parent.mkdir(parents=True)
    path.write_text("the last one")
    done = bench(root, "--rows", "none of them")
    assert done.returncode == 2
    assert "left no result" in done.stderr
    assert path.read_text() == "the last one"


def test_a_failing_row_is_red_and_the_others_are_kept(root):
    suite = root / "tests" / "benchmarks" / "bench_toy.py"
    suite.write_text(SUITE + "\n\ndef test_broken(timer):\n    timer(lambda: 1 / 0)\n")
    done = bench(root)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
    assert "known" in by_row(written(root))
    (failed,) = written(root)["triton_matrix"]["failed_rows"]
    assert failed.endswith("bench_toy.py::test_broken")


def test_at_level_codegen_nothing_that_needs_a_kernel_runs(root):
    done = bench(root, "--level", "codegen", "--", "-rs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "n/a: at level codegen no kernel runs" in done.stdout
    assert set(by_row(written(root))) == {"known", "test_by_pytest_benchmark"}


def test_a_regression_is_measured_again_and_fails_the_run_and_another_cell_serves_as_baseline(root):
    conftest = root / "tests" / "benchmarks" / "conftest.py"
    again = "\n\ndef pytest_configure(config):\n    print('again:', config.getoption('bench_again'), flush=True)\n"
    conftest.write_text(CONFTEST + again)
    assert bench(root, "--cell", "other", "--rows", "known|sum.10\\b").returncode == 0
    base = written(root, "other")
    by_row(base)["known"]["stats"]["median"] /= 100  # its spread of 1.5 widens the limit to 4.5
    by_row(base)["test_sum[10]"]["stats"]["median"] *= 1000
    (root / "reports" / "other" / "benchmark.json").write_text(json.dumps(base))
    done = bench(root, "--rows", "known|sum.10\\b", "--against", "other")
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if "again" in line.split("against")[0]] == [
        "again: False",
        "1 rows look slower than other; measuring them again",
        "again: True",
    ]
    assert "1 of 2 rows regressed against other" in done.stdout
    found = written(root)["triton_matrix"]["against"]
    assert [change["row"] for change in found["regressed"]] == ["known"]


def test_relative_paths_are_of_the_folder_that_the_command_is_started_in(root):
    conftest = root / "tests" / "benchmarks" / "conftest.py"
    given = "from triton_matrix.base import files\n\n"
    given += "def pytest_configure(config):\n    print(files.as_given('x'), flush=True)\n"
    conftest.write_text(f"{CONFTEST}\n{given}")
    suite = root / "tests" / "benchmarks" / "bench_toy.py"
    suite.write_text(SUITE.replace("(0.001, 0.002, 0.004, 0.002, 0.002)", "(0.001,) * 5"))
    done = bench(root, "--rows", "known", "--reports", "kept")
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(root / "x") in done.stdout
    assert (root / "kept" / "ambient" / "benchmark.json").is_file()
    again = bench(root, "--rows", "known", "--against", "kept/ambient/benchmark.json")
    assert again.returncode == 0, again.stdout + again.stderr
    elsewhere = {"TRITON_MATRIX_STARTED_IN": str(root / "kept")}  # as nox says, which runs the verb in tests/
    assert bench(root, "--rows", "known", "--against", "ambient/benchmark.json", **elsewhere).returncode == 0


def test_saving_and_comparing_work_as_pytest_benchmarks_users_know_them(root, tmp_path):
    store = f"--benchmark-storage={tmp_path / 'store'}"
    first = bench(root, "--rows", "known", "--", "--benchmark-save=first", store)
    assert first.returncode == 0, first.stdout + first.stderr
    again = bench(root, "--rows", "known", "--benchmark-compare", store)
    assert again.returncode == 0, again.stdout + again.stderr
    for side in ("NOW", "0001_first"):
        assert f"test_a_known_time ({side})" in again.stdout


def test_a_suite_adds_to_the_header_and_prints_its_own_table_and_a_sweep_has_its_own_file(root):
    hooks = """
def pytest_benchmark_update_json(output_json):
    output_json["triton_matrix"]["selection"] = "sweep"
    output_json["triton_matrix"]["settings"] = "small tiles"


def pytest_bench_table(report):
    return [f"{len(report['benchmarks'])} rows with {report['triton_matrix']['settings']}"]
"""
    (root / "tests" / "benchmarks" / "conftest.py").write_text(CONFTEST + hooks)
    done = bench(root, "--rows", "known")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rows with small tiles" in done.stdout
    assert "1 rows ran" not in done.stdout
    folder = root / "reports" / "ambient"
    assert {path.name for path in folder.iterdir()} == {"run-bench.json", "sweep.json"}
    assert json.loads((folder / "sweep.json").read_text())["triton_matrix"]["settings"] == "small tiles"


def test_the_table_names_the_folder_of_the_suite(root):
    (root / "tests" / "benchmarks").rename(root / "benches")
    missing = bench(root)
    assert missing.returncode == 2
    assert "bench is 'tests/benchmarks' in cells.toml [package]; allowed is a folder" in missing.stderr
    table = root / "constraints" / "cells.toml"
    table.write_text(CELLS.replace('name = "toy"', 'name = "toy"\nbench = "benches"'))
    done = bench(root, "--rows", "known")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(by_row(written(root))) == {"known"}
