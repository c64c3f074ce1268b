"""Launch a compiled kernel by the C function of Triton's launcher, past the Python around it.

That Python costs about three times the launch itself: it makes metadata for hooks, calls the hooks (also where nobody
registered any) and sorts the arguments anew. What it hands to the C function differs from release to release, so it is
not written down here but asked for, once for each compiled kernel: a copy of the launcher, whose C function only notes
what it gets, is called as Triton would call it. tests/correctness/test_direct_launch.py holds what comes of that
against the subscript of the installed Triton.
"""

from __future__ import annotations

import copy
import operator
from typing import Any, Callable, Optional

import triton

from .utils import compare_version

# Triton 2.3.1 to 3.9 were read for this
KNOWN = compare_version("triton", operator.lt, "3.10")
# before 3.3 the launcher takes the arguments that are no constants, from then on all of them
TAKES_CONSTANTS = compare_version("triton", operator.ge, "3.3")
_HOLDER = triton.knobs.runtime if hasattr(triton, "knobs") else triton.compiler.CompiledKernel

DirectLaunch = Callable[[int, tuple[Any, ...]], Any]


def direct_launch(compiled: Any, grid: tuple[int, ...]) -> Optional[DirectLaunch]:
    """`launch(stream, arguments)` for what `kernel[grid](...)` compiled and returned; None where it cannot be had.

    `grid` has three numbers. `arguments` are those of the launcher (see `TAKES_CONSTANTS`), tensors by their address.
    No hook is called.
    """
    if not KNOWN:
        return None
    launcher = compiled.run
    if not hasattr(launcher, "launch"):  # Triton 2.3.1: it is the C function
        head = (*grid, compiled.num_warps, compiled.num_ctas, *compiled.cluster_dims, compiled.shared)
        return _flat(launcher, head, (compiled.function, None, None, compiled))
    needs = ("global_scratch_size", "profile_scratch_size", "gsan_enabled")
    if any(getattr(launcher, name, 0) for name in needs):
        return None  # memory or arguments of its own for every launch
    handed: list[Any] = []
    asked = copy.copy(launcher)
    asked.launch = lambda *arguments: handed.extend(arguments)
    stream, argument = object(), object()
    asked(*grid, stream, compiled.function, compiled.packed_metadata, None, None, None, argument)
    position = handed.index(stream)
    head, tail = tuple(handed[:position]), tuple(handed[position + 1 : -1])
    if handed[-1] is argument:
        return _flat(launcher.launch, head, tail)
    return _nested(launcher.launch, head, tail) if handed[-1] == (argument,) else None


def hooked() -> bool:
    """Whether someone, a profiler say, registered a hook that Triton calls around every launch."""
    enter, leave = _HOLDER.launch_enter_hook, _HOLDER.launch_exit_hook
    # from 3.5 on a chain, which may be empty
    return bool((enter and getattr(enter, "calls", True)) or (leave and getattr(leave, "calls", True)))


def _flat(function: Callable[..., Any], head: tuple[Any, ...], tail: tuple[Any, ...]) -> DirectLaunch:
    return lambda stream, arguments: function(*head, stream, *tail, *arguments)


def _nested(function: Callable[..., Any], head: tuple[Any, ...], tail: tuple[Any, ...]) -> DirectLaunch:
    return lambda stream, arguments: function(*head, stream, *tail, arguments)
