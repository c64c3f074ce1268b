"""Compile many configurations in a child process, so that a compiler that crashes costs one configuration, not all.

LLVM ends the process on what it cannot select, and ptxas has been seen to hang. The child is forked after Triton is
imported, so a new one is cheap; it sends back what it compiled, and this side measures many at a time.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, Callable, Optional

from . import targets
from .compile import Configuration, Result, compile_stages, measure

BATCH = 16  # results measured together: one disassembler start each, and no more than this many binaries in memory
SECONDS_EACH = 300  # after which the compiler is taken to hang
_KEPT_STAGES = ("cubin", "amdgcn")


def compile_all(
    configurations: list[Configuration],
    functions: dict[str, Any],
    done: Callable[[Configuration, Result], None],
) -> None:
    """Compile each configuration and hand its result to ``done``, in order.

    Args:
        functions: the kernel function of each ``Configuration.kernel``.
        done: called once per configuration, with metrics in place and stages dropped.
    """
    batch: list[tuple[Configuration, Result]] = []
    for configuration, result in _compile_surviving_crashes(configurations, functions):
        batch.append((configuration, result))
        if len(batch) == BATCH:
            _finish(batch, done)
            batch = []
    _finish(batch, done)


def _finish(batch: list[tuple[Configuration, Result]], done: Callable[[Configuration, Result], None]) -> None:
    measure([(targets.parse(configuration.target), result) for configuration, result in batch])
    for configuration, result in batch:
        result.stages = {}
        done(configuration, result)


def _compile_surviving_crashes(
    configurations: list[Configuration], functions: dict[str, Any]
) -> Iterator[tuple[Configuration, Result]]:
    start = 0
    with tempfile.TemporaryFile() as log:
        while start < len(configurations):
            with _child(configurations[start:], functions, log) as (receive, wait):
                while start < len(configurations):
                    result = receive()
                    if result is None:
                        result = Result("error", reason=f"does not compile: {wait()}{_last_line(log)}")
                        yield configurations[start], result
                        start += 1
                        break
                    yield configurations[start], result
                    start += 1


@contextlib.contextmanager
def _child(
    configurations: list[Configuration], functions: dict[str, Any], log: Any
) -> Iterator[tuple[Callable[[], Optional[Result]], Callable[[], str]]]:
    """Fork a compiling child. Yields a function that receives its next result, and one that says how it ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _compile_and_send(configurations, functions, write_end, log.fileno())
    os.close(write_end)
    ended: list[str] = []

    def wait() -> str:
        if not ended:
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            ended.append(f"the compiler took more than {SECONDS_EACH} s" if hung else f"the compiler ended with {name}")
        return ended[0]

    hung: list[bool] = []

    def receive() -> Optional[Result]:
        ready, _, _ = select.select([read_end], [], [], SECONDS_EACH)
        if not ready:
            hung.append(True)
            os.kill(pid, signal.SIGKILL)
            return None
        header = _read(read_end, 8)
        return pickle.loads(_read(read_end, struct.unpack("<Q", header)[0])) if len(header) == 8 else None

    try:
        yield receive, wait
    finally:
        os.close(read_end)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # it has nothing left to do, or nobody left to read it
            wait()


def _compile_and_send(configurations: list[Configuration], functions: dict[str, Any], pipe: int, log: int) -> None:
    """The child's whole life: what compilers print goes to ``log``, emptied before each configuration."""
    status = 1
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        for configuration in configurations:
            os.ftruncate(log, 0)
            os.lseek(log, 0, os.SEEK_SET)
            result = compile_stages(
                functions[configuration.kernel],
                configuration.args,
                configuration.constexprs,
                configuration.options,
                configuration.hints,
                targets.parse(configuration.target),
            )
            result.stages = {name: result.stages[name] for name in _KEPT_STAGES if name in result.stages}
            data = pickle.dumps(result)
            _write(pipe, struct.pack("<Q", len(data)) + data)
        status = 0
    finally:
        os._exit(status)  # no handlers of the parent's run here


def _read(pipe: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(pipe, size - len(data))
        if not piece:
            break
        data += piece
    return data


def _write(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]


def _last_line(log: Any) -> str:
    """What the compiler printed last, as the end of a sentence."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1][:300]}" if lines else ""
