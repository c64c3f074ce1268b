"""Rows without a GPU: what the launch plan asks for, compiled by the installed Triton for a named target, not run."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any, Optional

from .evidence import versions
from .timing import Measurement

TARGETS = ("cuda:90", "hip:gfx942")
DTYPE = "bf16"
N_ROWS = 4096
N_COLS = {"full": (512, 1024, 2048, 4096, 6144, 8192, 12288, 16384, 32768, 65536, 131072), "quick": (1024, 16384)}
COMPILATIONS = 3


@dataclass(frozen=True)
class CompileRow:
    """One kernel with its settings, for one target; the sizes that the plan uses it for share it.

    Attributes:
        launch: of the launch plan (``kernels.plan.Launch``).
        target: such as ``cuda:90``.
        n_cols: the N that it is compiled as (a parameter that is a multiple of 16 compiles differently).
    """

    launch: Any = field(hash=False)
    target: str
    n_cols: int

    @property
    def id(self) -> str:
        """e.g. ``compile-cuda:90-layer_norm_forward-bf16-4096``."""
        return f"compile-{self.target}-{self.launch.kernel.strip('_')}-{DTYPE}-{self.n_cols}"


def compile_rows(table: str, only_target: Optional[str] = None) -> tuple[CompileRow, ...]:
    """The distinct kernels of a table's sizes.

    Args:
        table: ``full`` or ``quick`` (for the sweep, as for quick).
        only_target: this target instead of ``TARGETS``.
    """
    plan = importlib.import_module("....kernels.plan", __name__)
    found: dict[Any, CompileRow] = {}
    for target in (only_target,) if only_target else TARGETS:
        for n_cols in N_COLS.get(table, N_COLS["quick"]):
            for make in (plan.forward_plan, plan.backward_plan):
                for launch in make(N_ROWS, n_cols, DTYPE, plan.TARGETS[target]):
                    settings = tuple(sorted(launch.constexprs.items()))
                    key = (target, launch.kernel, settings, *launch.options.items())
                    found.setdefault(key, CompileRow(launch, target, n_cols))
    return tuple(found.values())


def measure(row: CompileRow) -> tuple[Measurement, dict[str, Any]]:
    """Compile ``row`` a few times.

    Returns:
        The compilations' wall-clock times (the launcher that a call also needs is not part of it), and what goes into
        ``extra_info``, the exact metrics among it.

    Raises:
        Inapplicable: the installed Triton does not know the target.
        AssertionError: the kernel does not compile, or could not be launched.
    """
    from ..codegen import compile_kernel

    kernels = importlib.import_module("....kernels.layer_norm", __name__)
    launch = row.launch
    values = {"n_rows": N_ROWS, "n_cols": row.n_cols, **launch.values}
    hints = [
        name
        for name, kind in launch.args.items()
        if kind.startswith("*") or (name in values and values[name] % 16 == 0)
    ]
    options = launch.options
    seconds = []
    for _ in range(COMPILATIONS):
        result = compile_kernel(
            getattr(kernels, launch.kernel), launch.args, dict(launch.constexprs), options, hints, row.target
        )
        if result.status == "n/a":
            raise Inapplicable(result.reason)
        assert result.status == "ok", f"{row.id}: {result.reason}"
        seconds.append(result.seconds)
    return Measurement("host", tuple(seconds)), {
        "level": "codegen",
        "row": row.id,
        "kind": "compile",
        "kernel": launch.kernel,
        "target": row.target,
        "dtype": DTYPE,
        "n_cols": row.n_cols,
        "constexprs": dict(launch.constexprs),
        "options": options,
        "metrics": result.metrics,
        "clock": "host",
        "versions": versions(),
    }


class Inapplicable(Exception):
    """The installed Triton cannot compile for the target, with the reason."""
