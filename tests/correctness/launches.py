"""What reaches Triton's launcher, recorded on the way.

The seam is ``kernel[grid]``: the one step that the compiled and the interpreted kernels of Triton 2.3.1 to 3.9.0 share.
"""

from __future__ import annotations

import collections.abc
import contextlib
import importlib
from dataclasses import dataclass
from typing import Any

import pytest
import triton


@dataclass(frozen=True)
class Launched:
    """One launch: ``kernel[grid](*args, **kwargs)``, with the kernel's name and a callable grid left as it was."""

    kernel: str
    grid: Any
    args: tuple
    kwargs: dict


class LaunchSpy(collections.abc.Sequence):
    """The launches since installation, oldest first."""

    def __init__(self) -> None:
        self._launched: list[Launched] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Record launches until ``monkeypatch`` is undone; they still happen.

        On a GPU our repeated calls launch what an earlier one compiled, past the seam; so that is forgotten first.
        """
        with contextlib.suppress(ImportError):  # another package under these suites has none
            importlib.import_module("liger_kernel.ops.problem")._problem.cache_clear()
        kernel_class = type(triton.jit(_any_kernel))  # the interpreter has a class of its own
        subscript = kernel_class.__getitem__

        def recording_subscript(kernel, grid):
            launch = subscript(kernel, grid)

            def launch_and_record(*args, **kwargs):
                self._launched.append(Launched(kernel.fn.__name__, grid, args, kwargs))
                return launch(*args, **kwargs)

            return launch_and_record

        monkeypatch.setattr(kernel_class, "__getitem__", recording_subscript)

    def __getitem__(self, index):
        return self._launched[index]

    def __len__(self) -> int:
        return len(self._launched)

    def __repr__(self) -> str:
        return f"LaunchSpy({self._launched})"


def _any_kernel():
    pass
