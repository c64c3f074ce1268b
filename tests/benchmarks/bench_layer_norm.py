"""LayerNorm and its peers, row by row: rows on the same tensors side by side, torch first, the others against it."""

import pytest

from liger_kernel.matrix.bench import peers
from liger_kernel.matrix.bench.plugin import parametrize, suite_of


def pytest_generate_tests(metafunc):
    suite, table = suite_of(metafunc.config), metafunc.config.getoption("bench_table")
    contenders = [peers.OURS] if table == "sweep" else list(suite.implementations)
    cases = [(row.id, f"-{name}", (row.id, name)) for row in suite.table(table) for name in contenders]
    parametrize(metafunc, cases, "row,name")


def test_layer_norm(suite, record, row, name):
    try:
        measured, info = suite.measure(suite.row(row), name)
    except Exception as error:
        if name == peers.OURS:
            raise
        pytest.skip(f"{name} refuses: {suite.refuse(suite.row(row), name, error)}")
    record(measured, info)
