"""Rows without a GPU: kernels compiled by the installed Triton for a named target, and not run."""

from __future__ import annotations

from typing import Any

from ..codegen import compile_kernel
from ..launches import Configuration
from ..launches.loading import load
from .timing import Measurement

TARGETS = ("cuda:90", "hip:gfx942")  # compiled for where no GPU says which
COMPILATIONS = 3


class Inapplicable(Exception):
    """The installed Triton cannot compile for the target, with the reason."""


def measure(configuration: Configuration) -> tuple[Measurement, dict[str, Any]]:
    """Compile a configuration a few times.

    Returns:
        The compilations' wall-clock times (the launcher that a call also needs is not part of it), and what goes into
        ``extra_info``, the exact metrics among it.

    Raises:
        Inapplicable: the installed Triton does not know the target.
        AssertionError: the kernel does not compile, or could not be launched.
        KernelError: there is no such kernel.
    """
    kernel, each = load(configuration.kernel), configuration
    seconds = []
    for _ in range(COMPILATIONS):
        result = compile_kernel(kernel, each.args, dict(each.constexprs), each.options, each.hints, each.target)
        if result.status == "n/a":
            raise Inapplicable(result.reason)
        assert result.status == "ok", f"{each.id}: {result.reason}"
        seconds.append(result.seconds)
    return Measurement("host", tuple(seconds)), {
        "level": "codegen",
        "kind": "compile",
        "kernel": each.kernel.rpartition(":")[2],
        "configuration": each.label,
        "target": each.target,
        "constexprs": dict(each.constexprs),
        "options": each.options,
        "metrics": result.metrics,
    }
