"""What one process measures of a row: checked against torch first, host times of all implementations side by side."""

import functools
import statistics
from dataclasses import replace

import pytest
from benchmarks.layer_norm import launches
from benchmarks.layer_norm.rows import Row
from benchmarks.layer_norm.suite import Suite

from triton_matrix.bench.timing import Timer

SMALL = Row("small", "forward", "fp32", 4, 64)


@pytest.fixture
def suite(level):
    if level == "device":
        pytest.skip("runs on the CPU: run this cell with TRITON_INTERPRET=1")
    made = Suite("interpreter", [], {}, Timer("cpu", budget=0.001))
    made.timer.host_seconds = functools.partial(made.timer.host_seconds, batches=2, calls_per_batch=2)
    return made


def test_host_times_of_a_small_row_are_measured_together(suite, monkeypatch):
    measure, found = suite.timer.host_seconds, []

    def once(calls):
        if found:
            raise AssertionError("a second time")
        found.append(measure(calls))
        return found[0]

    monkeypatch.setattr(suite.timer, "host_seconds", once)
    for name in ("torch", "ours"):
        _, info = suite.measure(SMALL, name)
        assert info["host_us_per_call"] == statistics.median(found[0][name]) * 1e6 > 0
        assert info["host_spread"] >= 0
    with pytest.raises(AssertionError, match="a second time"):
        suite.measure(replace(SMALL, direction="backward"), "torch")


def test_rows_at_the_memory_limit_have_no_host_time(suite):
    _, info = suite.measure(replace(SMALL, kind="large"), "ours")
    assert (info["host_us_per_call"], info["host_spread"]) == (None, None)


def test_an_implementation_that_refuses_a_small_row_leaves_the_others_their_host_times(suite):
    def refuse(x, w, b, eps):
        raise RuntimeError("too small")

    suite.implementations["quack"] = replace(suite.implementations["torch"], name="quack", layer_norm=refuse)
    _, info = suite.measure(SMALL, "ours")
    assert info["host_us_per_call"] > 0
    with pytest.raises(RuntimeError, match="too small"):
        suite.measure(SMALL, "quack")


def test_ours_compiled_is_no_refusal_when_it_fails(suite):
    suite.note("a row", "ours-compiled", ValueError("no"))
    suite.note("a row", "compile", ValueError("no"))
    assert [item["implementation"] for item in suite.failed] == ["ours-compiled"]
    assert [item["implementation"] for item in suite.refused] == ["compile"]


def test_wrong_results_are_not_timed(suite):
    def wrong(x, w, b, eps):
        return x * w + b

    suite.implementations["ours"] = replace(suite.implementations["ours"], layer_norm=wrong)
    with pytest.raises(AssertionError, match="ours is wrong on small-fp32-4x64-forward"):
        suite.measure(SMALL, "ours")


def test_the_settings_are_those_that_the_plan_chooses(monkeypatch):
    h100 = launches.device_of("cuda:90")
    monkeypatch.setattr(launches, "_properties", lambda device: h100)
    assert launches.settings("cuda") == "tuned table"
    monkeypatch.setattr(launches, "_properties", lambda device: replace(h100, tuned=False))
    assert launches.settings("cuda") == "general rule"
