"""A benchmark needs a name and times; every key of extra_info may be missing, and what is missing is made up for."""

import pytest

from triton_matrix.bench import timings as rows
from triton_matrix.bench.timings import OURS


def benchmark(stats, **info):
    return {"name": "test_it[8]", "stats": {"median": 2.0, **stats}, "extra_info": info}


def test_a_benchmark_without_our_keys_is_a_row_of_the_packages_own_under_its_name():
    found = rows.timing(benchmark({"rounds": 10, "data": [2.0] * 8 + [1.0, 3.0]}))
    assert (found.row, found.implementation, found.median, found.share) == ("test_it[8]", OURS, 2.0, None)
    assert found.spread == 0.0  # the medians of five blocks of two rounds are all 2
    assert found.on_device


def test_what_extra_info_says_counts():
    info = {"row": "a row", "implementation": "torch", "spread": 0.25, "share_of_copy": 0.5, "clock": "host"}
    found = rows.timing(benchmark({"rounds": 10, "data": [1.0, 3.0] * 5}, **info))
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
    assert rows.timing(benchmark(stats)).spread == spread


def test_a_benchmark_without_a_time_is_no_row():
    none = {"name": "a", "stats": None}
    assert rows.timings({"benchmarks": [none, {"name": "b", "stats": {"median": 1.0}}]})[0].row == "b"
