"""What the first call costs in a fresh process with empty compile caches, for ours and each peer that is there."""

import pytest

from triton_matrix.bench.plugin import parametrize

from .layer_norm import peers
from .layer_norm.first_call import measure, row_at
from .layer_norm.options import suite_of


def pytest_generate_tests(metafunc):
    suite = suite_of(metafunc.config)
    row = row_at(suite.level)
    parametrize(metafunc, [(row, f"-{name}", (name,)) for name in suite.implementations], "name")


def test_first_call(suite, record, pytestconfig, name):
    paths = peers.parse_paths(pytestconfig.getoption("peer_path"))
    try:
        measured, info = measure(name, suite.level, paths)
    except RuntimeError as error:
        reason = suite.note("first-call", name, error)
        if name in peers.OWN:
            raise
        pytest.skip(f"{name} refuses: {reason}")
    record(measured, info)
