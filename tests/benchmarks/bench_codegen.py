"""Compile time of every kernel that the launch plan asks for, and its exact metrics; needs no GPU, times no kernel."""

import pytest

from liger_kernel.matrix.bench.compiling import Inapplicable, compile_rows, measure
from liger_kernel.matrix.bench.plugin import compile_target, parametrize


def pytest_generate_tests(metafunc):
    table = compile_rows(metafunc.config.getoption("bench_table"), compile_target(metafunc.config))
    parametrize(metafunc, [(row.id, "", (row,)) for row in table], "row")


def test_compile(record, row):
    try:
        measured, info = measure(row)
    except Inapplicable as reason:
        pytest.skip(f"n/a: {reason}")
    record(measured, info)
