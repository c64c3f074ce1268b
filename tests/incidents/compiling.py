"""Compile an incident's kernel for a GPU that is not there, through the matrix's own codegen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from triton_matrix.base import targets
from triton_matrix.base.cells import find_root
from triton_matrix.codegen import Result, compile_kernel, crashes
from triton_matrix.codegen.compile import compile_stages

from .incident import NotApplicable, Seen

COMPILES = "it compiles"


def compiled(
    fn: Any, args: dict, constexprs: dict, target: str = "cuda:90", hints: Any = None, **options: Any
) -> Result:
    """What came of compiling ``fn``, with its metrics; an error is a result too. Arguments are compile_kernel's.

    Raises:
        NotApplicable: this Triton does not know the target.
    """
    return _known(compile_kernel(fn, args, constexprs, options, hints, target))


def stages(fn: Any, args: dict, constexprs: dict, target: str = "cuda:90", **options: Any) -> Result:
    """The same without the metrics, which take the most time."""
    return _known(compile_stages(fn, args, constexprs, options, None, targets.parse(target)))


def refused(fn: Any, args: dict, constexprs: dict, **options: Any) -> Seen:
    """Shown where ``fn`` does not compile."""
    result = stages(fn, args, constexprs, **options)
    return Seen(result.status != "ok", result.reason or COMPILES)


def apart(incident: str) -> Seen:
    """Shown where a process of its own that calls ``main()`` of an incident does not print that it compiles."""
    path = os.pathsep.join(map(str, (find_root() / "tests", find_root())))
    code = f"from incidents import {incident}; {incident}.main()"
    env = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    if done.returncode < 0:
        return Seen(True, crashes.of_process(signal.Signals(-done.returncode).name, done.stderr).sentence)
    assert done.returncode == 0, done.stderr
    said = done.stdout.strip().splitlines()[-1]
    return Seen(said != COMPILES, said)


def _known(result: Result) -> Result:
    if result.status == "n/a":
        raise NotApplicable(result.reason)
    return result
