"""pytest side of the bench: options, fixtures, and how device seconds get into pytest-benchmark.

A suite's ``conftest.py`` imports the names below. Only documented parts of pytest-benchmark are used (the ``timer`` of
its marker, ``pedantic``, its ``update`` hooks); tried with pytest-benchmark 4.0.0, 5.2.3 and 5.3.1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from liger_kernel.kernels import plan as launch_plan

from ..evidence import toolchain
from . import peers, rows
from .evidence import header
from .suite import LEVELS, Suite
from .timing import Measurement

SUITE = pytest.StashKey[Suite]()
Record = Callable[[Measurement, dict], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that the verb ``bench`` sets; each has a default, so that plain pytest works too."""
    group = parser.getgroup("triton-matrix bench")
    group.addoption("--bench-level", default="auto", help="device, interpreter or codegen (auto: device with a GPU)")
    group.addoption("--bench-peers", default="torch", help=f"comma-separated: {', '.join(peers.names())}")
    group.addoption("--bench-peer-path", action="append", default=[], help="NAME=DIR or NAME=WHEEL")
    group.addoption("--bench-peer-rows", default=None, help="large rows to time peers but torch on")
    group.addoption("--bench-peer-seconds", type=float, default=None, help="time no peer but torch after this long")
    group.addoption("--bench-table", default="full", help="full, quick or sweep")
    group.addoption("--bench-rows", default=None, help="regular expression on a row's id")
    group.addoption("--bench-budget", type=float, default=0.1, help="seconds of rounds per measurement")


def level_of(config: pytest.Config) -> str:
    """The level of this run."""
    level = config.getoption("bench_level")
    if level == "auto":
        import torch

        return "device" if torch.cuda.is_available() else "codegen"
    if level not in LEVELS:
        raise pytest.UsageError(f"bench-level is {level!r}; allowed are auto, {', '.join(LEVELS)}")
    return level


def suite_of(config: pytest.Config) -> Suite:
    """The run's one ``Suite``, made when it is first needed."""
    if SUITE not in config.stash:
        option = config.getoption
        try:
            wanted, paths = peers.parse_names(option("bench_peers")), peers.parse_paths(option("bench_peer_path"))
            config.stash[SUITE] = Suite(level_of(config), wanted, paths, option("bench_budget"))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[SUITE]


def compile_target(config: pytest.Config) -> Optional[str]:
    """The target to compile for: that of the GPU here, None (the usual ones) without one or where no row has it."""
    if level_of(config) != "device":
        return None
    arch = toolchain.gpus()[0]["arch"]
    return arch if arch in launch_plan.TARGETS else None


def selected(config: pytest.Config, ids: list[str]) -> list[str]:
    """Which of ``ids`` the option ``--bench-rows`` leaves."""
    try:
        return rows.matching(ids, config.getoption("bench_rows"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def peer_rows(config: pytest.Config, table: Sequence[rows.Row]) -> set[str]:
    """The ids of the rows on which peers are timed too, by ``--bench-peer-rows``."""
    try:
        return rows.with_peers(table, config.getoption("bench_peer_rows"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def parametrize(metafunc: pytest.Metafunc, cases: Sequence[tuple[str, str, tuple[Any, ...]]], names: str) -> None:
    """Make a test of each case that ``--bench-rows`` selects.

    Args:
        cases: (row id, suffix of the test's id, values of ``names``); a row's cases form one group.
        names: comma-separated names of the test's parameters.
    """
    left = set(selected(metafunc.config, [row for row, _, _ in cases]))
    metafunc.parametrize(
        names.split(","),
        [
            pytest.param(*values, id=row + suffix, marks=pytest.mark.benchmark(group=row, timer=replay_clock))
            for row, suffix, values in cases
            if row in left
        ],
    )


_replayed = 0.0


def replay_clock() -> float:
    """The clock that pytest-benchmark reads around a round: it advances by what the device took, not the host."""
    return _replayed


@pytest.fixture
def record(benchmark: Any) -> Record:
    """Hand a measurement and its ``extra_info`` to pytest-benchmark; the test is one that ``parametrize`` made."""

    def hand_over(measured: Measurement, info: dict) -> None:
        global _replayed
        _replayed = 0.0
        durations = iter(measured.seconds)

        def round_() -> None:
            global _replayed
            _replayed += next(durations)

        benchmark.extra_info.update(info)
        benchmark.pedantic(round_, rounds=len(measured.seconds), iterations=1)

    return hand_over


@pytest.fixture(scope="session")
def suite(pytestconfig: pytest.Config) -> Suite:
    """The run's ``Suite``."""
    return suite_of(pytestconfig)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict) -> None:
    """Say what the file is evidence of, and keep its rounds to the nanosecond."""
    cell = os.environ.get("TRITON_MATRIX_CELL", "ambient")
    root: Optional[Path] = config.rootpath
    pattern = config.getoption("bench_rows")
    selection = config.getoption("bench_table") + (f", rows {pattern}" if pattern else "")
    made = config.stash.get(SUITE, None)
    about = made.header(cell, selection, root) if made else header(cell, level_of(config), selection, root)
    output_json["triton_matrix"] = about
    for row in output_json["benchmarks"]:
        if "data" in row["stats"]:  # --benchmark-save leaves it out
            row["stats"]["data"] = [round(seconds, 9) for seconds in row["stats"]["data"]]
