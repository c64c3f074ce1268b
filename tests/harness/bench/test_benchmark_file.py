"""A benchmark needs a name and times; every key of extra_info may be missing, and what is missing is made up for."""

import json

import pytest

from triton_matrix.bench import benchmark_file
from triton_matrix.bench.benchmark_file import OURS

HEADER = {"level": "device", "cell": "a"}


def benchmark(stats, **info):
    return {"name": "test_it[8]", "stats": {"median": 2.0, **stats}, "extra_info": info}


def test_a_benchmark_without_our_keys_is_a_row_of_the_packages_own_under_its_name():
    found = benchmark_file.timing(benchmark({"rounds": 10, "data": [2.0] * 8 + [1.0, 3.0]}))
    assert (found.row, found.implementation, found.median, found.share) == ("test_it[8]", OURS, 2.0, None)
    assert found.spread == 0.0  # the medians of five blocks of two rounds are all 2
    assert found.on_device


def test_what_extra_info_says_counts():
    info = {"row": "a row", "implementation": "torch", "spread": 0.25, "share_of_copy": 0.5, "clock": "host"}
    found = benchmark_file.timing(benchmark({"rounds": 10, "data": [1.0, 3.0] * 5}, **info))
    assert (found.row, found.implementation, found.spread, found.share) == ("a row", "torch", 0.25, 0.5)
    assert not found.on_device


@pytest.mark.parametrize(
    ("stats", "spread"),
    [
        ({"rounds": 4, "data": [1.0, 2.0, 2.0, 3.0]}, None),  # nothing is known of its noise
        ({"rounds": 5, "data": [1.0, 2.0, 2.0, 2.0, 3.0]}, 1.0),
        ({"rounds": 50, "iqr": 0.5}, 0.25),  # stored without its rounds
        ({"rounds": 50}, None),
    ],
)
def test_the_spread_is_found_from_the_rounds_where_there_are_enough(stats, spread):
    assert benchmark_file.timing(benchmark(stats)).spread == spread


def test_a_benchmark_without_a_time_is_no_row():
    none = {"name": "a", "stats": None}
    assert benchmark_file.timings({"benchmarks": [none, {"name": "b", "stats": {"median": 1.0}}]})[0].row == "b"


@pytest.mark.parametrize("content", ["{}", "not json", "[]", '{"triton_matrix": {"level": "device"}}'])
def test_a_file_of_something_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"against is .*other\.json; allowed is a benchmark.json"):
        benchmark_file.read(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"render is .*gone.json; it cannot be read: No such file"):
        benchmark_file.read(tmp_path / "gone.json", "render")


def test_a_file_has_a_line_for_each_benchmark_and_reading_gives_back_what_was_written(tmp_path):
    report = {"triton_matrix": HEADER, "benchmarks": [benchmark({}), benchmark({})]}
    text = benchmark_file.as_text(report)
    assert sum('"stats"' in line for line in text.splitlines()) == 2
    path = tmp_path / "benchmark.json"
    path.write_text(text)
    assert benchmark_file.read(path) == report == json.loads(text)
