"""Every incident shows in this cell if history says so for its Triton, and does not show if history says so."""

from __future__ import annotations

import concurrent.futures
import os
import sys
from pathlib import Path

import pytest

from triton_matrix.suites import incidents
from triton_matrix.suites.pytest_plugin import NOT_APPLICABLE, current_level

from .incident import observations

# At level device only what needs the GPU: the rest does not change with it, and was seen at level interpreter.
LEVELS = {"interpreter": ("interpreter", "codegen", "build"), "device": ("device",)}


def pytest_generate_tests(metafunc):
    if "identity" in metafunc.fixturenames:
        levels = LEVELS[current_level()]
        metafunc.parametrize("identity", [name for name, _, item in observations() if item.level in levels])


@pytest.fixture(scope="session")
def rows(request):
    """What the observations of this run's tests saw, by id; made side by side, a level a process."""
    wanted: dict[str, list[str]] = {}
    for item in request.session.items:
        identity = getattr(item, "callspec", None) and item.callspec.params.get("identity")
        if identity:
            wanted.setdefault(identity.split(":")[1], []).append(identity)
    path = [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    tests = Path(__file__).parents[1]

    def observe(level: str):
        return incidents.observe(sys.executable, tests, level, wanted[level], path)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return {row["id"]: row for each in pool.map(observe, wanted) for row in each}


def test_it_shows_where_history_says_and_nowhere_else(identity, rows, record_property):
    row = rows[identity]
    for name in ("incident", "name", "level", "release", "shown", "detail", "seconds"):
        if row.get(name) not in (None, ""):
            record_property(name, row[name])
    record_property("expected", incidents.expected(row))
    if "na" in row:
        pytest.skip(NOT_APPLICABLE + row["na"])
    if "missing" in row:
        pytest.skip(row["missing"])
    assert "crashed" not in row, row["crashed"]
    assert row["shown"] == incidents.expected(row), (
        f"{row['detail']}; history says {row['about']['shown_on']}, and this is Triton {row['release']}"
    )
