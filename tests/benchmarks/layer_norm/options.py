"""The options of our conftest, as pytest sees them and as the suite needs them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from . import peers, rows
from .suite import Suite

SUITE = pytest.StashKey[Suite]()
# file -> the levels that it is for; in the order that they run, since the peers' time is limited
FILES = {
    "bench_layer_norm.py": ("device", "interpreter"),
    "bench_first_call.py": ("device", "interpreter"),
    "bench_codegen.py": ("device", "codegen"),
}


def add(parser: pytest.Parser) -> None:
    """Declare them."""
    group = parser.getgroup("LayerNorm's benchmarks")
    group.addoption("--peers", default="torch", help=f"comma-separated: {', '.join(peers.names())} (default: torch)")
    group.addoption("--peer-path", action="append", default=[], metavar="NAME=PATH", help="a peer's folder or wheel")
    group.addoption(
        "--peer-rows", metavar="REGEX", help="large rows to time peers other than torch on (small ones: all)"
    )
    group.addoption("--peer-seconds", type=float, help="time no further peer, torch excepted, once the run is this old")
    group.addoption("--quick", action="store_true", help="a subset that answers in a minute")
    group.addoption("--sweep", action="store_true", help="ours only, N in fine steps; goes to sweep.json")
    group.addoption("--no-compile-time", action="store_true", help="leave out the compile-time and first-call rows")


def check(config: pytest.Config) -> None:
    """Refuse what cannot be asked, in one sentence."""
    option = config.getoption
    try:
        peers.parse_names(option("peers"))
        peers.parse_paths(option("peer_path"))
        rows.matching([], option("peer_rows"), "peer-rows")
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if option("quick") and option("sweep"):
        raise pytest.UsageError("quick and sweep are both given; allowed is one of them")


def table_of(config: pytest.Config) -> str:
    """The table of rows asked for: ``full``, ``quick`` or ``sweep``."""
    return "quick" if config.getoption("quick") else "sweep" if config.getoption("sweep") else "full"


def suite_of(config: pytest.Config) -> Suite:
    """The run's one ``Suite``, made when it is first needed."""
    from triton_matrix.bench.plugin import level_of, timer_of

    if SUITE not in config.stash:
        again = config.getoption("bench_again")  # then only ours counts, and torch, which every row is held against
        wanted = () if again else peers.parse_names(config.getoption("peers"))
        paths = {} if again else peers.parse_paths(config.getoption("peer_path"))
        config.stash[SUITE] = Suite(level_of(config), wanted, paths, timer_of(config))
    return config.stash[SUITE]


def peer_rows(config: pytest.Config, table: Sequence[rows.Row]) -> set[str]:
    """The ids of the rows on which peers are timed too, by ``--peer-rows``."""
    return rows.with_peers(table, config.getoption("peer_rows"))


def is_asked_for(config: pytest.Config, file: str, level: str) -> bool:
    """Whether a benchmark file has rows for this run: each is for some levels, and compile times can be left out."""
    if level not in FILES[file]:
        return False
    only_rows = config.getoption("sweep") or config.getoption("no_compile_time") or config.getoption("bench_again")
    return file == "bench_layer_norm.py" or level == "codegen" or not only_rows
