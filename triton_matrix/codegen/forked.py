"""Work in a forked child that a compiler may crash: how results come back, what a crash says, the CPU time it took.

LLVM ends the process on what it cannot select, and ptxas has been seen to hang.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import statistics
import struct
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional

from . import crashes
from .compile import Result

SECONDS_EACH = 300  # after which the compiler is taken to hang
HUNG = f"the compiler took more than {SECONDS_EACH} s"
REPEATED_FROM = 1.0  # seconds of CPU time: below, a change of compile time is nobody's concern, and noise is large
REPEATS = 3
_LOG_BYTES = 1 << 20


def surviving_crashes(jobs: Sequence[Callable[[], Result]]) -> Iterator[Result]:
    """The result of each job, in order; of one that ends its process, a result that says how.

    A job runs in a forked process. Its CPU time is noted, and the failing pass where only the log names it.
    """
    start = 0
    with tempfile.TemporaryFile() as log:
        while start < len(jobs):
            with _child(jobs[start:], log) as (receive, wait):
                while start < len(jobs):
                    result = receive()
                    start += 1
                    if result is None:
                        yield _ended(wait(), text_of(log))
                        break
                    yield result


def _ended(how: str, log: str) -> Result:
    """The result of a job whose process did not live to send one."""
    if how == HUNG:
        return Result("error", reason=f"does not compile: {how}")
    return crashed(how, log)


def crashed(how: str, log: str) -> Result:
    """The result of a compiler that ended its process: ``how`` is a signal's name or an exit status."""
    crash = crashes.of_process(how, log)
    return Result("error", reason=f"does not compile: {crash}", crash=True)


@contextlib.contextmanager
def _child(
    jobs: Sequence[Callable[[], Result]], log: Any
) -> Iterator[tuple[Callable[[], Optional[Result]], Callable[[], str]]]:
    """Fork a compiling child. Yields a function that receives its next result, and one that says how it ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _compile_and_send(jobs, write_end, log.fileno())
    os.close(write_end)
    ended: list[str] = []

    def wait() -> str:
        if not ended:
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            ended.append(HUNG if hung else name)
        return ended[0]

    hung: list[bool] = []

    def receive() -> Optional[Result]:
        ready, _, _ = select.select([read_end], [], [], SECONDS_EACH)
        if not ready:
            hung.append(True)
            os.kill(pid, signal.SIGKILL)
            return None
        received: Optional[Result] = receive_from(read_end)
        return received

    try:
        yield receive, wait
    finally:
        os.close(read_end)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # it has nothing left to do, or nobody left to read it
            wait()


def _compile_and_send(jobs: Sequence[Callable[[], Result]], pipe: int, log: int) -> None:
    """The child's whole life: what compilers print goes to ``log``, emptied before each configuration."""
    status = 1
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        for job in jobs:
            os.ftruncate(log, 0)
            os.lseek(log, 0, os.SEEK_SET)
            send(pipe, timed(job, log))
        status = 0
    except BaseException:
        traceback.print_exc()  # into the log: its last line is what is said of this child
    finally:
        sys.stderr.flush()
        os._exit(status)  # no handlers of the parent's run here


def timed(job: Callable[[], Result], log: int) -> Result:
    """The job's result with its CPU time: of the first run where that is short, else the median of several."""
    started = _cpu_seconds()
    result = job()
    times = [_cpu_seconds() - started]
    if result.status == "ok" and times[0] > REPEATED_FROM:
        for _ in range(REPEATS - 1):
            started = _cpu_seconds()
            job()
            times.append(_cpu_seconds() - started)
    result.cpu_seconds = statistics.median(times)
    if result.status == "error":
        result.reason += crashes.remark(result.reason, os.pread(log, _LOG_BYTES, 0).decode(errors="replace"))
    return result


def _cpu_seconds() -> float:
    """CPU time of this process and of the tools that it has run."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def send(pipe: int, message: Any) -> None:
    """Send ``message`` to the other end of ``pipe``, which :func:`receive_from` reads."""
    data = pickle.dumps(message)
    view = memoryview(struct.pack("<Q", len(data)) + data)
    while view:
        view = view[os.write(pipe, view) :]


def receive_from(pipe: int) -> Any:
    """The next message of a pipe, or None where the other end is closed."""
    header = _read(pipe, 8)
    return pickle.loads(_read(pipe, struct.unpack("<Q", header)[0])) if len(header) == 8 else None


def _read(pipe: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(pipe, size - len(data))
        if not piece:
            break
        data += piece
    return data


def text_of(log: Any) -> str:
    """What the compiler printed before it ended."""
    log.seek(0)
    return str(log.read(_LOG_BYTES).decode(errors="replace"))
