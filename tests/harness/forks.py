"""Verbs, each in a process of its own, which is a fork of one that has imported them: importing takes 0.2 s of CPU."""

import atexit
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from triton_matrix.verbs import VERBS

ROOT = Path(__file__).parents[2]
IMPORTED = ("bench", "provide", "run", "sanitize", "tune")
AT_START = ("LANG", "LC_", "PYTHON")  # what only the start of a Python reads
ANEW = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")  # but for these


def run(argv, folder, env, python=sys.executable):
    """How ``python -m triton_matrix`` ends in a folder, with these variables alone."""
    plain = python == sys.executable and _read_at_start(env) == _read_at_start(os.environ)
    if not plain or _is_limited() or not hasattr(os, "fork"):
        command, about = [str(python), "-m", "triton_matrix", *argv], {"text": True, "check": False}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, **about)
    with tempfile.TemporaryDirectory() as scratch:
        return forked(_process(), argv, folder, env, Path(scratch))


def start(python, modules, env):
    """A Python that has imported these modules and forks for each verb that it is asked for (forking.py)."""
    command = [str(python), str(Path(__file__).with_name("forking.py")), *modules]
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def forked(process, argv, folder, env, scratch):
    """How a verb ended in a fork of such a process; the file ``.progress`` in ``scratch`` holds what it wrote to 3."""
    out, err, progress = (scratch / name for name in (".stdout", ".stderr", ".progress"))
    asked = {"argv": argv, "cwd": str(folder), "out": str(out), "err": str(err), "progress": str(progress)}
    print(json.dumps({**asked, "env": env}), file=process.stdin, flush=True)
    status = process.stdout.readline()
    assert status, f"the process for {argv} ended"
    return subprocess.CompletedProcess(argv, int(status), out.read_text(), err.read_text())


@functools.cache
def _process():
    modules = [f"triton_matrix.{VERBS[name].module}" for name in IMPORTED]
    process = start(sys.executable, modules, {**os.environ, "PYTHONPATH": str(ROOT)})
    atexit.register(process.communicate)  # which closes its standard input: so it ends
    return process


def _read_at_start(env):
    return {name: value for name, value in env.items() if name.startswith(AT_START) and name not in ANEW}


def _is_limited():
    """Whether this process has limits that its children inherit, as full_disk.py sets them."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
