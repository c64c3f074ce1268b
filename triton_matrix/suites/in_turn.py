"""pytest plugin where time is short: each test once before any is run again with other parameters."""

from __future__ import annotations

from collections import Counter

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order what was collected, else as it stands."""
    seen: Counter[str] = Counter()
    turns = []
    for item in items:
        name = item.nodeid.partition("[")[0]
        turns.append(seen[name])
        seen[name] += 1
    items[:] = [item for _, item in sorted(zip(turns, items), key=lambda pair: pair[0])]
