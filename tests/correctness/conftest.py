"""Fixtures and settings of the correctness suites."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator

import hypothesis
import pytest
import torch
import triton

from .launches import LaunchSpy


def pytest_configure(config: pytest.Config) -> None:
    # The same examples in every run and cell, so that a red test means a change in the code; `--hypothesis-seed=N`
    # looks elsewhere. No deadline: one interpreted launch takes from milliseconds to seconds. No database: nothing is
    # left behind in the user's tree.
    hypothesis.settings.register_profile(
        "correctness",
        deadline=None,
        database=None,
        derandomize=config.getoption("--hypothesis-seed", default=None) is None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("correctness")
    # The interpreter of Triton 2.3.1 replaces every name in this module with a function that refuses, `__file__` too,
    # which hypothesis then takes for a path.
    if triton.__version__.startswith("2."):
        vars(triton.language.math).pop("__file__", None)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> LaunchSpy:
    """Records every kernel launch of the test, and lets it happen."""
    spy = LaunchSpy()
    spy.install(monkeypatch)
    return spy


@pytest.fixture
def need_of_torch() -> Callable[[str], None]:
    """Skips where torch cannot import such a module of its own, since it does not know the Triton beside it."""

    def need(module: str) -> None:
        try:
            importlib.import_module(module)
        except ImportError as error:
            pytest.skip(f"needs the Triton that torch {torch.__version__} pins: with this one, {error}")

    return need


@pytest.fixture(scope="module")
def settings_of_many_rows() -> Iterator[None]:
    """A test's few rows stand for many: they take the measured settings of those, and so reach all kernels."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError):  # another package under these suites has none
            settings = importlib.import_module("liger_kernel.kernels.settings")
            problems = importlib.import_module("liger_kernel.ops.problem")
            tuned, patch = settings.tuned_settings, stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(settings, "tuned_settings", lambda way, n_rows, *rest: tuned(way, max(n_rows, 2**20), *rest))
            problems._problem.cache_clear()
            stack.callback(problems._problem.cache_clear)
        yield
