"""Runs verbs, each in a fork of this process, which has imported a release's Triton: a start of it takes 0.4 s of CPU.

A line of JSON on the standard input asks for one; a line with its exit status answers.
"""

import atexit
import json
import os
import sys
import traceback

import triton.compiler.code_generator  # noqa: F401

from triton_matrix import __main__
from triton_matrix.codegen import cli  # noqa: F401

BEFORE = 1 + len(os.environ["PYTHONPATH"].split(os.pathsep))  # the script's folder, and what the variable says


def run(asked):
    """The verb, as ``python -m triton_matrix`` runs it; its exit status."""
    os.chdir(asked["cwd"])
    sys.path[:] = [asked["cwd"], *asked["env"]["PYTHONPATH"].split(os.pathsep), *sys.path[BEFORE:]]
    os.environ.update(asked["env"])
    for descriptor, path in enumerate((os.devnull, asked["out"], asked["err"], asked["progress"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    try:
        return __main__.main(asked["argv"])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os._exit(run(json.loads(line)))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
