"""The compile options of every released Triton: what a launch may pass besides the kernel's own parameters.

Read off the released wheels, as all of the language is (language.py).
"""

from __future__ import annotations

import difflib
import functools
from typing import Any

from . import language


@functools.cache
def known() -> tuple[str, ...]:
    """Every compile option that some release has: the fields of its CUDAOptions and HIPOptions."""
    return tuple(sorted({name for names in language.survey()["options"].values() for name in names}))


_TEXTS = {"arch", "backend_name", "default_dot_input_precision", "instruction_sched_variant", "instrumentation_mode"}
_TEXTS |= {"ir_override", "ptx_options", "schedule_hint"}


def check(name: str, value: Any, where: str) -> None:
    """Refuse an option that no release has, and a value that none can take.

    Args:
        where: what the options are to a reader, such as ``options``.

    Raises:
        ValueError: one sentence with the nearest name, or what is allowed.
    """
    if name not in known():
        near = difflib.get_close_matches(name, known(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(known())}"
        raise ValueError(f"{where} has {name!r}, which no Triton release knows; {hint}")
    if name == "num_warps":
        if not _is_count(value, 1) or value & (value - 1):
            raise ValueError(f"{where}.num_warps is {value!r}; allowed is a power of two")
    elif name in ("num_stages", "num_ctas", "maxnreg"):
        least = 0 if name == "num_stages" else 1
        if not _is_count(value, least):
            raise ValueError(f"{where}.{name} is {value!r}; allowed is a whole number from {least} on")
    elif name in _TEXTS:
        if not isinstance(value, str):
            raise ValueError(f"{where}.{name} is {value!r}; allowed is a text")
    elif not isinstance(value, (bool, int, float, str, list, dict)):
        raise ValueError(f"{where}.{name} is {value!r}; allowed is a number, a truth value or a text")


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
