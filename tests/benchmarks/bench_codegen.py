"""Compile time of every kernel that the launch plan asks for, and its exact metrics; needs no GPU, times no kernel."""

import pytest

from triton_matrix.bench import compiling
from triton_matrix.bench.plugin import compile_targets, parametrize

from .layer_norm import launches
from .layer_norm.options import table_of


def rows_by_id(config):
    return launches.compile_rows(table_of(config), compile_targets(config, launches.TARGETS))


def pytest_generate_tests(metafunc):
    parametrize(metafunc, [(name, "", (name,)) for name in rows_by_id(metafunc.config)], "row")


def test_compile(record, pytestconfig, row):
    configuration, n_cols = rows_by_id(pytestconfig)[row]
    try:
        measured, info = compiling.measure(configuration)
    except compiling.Inapplicable as reason:
        pytest.skip(f"n/a: {reason}")
    record(measured, {**info, "dtype": launches.COMPILED_DTYPE, "n_cols": n_cols})
