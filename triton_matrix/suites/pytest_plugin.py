"""pytest plugin of the matrix: the ``cell``, ``level`` and ``device`` of a run, its gaps, and its evidence.

A suite's top ``conftest.py`` loads it: ``pytest_plugins = ["triton_matrix.suites.pytest_plugin"]``. Environment
variables describe the run, so that it also reaches subprocesses of a test:

    TRITON_MATRIX_CELL      the cell's name (default: ambient)
    TRITON_MATRIX_COLUMN    what the evidence is shown under (default: the cell's name)
    TRITON_MATRIX_LEVEL     interpreter or device (default: interpreter with TRITON_INTERPRET=1, else device)
    TRITON_MATRIX_EVIDENCE  the folder of the evidence; unset: none is written
    TRITON_MATRIX_RUN       the id of the run that the verb `run` opened there
    TRITON_MATRIX_SUITES    what the verb asked pytest to run
    TRITON_MATRIX_TIMEOUT   seconds that a test may take, where there is no pytest-timeout
    TRITON_MATRIX_LATE      seconds that pytest-timeout has to end a test that takes too long
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from ..base import env_vars
from ..base.cells import Cell, load_at
from ..base.levels import RUN_LEVELS
from ..base.listening import Notes
from ..evidence import installed, toolchain, writing
from ..evidence.reading import NEEDS_GPU, NOT_APPLICABLE
from . import run_journal

RECORD = pytest.StashKey[dict[str, Any]]()
NOTES: list[Notes] = []  # of the run, where this process is one


def pytest_addoption(parser: pytest.Parser) -> None:
    """Listen from before the first conftest."""
    if os.environ.get(env_vars.RUN):
        NOTES.append(run_journal.listen())


def pytest_unconfigure() -> None:
    """Listen no longer."""
    run_journal.READING.close()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and record what this Python is before any suite runs."""
    config.addinivalue_line("markers", "device(reason): needs a GPU; the reason says what it proves there")
    config.addinivalue_line("markers", "needs(feature): what a cell may lack at a level; see gaps in cells.toml")
    seconds, late = (os.environ.pop(name, None) for name in (env_vars.TIMEOUT, env_vars.LATE))
    if late:
        seconds = config.getoption("timeout", None)
    if seconds and not config.option.usepdb:
        config.pluginmanager.register(Limit(float(seconds), float(late or 0)))
    # a test may start pytest again: what that does is no part of this run
    evidence, run = (os.environ.pop(name, None) for name in (env_vars.EVIDENCE, env_vars.RUN))
    if evidence and not config.option.collectonly:
        record = toolchain.record(os.environ.get(env_vars.COLUMN) or cell_name(), config.rootpath)
        stamp = installed.stamped()
        record["other_builds"] = stamp.get("other_builds") or []
        record["wheel"] = {key: stamp.get(key) for key in ("sources", "files", "commit", "dirty")}
        config.stash[RECORD] = {**record, "run": run}
        try:
            writing.environment(Path(evidence), record)
        except OSError as error:
            raise pytest.UsageError(f"{error.filename or evidence} cannot be written: {error.strerror}") from None
        if run:
            run_journal.register(config, Path(evidence), current_level(), NOTES[-1] if NOTES else None)


class Limit:
    """Ends this process, with the stack of every thread, where a test takes longer than it may.

    A thread of the interpreter's own does it, so that it also ends a test that never comes back from a kernel.

    Args:
        seconds: that a test may take; its own ``timeout`` marker, which is pytest-timeout's, says otherwise.
        late: seconds that it may take beyond that, for another to end the test alone.
    """

    def __init__(self, seconds: float, late: float) -> None:
        self._seconds, self._late = seconds, late
        self._stderr = os.fdopen(os.dup(sys.__stderr__.fileno()) if sys.__stderr__ else 2, "w")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """From a test's setup to the end of its teardown."""
        seconds = _own_limit(item) if self._late else None
        seconds = self._seconds if seconds is None else seconds
        if seconds > 0:
            faulthandler.dump_traceback_later(seconds + self._late, exit=True, file=self._stderr)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _own_limit(item: pytest.Item) -> Optional[float]:
    """What a test's own ``timeout`` marker allows, in seconds; 0: no limit. None where it says nothing."""
    marker = item.get_closest_marker("timeout")
    said = marker.kwargs.get("timeout", next(iter(marker.args), None)) if marker else None
    return float(said) if isinstance(said, (int, float)) else None


def cell_name() -> str:
    """The name of the cell that this run is for."""
    return os.environ.get(env_vars.CELL, "ambient")


def current_level() -> str:
    """The level of this run, ``interpreter`` or ``device``; a contradiction in the environment is a usage error."""
    interpreting = os.environ.get(env_vars.INTERPRET) == "1"
    level = "interpreter" if interpreting else "device"
    asked = os.environ.get(env_vars.LEVEL, level)
    if asked not in RUN_LEVELS:
        raise pytest.UsageError(f"{env_vars.LEVEL} is {asked!r}; allowed are {', '.join(RUN_LEVELS)}")
    if asked != level:
        raise pytest.UsageError(
            f"{env_vars.LEVEL} is {asked!r} but TRITON_INTERPRET is {os.environ.get(env_vars.INTERPRET)!r}; "
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
            pytest.skip(f"{NEEDS_GPU} ({marker.args[0]}): run this cell on a machine with one")
    for marker in item.iter_markers("needs"):
        reason = _cell(item.config).gap(current_level(), marker.args[0])
        if reason:
            pytest.skip(NOT_APPLICABLE + reason)


@pytest.fixture(scope="session", autouse=True)
def _junit_properties(pytestconfig: pytest.Config, record_testsuite_property: Callable[[str, object], None]) -> None:
    """Write into the JUnit file what it is evidence of."""
    record: Optional[dict[str, Any]] = pytestconfig.stash.get(RECORD, None)
    if record is None:
        return
    record_testsuite_property("cell", record["cell"])
    record_testsuite_property("run", record["run"])
    record_testsuite_property("level", current_level())
    record_testsuite_property("gpu", ", ".join(map(toolchain.called, record["gpus"])))
    for name in ("date", "commit", "python"):
        record_testsuite_property(name, record[name])
    for name in ("torch", "triton"):
        record_testsuite_property(name, record[name].get("version"))


def _cell(config: pytest.Config) -> Cell:
    return load_at(config.rootpath).cell(cell_name())
