"""Running external tools: what is run, what it printed last, and how it ended are never lost, and it ends with us."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Callable, Optional

from .children import Children
from .display_text import clean, masked

TAIL_LINES = 15
UNAVAILABLE = 3  # the exit status of a verb that this machine cannot provide something for; plain nox goes on without
PARENT = "TRITON_MATRIX_PARENT"  # the process id of the nox that started a verb
MERCY_S = 0.2  # between asking a group to end and ending it; nox leaves its own child 0.5 s in all
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


class ToolError(RuntimeError):
    """An external tool failed. ``command``, ``status`` and ``tail`` (its last lines) say which, how and why.

    Passwords in addresses are masked in all three.
    """

    def __init__(self, command: Sequence[str], status: int, tail: str) -> None:
        self.command, self.status, self.tail = [masked(part) for part in command], status, masked(tail)
        super().__init__(f"{shlex.join(self.command)}: exit status {status}\n{self.tail}".rstrip())


def exit_status(
    verb: str, others: Optional[Mapping[type[Exception], int]] = None, *, named: bool = True
) -> Callable[[Callable[[list[str]], int]], Callable[[list[str]], int]]:
    """Decorate the main function of ``verb``: what it raises is said on stderr and ends in an exit status.

    2 for bad input (ValueError), 1 for a tool that failed (ToolError). The decorated function has the attribute
    ``verb``.

    Args:
        others: further exceptions with their statuses, or another status for one of the two. Of two that fit, the
            class that is nearer to what was raised counts.
        named: whether the sentence begins with the verb's name.
    """
    statuses: dict[type[Exception], int] = {ValueError: 2, ToolError: 1, **(others or {})}

    def decorate(main: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
        @functools.wraps(main)
        def run_main(argv: list[str]) -> int:
            try:
                return main(argv)
            except BrokenPipeError:
                raise  # the reader of the output went away, which is no fault of what was asked for
            except tuple(statuses) as error:
                print(clean(f"{verb}: {error}" if named else str(error)), file=sys.stderr)
                return next(statuses[kind] for kind in type(error).__mro__ if kind in statuses)

        vars(run_main)["verb"] = verb
        return run_main

    return decorate


def find_uv() -> Optional[str]:
    """The uv to use: ``$UV``, the one on PATH, or the one installed beside this Python; None where there is none."""
    path = shutil.which(os.environ.get("UV") or "uv")
    if path is None and importlib.util.find_spec("uv") is not None:
        import uv

        path = uv.find_uv_bin()
    return path


def uv() -> str:
    """Like :func:`find_uv`, where nothing else will do.

    Raises:
        ValueError: there is no uv.
    """
    path = find_uv()
    if path is None:
        raise ValueError(f"this needs uv, and none was found on PATH or in {sys.executable}; `pip install uv` adds it")
    return path


def in_one_process() -> list[str]:
    """pytest's options that take back the ``-n`` of a package's own settings: several processes are not recorded."""
    return ["-p", "xdist", "-n0"] if importlib.util.find_spec("xdist") is not None else []


def drop_pytest_options(env: MutableMapping[str, str]) -> None:
    """Take pytest's options of the shell out of ``env`` and say so: a whole run takes those of the suites alone."""
    words = env.pop("PYTEST_ADDOPTS", "")
    if words:
        print(f"PYTEST_ADDOPTS is dropped in a whole run: {words}", flush=True)


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
        with group(
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
                    print(masked(line), end="", flush=True)
            process.wait()
    except OSError as error:
        raise ToolError(command, 127, str(error)) from None
    if process.returncode != 0:
        raise ToolError(command, process.returncode, "".join(tail).rstrip())
    return "".join(lines)


def run_group(
    command: Sequence[str],
    *,
    cwd: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
    timeout_s: Optional[float] = None,
) -> int:
    """Run ``command`` with this process's own streams and return its exit status, negative where a signal ended it.

    Whatever it started has ended too when this returns, and when this process is interrupted, terminated or killed.

    Raises:
        subprocess.TimeoutExpired: it ran longer than ``timeout_s`` seconds.
        OSError: it could not be started.
    """
    with group([str(part) for part in command], cwd=cwd, env=dict(env) if env is not None else None) as process:
        return process.wait(timeout_s)


def captured(
    command: Sequence[str],
    *,
    cwd: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
    timeout_s: Optional[float] = None,
    children: Optional[Children] = None,
) -> subprocess.CompletedProcess[str]:
    """Like :func:`run_group`, but with what the command printed on standard output and on error, apart.

    Args:
        children: of which it is one while it runs: another thread may end it.

    Raises:
        subprocess.TimeoutExpired, OSError: as of :func:`run_group`.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process: subprocess.Popen[str]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(group(command, cwd=cwd, env=env, text=True, errors="replace", **pipes))
        if children:
            stack.enter_context(children.holding(process))
        out, error = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(list(command), process.returncode, out, error)


@contextlib.contextmanager
def group(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start ``command`` as a process group of its own, which has ended when the block is left, however it is left.

    A command that reads a terminal stays in the terminal's group, so that a debugger in it can be typed at.

    Args:
        options: those of :class:`subprocess.Popen`.
    """
    apart = "stdin" in options or not (sys.stdin and sys.stdin.isatty())
    with _termination_raises():
        process = subprocess.Popen(command, start_new_session=apart, preexec_fn=end_with_parent(), **options)
        try:
            with process:
                try:
                    yield process
                except BaseException:
                    _end(process, apart)
                    raise
        finally:
            if apart:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)  # what the command left behind


def end_with_nox() -> None:
    """End this process with the nox that started it, where nox is killed and cannot end it itself. Linux only."""
    nox = int(os.environ.get(PARENT, 0))
    if not nox or sys.platform != "linux":
        return
    started_by_nox = os.getppid() == nox
    if started_by_nox:
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
    if not Path(f"/proc/{nox}").exists() or (started_by_nox and os.getppid() != nox):  # it ended before that call
        os.kill(os.getpid(), signal.SIGTERM)


def _end(process: subprocess.Popen[Any], apart: bool) -> None:
    """Ask the group (or the process alone) to end, and end it where it does not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number) if apart else process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(MERCY_S)
            return


@contextlib.contextmanager
def _termination_raises() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise SystemExit as SIGINT raises KeyboardInterrupt, so that blocks are left."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    changed = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                changed[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, before in changed.items():
            signal.signal(number, before)


def end_with_parent() -> Optional[Callable[[], None]]:
    """What a child calls before it becomes the command: the kernel ends it when this process is killed. Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: after the fork only what is at hand is safe
    return lambda: prctl(_DEATH_SIGNAL, signal.SIGKILL) and None
