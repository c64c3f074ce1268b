"""The process of one Triton: ``python worker.py CHANNEL`` opens launches, computes and times them as it is told.

Requests are lines of JSON on standard input, one at a time; each has its answer, a line on the file descriptor CHANNEL.
This process imports torch and Triton and forks; what it forks serves launches until it is told to close. So a launch
that ends its process costs that process, and two packages of one name are not loaded into one.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__" and not __package__:  # run by its path: find the package that it is part of
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    __package__ = "triton_matrix.bench.device"

from ...base import commands

END = 3  # exit status of a forked process to which nobody has anything to say any more


def main(channel: int) -> int:
    """Serve until standard input ends."""

    def say(answer: Mapping[str, Any]) -> None:
        os.write(channel, (json.dumps(answer) + "\n").encode())

    os.dup2(2, 1)  # what a kernel prints is no answer
    try:
        import numpy  # noqa: F401 -- by what is forked; torch alone does not bring it
        import torch
        import triton
    except Exception as problem:
        say({"error": f"level is 'device', which needs torch, triton and numpy: {type(problem).__name__}: {problem}"})
        return 2
    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "triton": triton.__version__}
    say({"versions": versions})
    while True:
        process = os.fork()
        if not process:
            _serve(say)
        _, status = os.waitpid(process, 0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        if code == END:
            return 0
        if code:
            how = f"ended with {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
            say({"ended": how})


def _serve(say: Callable[[Mapping[str, Any]], None]) -> None:
    """The life of a forked process."""
    status = 1
    try:
        end = commands.end_with_parent()
        if end:
            end()
        say({"process": os.getpid()})
        served = None
        while True:
            line = sys.stdin.buffer.readline()
            request = json.loads(line) if line else {"do": "end"}
            if request["do"] in ("close", "end"):
                status = END if request["do"] == "end" else 0
                break
            if served is None:
                from .served import Served  # numpy and the rest: not before the fork has been said

                served = Served()
            say(served.answer(request))
    except BaseException as problem:  # a fault of ours: the launch has none to answer for
        with contextlib.suppress(OSError):
            print(f"{type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
