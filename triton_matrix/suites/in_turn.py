"""pytest plugin where time is short: each test once before any again with other parameters, and none for long."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

SECONDS = 5.0  # of one test


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """End a test that takes long, unless its suite has an alarm of its own."""

    def ended(number: int, frame: Any) -> None:
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):  # half a module would fail all other tests
                signal.setitimer(signal.ITIMER_REAL, SECONDS / 10)
                return
            frame = frame.f_back
        pytest.skip(f"takes more than {SECONDS:g} s, and other tests wait")

    if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGALRM, ended)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
