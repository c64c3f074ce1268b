"""LayerNorm and its peers, row by row: rows on the same tensors side by side, torch first, the others against it."""

import time

import pytest

from triton_matrix.bench.plugin import parametrize

from .layer_norm import peers
from .layer_norm.options import peer_rows, suite_of, table_of

STARTED = time.monotonic()


def pytest_generate_tests(metafunc):
    suite, table = suite_of(metafunc.config), table_of(metafunc.config)
    rows = suite.table(table)
    with_peers = peer_rows(metafunc.config, rows)
    always = (peers.OURS,) if table == "sweep" else ("torch", peers.OURS)
    names = [name for name in suite.implementations if table != "sweep" or name == peers.OURS]
    cases = [
        (row.id, f"-{name}", (row.id, name)) for row in rows for name in names if name in always or row.id in with_peers
    ]
    parametrize(metafunc, cases, "row,name")


def test_layer_norm(suite, record, pytestconfig, row, name):
    limit = pytestconfig.getoption("peer_seconds")
    if limit is not None and name not in ("torch", peers.OURS) and time.monotonic() - STARTED > limit:
        pytest.skip(f"{name} is not timed: the run is older than --peer-seconds {limit:g}")
    try:
        measured, info = suite.measure(suite.row(row), name)
    except Exception as error:
        reason = suite.note(row, name, error)
        if name in peers.OWN:
            raise
        if not suite.usable():
            pytest.exit(f"{name} left the GPU unusable on {row}: {reason}; run again without it", returncode=3)
        pytest.skip(f"{name} refuses: {reason}")
    record(measured, info)
