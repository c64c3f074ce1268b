"""pytest side of the bench: options and fixtures for any suite of benchmarks, and what its file is evidence of.

The verb ``bench`` loads it; ``python -m pytest -p triton_matrix.bench.plugin`` does too. Only documented parts of
pytest-benchmark are used (the ``timer`` of its marker, ``pedantic``, its ``update`` hooks); tried with pytest-benchmark
4.0.0, 5.2.3 and 5.3.1.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

import pytest

from ..base import env_vars, patterns, per_gpu
from ..base.cells import load_at
from ..base.files import write_text
from ..base.levels import LEVELS
from ..base.listening import Notes, paused
from ..evidence import toolchain
from ..launches import Configuration
from ..suites import run_journal
from . import bandwidth, compiling, hooks, table
from .header import header
from .runner import JOURNAL as _JOURNAL
from .runner import suite_of
from .timing import BLOCKS, Measurement, Timer

Record = Callable[..., None]
_TIMER = pytest.StashKey[Timer]()
_COUNTED = pytest.StashKey["_Counted"]()
_COPY = pytest.StashKey[Optional[float]]()
_NOTES: list[Notes] = []  # of the run, where this process is one


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that the verb ``bench`` sets; each has a default, so that plain pytest works too.

    Listens from before the first conftest.
    """
    if os.environ.get(_JOURNAL):
        _NOTES.append(run_journal.listen())
    group = parser.getgroup("triton-matrix bench")
    group.addoption("--bench-level", default="auto", help="device, interpreter or codegen (auto: device with a GPU)")
    group.addoption("--bench-rows", default=None, help="regular expression on a row's name")
    group.addoption("--bench-budget", type=float, default=0.1, help="seconds of rounds per measurement")
    group.addoption("--bench-again", action="store_true", help="rows are measured again: a suite may leave peers out")
    group.addoption("--bench-text", default=None, help="a file for what the verb is to print")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """What a suite's conftest may answer."""
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and register the marker that names a row."""
    config.addinivalue_line("markers", "row(name): what a benchmark is called in the bench's files; default: its name")
    config.stash[_COUNTED] = _Counted()
    config.pluginmanager.register(config.stash[_COUNTED])
    if level_of(config) == "device":
        _hold_the_gpu(config)
    try:
        patterns.compiled("rows", config.getoption("bench_rows"))
    except ValueError as problem:
        raise pytest.UsageError(str(problem)) from None
    if not 0 < config.getoption("bench_budget") < math.inf:
        budget = config.getoption("bench_budget")
        raise pytest.UsageError(f"budget is {budget}; it must be a positive number of seconds")
    journal = os.environ.pop(_JOURNAL, None)  # a row may start pytest again: that is no part of this run
    if journal:
        known = load_at(config.rootpath)
        told = run_journal.Journal(Path(journal), known, [suite_of(known)], _NOTES[-1])
        config.pluginmanager.register(told)


def pytest_unconfigure() -> None:
    """Listen no longer."""
    run_journal.READING.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Listen to nothing while pytest-benchmark itself may time, since listening takes time."""
    names = getattr(item, "fixturenames", ())
    with paused() if "benchmark" in names and "record" not in names else contextlib.nullcontext():
        yield


def _hold_the_gpu(config: pytest.Config) -> None:
    """Time alone on the GPU until pytest ends; where another does, say so before anything is timed."""
    import torch

    if not torch.cuda.is_available():
        return
    gpu = toolchain.gpus()[torch.cuda.current_device()]
    held = contextlib.ExitStack()
    try:
        held.enter_context(per_gpu.timing(gpu["uuid"] or str(gpu.get("device", 0))))
    except ValueError as problem:
        raise pytest.UsageError(str(problem)) from None
    config.add_cleanup(held.close)


class _Counted:
    """Which rows were left out, which were skipped, and which failed."""

    def __init__(self) -> None:
        self.deselected = self.skipped = 0
        self.failed: list[str] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.deselected += len(items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._count(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._count(report)

    def _count(self, report: Union[pytest.TestReport, pytest.CollectReport]) -> None:
        self.skipped += report.skipped
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)


def level_of(config: pytest.Config) -> str:
    """The level of this run: ``device``, ``interpreter`` or ``codegen``."""
    level = str(config.getoption("bench_level"))
    if level == "auto":
        import torch

        return "device" if torch.cuda.is_available() else "codegen"
    if level not in LEVELS:
        raise pytest.UsageError(f"bench-level is {level!r}; allowed are auto, {', '.join(LEVELS)}")
    return level


def timer_of(config: pytest.Config) -> Timer:
    """The run's one timer, made when it is first needed: it holds the buffer that flushes the L2."""
    if _TIMER not in config.stash:
        level = level_of(config)
        if level == "device":
            import torch

            if not torch.cuda.is_available():
                raise pytest.UsageError(
                    "level is 'device', but torch sees no GPU here; allowed are interpreter, codegen"
                )
        config.stash[_TIMER] = Timer("cuda" if level == "device" else "cpu", config.getoption("bench_budget"))
    return config.stash[_TIMER]


def copy_of(config: pytest.Config) -> Optional[float]:
    """Bytes per second of a device copy, measured once a run; None without a GPU."""
    if _COPY not in config.stash:
        config.stash[_COPY] = bandwidth.copy_bytes_per_second(timer_of(config))
    return config.stash[_COPY]


def compile_targets(config: pytest.Config, known: Sequence[str]) -> tuple[str, ...]:
    """The targets to compile for: that of the GPU here; ``compiling.TARGETS`` without one, or where it is not known."""
    if level_of(config) == "device":
        arch = toolchain.gpus()[0]["arch"]
        if arch in known:
            return (arch,)
    return compiling.TARGETS


def parametrize(metafunc: pytest.Metafunc, cases: Sequence[tuple[str, str, tuple[Any, ...]]], names: str) -> None:
    """Make a test of each case.

    Args:
        cases: (row's name, suffix of the test's id, values of ``names``); a row's cases form one group.
        names: comma-separated names of the test's parameters.
    """
    metafunc.parametrize(
        names.split(","),
        [
            pytest.param(*values, id=row + suffix, marks=[pytest.mark.benchmark(group=row), pytest.mark.row(row)])
            for row, suffix, values in cases
        ],
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let pytest-benchmark read the clock of what ``record`` hands over."""
    if "record" in getattr(item, "fixturenames", ()):
        given = item.get_closest_marker("benchmark")
        options = {"timer": _replay_clock, **(given.kwargs if given else {})}
        item.add_marker(pytest.mark.benchmark(**options), append=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the rows that ``--bench-rows`` names."""
    pattern = config.getoption("bench_rows")
    if not pattern:
        return
    left_out = [item for item in items if not re.search(pattern, row_of(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def row_of(item: pytest.Item) -> str:
    """What a benchmark is called in the bench's files."""
    marker = item.get_closest_marker("row")
    return str(marker.args[0]) if marker else item.name


_replayed = 0.0


def _replay_clock() -> float:
    """The clock that pytest-benchmark reads around a round: it advances by what the device took, not the host."""
    return _replayed


@pytest.fixture
def timer(pytestconfig: pytest.Config) -> Timer:
    """Times a call: ``record(timer(lambda: kernel(x)))``. At level codegen no kernel runs, and the test is skipped."""
    if level_of(pytestconfig) == "codegen":
        pytest.skip("n/a: at level codegen no kernel runs; a machine with a GPU times it")
    return timer_of(pytestconfig)


@pytest.fixture
def record(benchmark: Any, request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Record:
    """Hand a measurement to pytest-benchmark: ``record(measured, info=None, n_bytes=None)``.

    The row is that of the marker ``row``, since rows are measured again by that name; ValueError for another.
    ``info`` goes into ``extra_info`` (``benchmark_file.EXTRA_INFO`` lists the keys that are read). ``n_bytes`` are the
    fewest that must go through device memory: with them the row has its bandwidth and its share of a copy's.
    """

    def hand_over(measured: Measurement, info: Optional[dict[str, Any]] = None, n_bytes: Optional[int] = None) -> None:
        global _replayed
        _replayed = 0.0
        durations = iter(measured.seconds)

        def round_() -> None:
            global _replayed
            _replayed += next(durations)

        if not all(map(math.isfinite, measured.seconds)) or measured.median <= 0:
            raise ValueError(f"the rounds took {measured.seconds} s: a row without a time cannot be shown or compared")
        row = row_of(request.node)
        if (info or {}).get("row", row) != row:
            raise ValueError(f"row is {(info or {})['row']!r}, but the test is row {row!r}: pytest.mark.row names it")
        benchmark.extra_info.update(row=row, level=level_of(pytestconfig), clock=measured.clock)
        if len(measured.seconds) >= BLOCKS:
            benchmark.extra_info.update(spread=measured.spread, late=measured.late)
        if n_bytes is not None:
            rates = bandwidth.rates(n_bytes, measured.median, copy_of(pytestconfig))
            benchmark.extra_info.update(bytes=n_bytes, **rates)
        benchmark.extra_info.update(info or {})
        benchmark.pedantic(round_, rounds=len(measured.seconds), iterations=1)

    return hand_over


@pytest.fixture
def compiled(record: Record) -> Callable[[Configuration], None]:
    """Compile a configuration for its target, record compile time and metrics; skips where Triton lacks the target."""

    def compile_(configuration: Configuration) -> None:
        try:
            with paused():
                measured, info = compiling.measure(configuration)
        except compiling.Inapplicable as reason:
            pytest.skip(f"n/a: {reason}")
        record(measured, info)

    return compile_


@pytest.hookimpl(hookwrapper=True, optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> Iterator[None]:
    """Say what the file is evidence of, before and around what a suite adds; keep its rounds to the nanosecond."""
    cell = os.environ.get(env_vars.CELL, "ambient")
    root: Optional[Path] = config.rootpath
    pattern = config.getoption("bench_rows")
    output_json["triton_matrix"] = header(cell, level_of(config), f"rows {pattern}" if pattern else "all", root)
    counted = config.stash[_COUNTED]
    about = {"deselected": counted.deselected, "failed_rows": counted.failed, "skipped": counted.skipped}
    output_json["triton_matrix"].update(about)
    for row in output_json["benchmarks"]:
        if "data" in row["stats"]:  # --benchmark-save leaves it out
            row["stats"]["data"] = [round(seconds, 9) for seconds in row["stats"]["data"]]
    yield
    target = config.getoption("bench_text")
    if target:
        lines = config.hook.pytest_bench_table(config=config, report=output_json)
        write_text(target, table.text(output_json, lines))


@pytest.hookimpl(trylast=True)
def pytest_bench_table(report: dict[str, Any]) -> list[str]:
    """The table of a suite that has none of its own."""
    return table.body(report)
