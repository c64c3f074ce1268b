"""pytest plugin of the matrix: the ``cell``, ``level`` and ``device`` of a run, its gaps, and its evidence.

A suite's top ``conftest.py`` loads it: ``pytest_plugins = ["triton_matrix.suites.pytest_plugin"]``. Environment
variables describe the run, so that it also reaches subprocesses of a test:

    TRITON_MATRIX_CELL      the cell's name (default: ambient)
    TRITON_MATRIX_COLUMN    what the evidence is shown under (default: the cell's name)
    TRITON_MATRIX_LEVEL     interpreter or device (default: interpreter with TRITON_INTERPRET=1, else device)
    TRITON_MATRIX_EVIDENCE  the folder for environment.json; unset: none is written
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from ..base import files
from ..base.cells import Cell, load_at
from ..evidence import toolchain

NOT_APPLICABLE = "n/a: "  # a skip whose reason begins so is a known gap of the cell, not something that could run here
RECORD = pytest.StashKey[dict]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and record what this Python is before any suite runs."""
    config.addinivalue_line("markers", "device(reason): needs a GPU; the reason says what it proves there")
    config.addinivalue_line("markers", "needs(feature): what a cell may lack at a level; see gaps in cells.toml")
    evidence = os.environ.get("TRITON_MATRIX_EVIDENCE")
    if evidence and not config.option.collectonly:
        found = toolchain.record(os.environ.get("TRITON_MATRIX_COLUMN") or cell_name(), config.rootpath)
        config.stash[RECORD] = found
        files.write_json(Path(evidence) / "environment.json", found)


def cell_name() -> str:
    """The name of the cell that this run is for."""
    return os.environ.get("TRITON_MATRIX_CELL", "ambient")


def current_level() -> str:
    """The level of this run, ``interpreter`` or ``device``; a contradiction in the environment is a usage error."""
    interpreting = os.environ.get("TRITON_INTERPRET") == "1"
    level = "interpreter" if interpreting else "device"
    asked = os.environ.get("TRITON_MATRIX_LEVEL", level)
    if asked not in ("interpreter", "device"):
        raise pytest.UsageError(f"TRITON_MATRIX_LEVEL is {asked!r}; allowed are interpreter, device")
    if asked != level:
        raise pytest.UsageError(
            f"TRITON_MATRIX_LEVEL is {asked!r} but TRITON_INTERPRET is {os.environ.get('TRITON_INTERPRET')!r}; "
            "level interpreter needs TRITON_INTERPRET=1, level device needs it unset"
        )
    return level


@pytest.fixture(scope="session")
def level() -> str:
    """``interpreter`` or ``device``."""
    return current_level()


@pytest.fixture(scope="session")
def device(level: str) -> str:
    """The torch device that the suite's tensors live on: ``cpu`` in the interpreter, ``cuda`` on a GPU (HIP too)."""
    return "cpu" if level == "interpreter" else "cuda"


@pytest.fixture(scope="session")
def cell(pytestconfig: pytest.Config) -> Cell:
    """The row of the table that this run is for."""
    return _cell(pytestconfig)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this level or cell cannot run, saying what would make it run."""
    for marker in item.iter_markers("device"):
        if current_level() != "device" or not toolchain.gpus():
            pytest.skip(f"needs a GPU ({marker.args[0]}): run this cell on a machine with one")
    for marker in item.iter_markers("needs"):
        reason = _cell(item.config).gap(current_level(), marker.args[0])
        if reason:
            pytest.skip(NOT_APPLICABLE + reason)


@pytest.fixture(scope="session", autouse=True)
def _junit_properties(pytestconfig: pytest.Config, record_testsuite_property: Callable[[str, object], None]) -> None:
    """Write into the JUnit file what it is evidence of."""
    found: Optional[dict[str, Any]] = pytestconfig.stash.get(RECORD, None)
    if found is None:
        return
    record_testsuite_property("cell", found["cell"])
    record_testsuite_property("level", current_level())
    record_testsuite_property("gpu", ", ".join(gpu["name"] for gpu in found["gpus"]))
    for name in ("date", "commit", "python"):
        record_testsuite_property(name, found[name])
    for name in ("torch", "triton"):
        record_testsuite_property(name, found[name].get("version"))


def _cell(config: pytest.Config) -> Cell:
    return load_at(config.rootpath).cell(cell_name())
