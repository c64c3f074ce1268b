"""Which kernels a run launched, told test by test: the pytest hooks around :class:`launch_counts.LaunchCounter`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from . import kernels
from .launch_counts import LaunchCounter

CHANGED = "TRITON_INTERPRET was changed in the tests' process, and this level does not count them"


class Launched:
    """The hooks.

    Args:
        tell: takes ``kernels=``, ``launches=`` with ``test=``, ``note=`` and ``problem=``.
        tell_from_child: likewise, of a forked child, whose counts nobody else sees.
        files, modules: of the package, as :class:`LaunchCounter` takes them.
    """

    def __init__(
        self,
        tell: Callable[..., None],
        tell_from_child: Callable[..., None],
        interpreted: bool,
        files: Mapping[str, Path],
        modules: list[str],
    ) -> None:
        self._tell, self._tell_from_child, self._interpreted = tell, tell_from_child, interpreted
        self._test, self._ran = "", set[str]()
        self._counter = LaunchCounter(files, modules, self._of_child)
        problem = self._counter.install(interpreted)
        if problem:
            tell(problem=problem)
        self._astray = LaunchCounter({}, [], lambda kernel: None)
        self._astray.install(not interpreted)  # where that step cannot be had, nothing takes it
        tell(kernels=kernels.find(files))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What came before is of no test."""
        self._tell_launches()
        self._test = nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self) -> None:
        """What a test launched, setup and teardown included."""
        self._tell_launches()
        self._test = ""

    def pytest_sessionfinish(self) -> None:
        """What came after the last test, kernels that only raised (their tests may pass without), other levels'."""
        self._tell_launches()
        astray = self._astray.taken()
        if astray:
            how = "compiled" if self._interpreted else "interpreted"
            self._tell(note=f"{sum(astray.values())} launches were {how}, first of {next(iter(astray))}: {CHANGED}")
        for kernel, count in self._counter.raised.items():
            if kernel not in self._ran:
                self._tell(note=f"{kernel} was launched {count} times, and raised each time")

    def _tell_launches(self) -> None:
        own, self._counter.own = self._counter.own, set()
        if own:  # also those that no source defines as a reader of it would see
            self._tell(kernels=sorted(own))
        launches = self._counter.taken()
        if launches:
            self._ran |= set(launches)
            self._tell(launches=launches, test=self._test)

    def _of_child(self, kernel: str) -> None:
        self._tell_from_child(launches={kernel: 1}, test=self._test)
