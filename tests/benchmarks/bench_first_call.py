"""What the first call costs in a fresh process with empty compile caches, for ours and each peer that is there."""

import pytest

from triton_matrix.bench import peers
from triton_matrix.bench.first_call import measure
from triton_matrix.bench.plugin import parametrize, suite_of


def pytest_generate_tests(metafunc):
    names = list(suite_of(metafunc.config).implementations)
    parametrize(metafunc, [("first-call", f"-{name}", (name,)) for name in names], "name")


def test_first_call(suite, record, pytestconfig, name):
    paths = peers.parse_paths(pytestconfig.getoption("bench_peer_path"))
    try:
        measured, info = measure(name, suite.level, paths)
    except RuntimeError as error:
        reason = suite.note("first-call", name, error)
        if name in peers.OWN:
            raise
        pytest.skip(f"{name} refuses: {reason}")
    record(measured, info)
