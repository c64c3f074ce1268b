"""Compile time of every kernel that the launch plan asks for, and its exact metrics; needs no GPU, times no kernel."""

import pytest

from triton_matrix.bench.compiling import Inapplicable, compile_rows, measure
from triton_matrix.bench.plugin import compile_target, parametrize


def rows_by_id(config):
    return {row.id: row for row in compile_rows(config.getoption("bench_table"), compile_target(config))}


def pytest_generate_tests(metafunc):
    parametrize(metafunc, [(name, "", (name,)) for name in rows_by_id(metafunc.config)], "row")


def test_compile(record, pytestconfig, row):
    try:
        measured, info = measure(rows_by_id(pytestconfig)[row])
    except Inapplicable as reason:
        pytest.skip(f"n/a: {reason}")
    record(measured, info)
