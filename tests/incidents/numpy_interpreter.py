"""numpy beside the interpreter: a newer numpy than a Triton knows breaks it, loudly or silently."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import triton
import triton.language as tl

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root

from . import standins
from .incident import Incident, Missing, NotApplicable, Observation, Releases, Seen


@triton.jit
def double(X, n, BLOCK: tl.constexpr):
    """X[:n] *= 2, by one program, BLOCK at a time."""
    for start in range(0, n, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        tl.store(X + cols, tl.load(X + cols, mask=cols < n, other=0.0) * 2, mask=cols < n)


def main() -> None:
    """Print what this process' numpy makes of the interpreter: the numbers, or the error."""
    x = standins.Tensor(np.arange(8, dtype=np.float32))
    try:
        double[(1,)](x, 7, BLOCK=4, num_warps=1)
    except Exception as error:  # whatever an interpreter raises is the finding
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
    else:
        print(json.dumps({"values": [float(value) for value in x.array]}))


def beside(numpy: str, first_python: tuple) -> Seen:
    """The interpreter of this Triton in a process with that numpy before the installed one."""
    if sys.version_info < first_python:
        raise NotApplicable(f"numpy {numpy} needs Python {'.'.join(map(str, first_python))} or later")
    path = os.pathsep.join([str(_installed(numpy)), os.environ.get("PYTHONPATH", "")])
    code = "from incidents import numpy_interpreter; numpy_interpreter.main()"
    env = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    if done.returncode != 0:
        return Seen(True, f"numpy {numpy}: {(done.stderr.strip().splitlines() or ['it crashed'])[-1][:140]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if "error" in found:
        return Seen(True, f"numpy {numpy}: {found['error'][:140]}")
    right = found["values"] == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 7.0]
    return Seen(not right, f"numpy {numpy}: " + ("right" if right else "no error, but nothing was computed"))


def _installed(numpy: str) -> Path:
    """A folder with just that numpy for this Python; made once."""
    folder = find_root() / ".nox" / "incidents" / f"numpy-{numpy}-{sys.implementation.cache_tag}"
    if not (folder / "numpy" / "__init__.py").is_file():
        command = ["pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(folder)]
        try:
            commands.run([commands.uv(), *command, f"numpy=={numpy}"])
        except (commands.ToolError, ValueError) as error:
            raise Missing(f"needs numpy {numpy} through uv, from a package index or uv's cache: {error}") from None
    return folder


INCIDENT = Incident(
    title="numpy newer than the interpreter",
    reference="triton-lang/triton#9171; for numpy 2.0, its migration guide (the C ABI changed)",
    symptom='"only 0-dimensional arrays can be converted to Python scalars"; up to 3.1, nothing is computed at all',
    affected="numpy 2.4 with the interpreters of Triton 3.3 and 3.4",
    note=(
        "The record names 3.3 and 3.4. Measured: numpy 2.4 breaks every interpreter up to 3.6.0 at a loop over an "
        "argument, and beside numpy 2.0 or later those up to 3.1.0 load garbage and store nothing, without an error."
    ),
    observations=(
        Observation("interpreter", functools.partial(beside, "2.4.6", (3, 11)), Releases(None, "3.6.0"), "numpy-2.4"),
        Observation("interpreter", functools.partial(beside, "2.0.2", (3, 9)), Releases(None, "3.1.0"), "numpy-2.0"),
    ),
)
