"""The pytest hooks that a suite of benchmarks may answer in its conftest."""

from __future__ import annotations

from typing import Any, Optional

import pytest


@pytest.hookspec(firstresult=True)
def pytest_bench_table(config: pytest.Config, report: dict[str, Any]) -> Optional[list[str]]:
    """The lines that the verb prints of a file, between its heading and what a comparison found.

    Args:
        config: of the run.
        report: the file's whole content.
    """
