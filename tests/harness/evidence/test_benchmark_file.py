"""A benchmark file is written whole, a line for each benchmark, and read back; what is something else is refused."""

import pytest

from triton_matrix.evidence import benchmark_file

HEADER = {"level": "device", "cell": "a", "date": "2026-11-21T00:00:00+00:00", "gpus": [{"name": "H100"}]}


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "not json",
        "[]",
        '{"triton_matrix": {"level": "device"}}',
        '{"triton_matrix": {"level": "device"}, "benchmarks": []}',
        '{"triton_matrix": {"level": "device", "cell": "a", "date": "x", "gpus": [3]}, "benchmarks": []}',
        '{"triton_matrix": {"level": "device", "cell": "a", "date": "x", "gpus": []}, "benchmarks": [{}]}',
    ],
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"against is .*other\.json; allowed is a benchmark.json"):
        benchmark_file.read(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"render is .*gone.json; it cannot be read: No such file"):
        benchmark_file.read(tmp_path / "gone.json", "render")


@pytest.mark.parametrize(("selection", "name"), [("full", "benchmark.json"), ("sweep, rows x", "sweep.json")])
def test_a_file_has_a_line_for_each_benchmark_and_reading_gives_back_what_was_written(tmp_path, selection, name):
    one = {"name": "test_it[8]", "stats": {"median": 2.0}, "extra_info": {}}
    report = {"triton_matrix": {**HEADER, "selection": selection}, "benchmarks": [one, one]}
    path = benchmark_file.write(tmp_path / "a", report)
    assert path == tmp_path / "a" / name
    assert sum('"stats"' in line for line in path.read_text().splitlines()) == 2
    assert benchmark_file.read(path) == report
