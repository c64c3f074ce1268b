"""pytest plugin for suites that are written for a GPU (``needs_gpu`` in ``[package]``), on a machine without one.

A test that ends because torch or Triton finds no GPU says nothing of the kernels. It is skipped with that reason, so
that the table says that it was not run: neither that it failed nor that it passed.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator
from typing import Any, Optional

import pytest

from ..base import env_vars
from ..evidence.reading import NEEDS_GPU

# what torch and Triton say where there is no GPU
SIGNS = (
    "Found no NVIDIA driver",
    "No CUDA GPUs are available",
    "No HIP GPUs are available",
    "Torch not compiled with CUDA enabled",
    "Cannot access accelerator device when none is available",
    "0 active drivers",
    "NVIDIA driver on your system is too old",
)


def missing_gpu(error: Optional[BaseException]) -> str:
    """The line of the exception, or of one it came from, that says that there is no GPU; empty for another cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines = str(error).splitlines()
        sentence = next((line.strip() for line in lines if any(sign in line for sign in SIGNS)), "")
        if sentence:
            return sentence
        error = error.__cause__ or error.__context__
    return ""


def _applies() -> bool:
    if os.environ.get(env_vars.LEVEL) != "interpreter":
        return False
    if importlib.util.find_spec("torch") is None:
        return True
    import torch

    return not torch.cuda.is_available()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """A test that found no GPU is a skipped one."""
    outcome = yield
    report = outcome.get_result()
    said = missing_gpu(call.excinfo.value) if call.excinfo and report.failed else ""
    if said and _applies():
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {NEEDS_GPU}: {said}")


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    """A file that asks for a GPU when it is imported is one skipped test, so that its reason is in the evidence."""
    outcome = yield
    report = outcome.get_result()
    call = getattr(report, "call", None)
    said = missing_gpu(call.excinfo.value) if report.failed and call and call.excinfo else ""
    if said and _applies():
        report.outcome, report.longrepr = "passed", None
        report.result = [Unimported.from_parent(collector, name="import", reason=f"{NEEDS_GPU}: {said}")]


class Unimported(pytest.Item):
    """Stands for the tests of a file that could not be imported."""

    def __init__(self, *, reason: str, **of_node: Any) -> None:
        super().__init__(**of_node)
        self._reason = reason

    def runtest(self) -> None:
        """Skip, with the reason."""
        pytest.skip(self._reason)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where the file is."""
        return self.path, 0, f"{self.path.name}: import"
