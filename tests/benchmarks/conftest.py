"""The options and the header of our benchmarks, and a report to derive from. The verb bench runs ``bench_*.py``."""

import pytest

from triton_matrix.bench.plugin import level_of

from .layer_norm import options, tables
from .layer_norm.peers import OURS
from .reports import COPY, timed_row


def pytest_addoption(parser):
    options.add(parser)


def pytest_configure(config):
    if hasattr(config.option, "peers"):  # a run that is not given this folder has read its options already
        options.check(config)


def pytest_ignore_collect(collection_path, config):
    """Leave out a benchmark file that this run has no rows for."""
    if collection_path.name in options.FILES and config.pluginmanager.has_plugin("triton_matrix.bench.plugin"):
        return None if options.is_asked_for(config, collection_path.name, level_of(config)) else True
    return None


def pytest_collection_modifyitems(items):
    """Rows before what is compiled, rows of one file in their order."""
    order = list(options.FILES)
    items.sort(key=lambda item: order.index(item.path.name) if item.path.name in order else -1)


@pytest.fixture(scope="session")
def suite(pytestconfig):
    """The run's measurements: what all rows share."""
    return options.suite_of(pytestconfig)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config, output_json):
    """Add what our rows are evidence of to the header."""
    about = output_json["triton_matrix"]
    pattern = config.getoption("bench_rows")
    about["selection"] = options.table_of(config) + (f", rows {pattern}" if pattern else "")
    if options.SUITE in config.stash:
        about.update(config.stash[options.SUITE].header())


@pytest.hookimpl(optionalhook=True)
def pytest_bench_table(report):
    return tables.lines(report)


@pytest.fixture
def row():
    """Make a benchmark of a report: ``row(kind, direction, dtype, n_rows, n_cols, implementation, share, host_us)``."""
    return timed_row


@pytest.fixture
def report():
    """A file of the bench: ours, torch and quack on two large shapes, where quack refuses one, and on a small one."""
    shares = {1024: (0.97, 0.6), 16384: (0.90, 0.95)}
    rows = [
        timed_row("large", "forward", "bf16", 2**27 // n_cols, n_cols, name, share)
        for n_cols, pair in shares.items()
        for name, share in zip((OURS, "torch"), pair)
    ]
    host = {OURS: 25.0, "torch": 20.0, "quack": 40.0}
    rows += [timed_row("small", "forward+backward", "bf16", 128, 768, name, 0.1, us) for name, us in host.items()]
    rows.append(timed_row("large", "forward", "bf16", 2**17, 1024, "quack", 0.96))
    about = {
        "schema": "triton-matrix/benchmark/1",
        "cell": "ambient",
        "level": "device",
        "selection": "full",
        "settings": "tuned table",
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789abcdef",
        "dirty": False,
        "gpus": [{"name": "NVIDIA H100 80GB HBM3", "driver": "580.1"}],
        "versions": {"python": "3.12.3", "torch": "2.11.0", "triton": "3.6.0", "pytest-benchmark": "5.3.1"},
        "implementations": {OURS: "0.1.0", "torch": "2.11.0", "quack": "0.6.5"},
        "absent": {"liger": "ImportError: not there"},
        "refused": [{"row": "large-bf16-8192x16384-forward", "implementation": "quack", "reason": "too wide"}],
        "failed": [],
        "copy_gb_per_s": COPY / 1e9,
        "copy_gb_per_s_at_end": COPY / 1e9,
    }
    return {"datetime": "x", "triton_matrix": about, "benchmarks": rows}
