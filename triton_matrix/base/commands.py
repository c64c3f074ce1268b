"""Running external tools: what is run, what it printed last, and how it ended are never lost."""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable, Optional

TAIL_LINES = 15


class ToolError(RuntimeError):
    """An external tool failed. ``command``, ``status`` and ``tail`` (its last lines) say which, how and why."""

    def __init__(self, command: Sequence[str], status: int, tail: str) -> None:
        self.command, self.status, self.tail = list(command), status, tail
        super().__init__(f"{shlex.join(self.command)}: exit status {status}\n{tail}".rstrip())


def exit_status(verb: str) -> Callable[[Callable[[list[str]], int]], Callable[[list[str]], int]]:
    """Decorate the main function of ``verb``: what it raises is said on stderr and ends in an exit status.

    2 for bad input (ValueError), 1 for a tool that failed (ToolError).
    """

    def decorate(main: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
        @functools.wraps(main)
        def run_main(argv: list[str]) -> int:
            try:
                return main(argv)
            except (ValueError, ToolError) as error:
                print(f"{verb}: {error}", file=sys.stderr)
                return 2 if isinstance(error, ValueError) else 1

        return run_main

    return decorate


def find_uv() -> Optional[str]:
    """The uv to use: ``$UV``, the one on PATH, or the one installed beside this Python; None where there is none."""
    found = shutil.which(os.environ.get("UV") or "uv")
    if found is None and importlib.util.find_spec("uv") is not None:
        import uv

        found = uv.find_uv_bin()
    return found


def uv() -> str:
    """Like :func:`find_uv`, where nothing else will do.

    Raises:
        ValueError: there is no uv.
    """
    found = find_uv()
    if found is None:
        raise ValueError(f"this needs uv, and none was found on PATH or in {sys.executable}; `pip install uv` adds it")
    return found


def run(
    command: Sequence[str],
    *,
    stdin: str = "",
    cwd: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
    echo: bool = False,
) -> str:
    """Run ``command`` to its end and return what it printed (standard output and error together).

    Args:
        echo: pass each line on as it comes, so that long work shows its progress.

    Raises:
        ToolError: it could not be started or its exit status is not 0.
    """
    command = [str(part) for part in command]
    lines: list[str] = []
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        with subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(stdin)
            process.stdin.close()
            for line in process.stdout:
                lines.append(line)
                tail.append(line)
                if echo:
                    print(line, end="", flush=True)
    except OSError as error:
        raise ToolError(command, 127, str(error)) from None
    if process.returncode != 0:
        raise ToolError(command, process.returncode, "".join(tail).rstrip())
    return "".join(lines)
