"""Work in a forked process, so that a compiler that crashes or hangs costs one configuration, not all.

LLVM ends the process on what it cannot select, ptxas has been seen to hang, and a kernel's module may do both. A child
is forked after Triton is imported, so a new one is cheap; it sends back one message after another.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing.connection
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional

from ..base import commands
from ..launches.places import Place
from ..launches.standins import is_users
from . import crashes, metrics, ptxas
from .compile import Result, failure_result

# after which importing a kernel's module, or compiling one configuration, is taken to hang, where nothing else is asked
IMPORT_SECONDS, COMPILE_SECONDS = 120, 300
REPEATS = 2  # of a compilation that takes long; its CPU time is the lesser, since other work only adds to it
_LOG_BYTES = 1 << 19  # of each end of what a child printed
_STACK = signal.SIGURG  # asks for it; LLVM has handlers of its own for SIGUSR1 and SIGUSR2
_FRAME = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')  # of faulthandler, innermost first
Send = Callable[[Any], None]
Printed = Callable[[], str]  # what came on the error stream since the job began
Job = Callable[[Printed], Result]


def surviving_crashes(jobs: Sequence[Job]) -> Iterator[Result]:
    """The result of each job, in order; of one that ends its process, a result that says how.

    A job runs in a forked process. Its CPU time is noted.
    """
    start = 0
    with tempfile.TemporaryFile() as log:
        while start < len(jobs):
            with child(_doing(jobs[start:]), log) as (receive, how_it_ended):
                while start < len(jobs):
                    result = receive(COMPILE_SECONDS)
                    start += 1
                    if result is None:
                        yield ended(how_it_ended(), log)
                        break
                    yield result


def _doing(jobs: Sequence[Job]) -> Callable[[Send, int], None]:
    def work(send: Send, log: int) -> None:
        for job in jobs:
            send(timed(job, log))

    return work


def ended(how: str, log: Any) -> Result:
    """The result of a compilation whose process did not live to send one."""
    if how.startswith("took more than"):
        reason = f"does not compile: the compiler {how}"  # it may be a busy machine
        return Result("error", reason=reason, unanswered=True, lasting=False)
    return failure_result(crashes.of_process(how, text_of(log.fileno())))


@contextlib.contextmanager
def child(work: Callable[[Send, int], None], log: Any) -> Iterator[tuple[Callable[[float], Any], Callable[[], str]]]:
    """Fork a process that does ``work``, which is given a function that sends a message and the log's descriptor.

    Yields a function that receives the next message within so many seconds, None where none comes any more, and one
    that says how the process ended: a signal's name, "exit status 1" or "took more than 3 s".
    """
    ptxas.folder()  # of this process, which outlives the child
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = multiprocessing.connection.Pipe(duplex=False)
    ends = commands.end_with_parent()
    pid = os.fork()
    if pid == 0:
        reader.close()
        _live(work, writer.send, log.fileno(), ends)
    writer.close()
    how: list[str] = []
    hung: list[str] = []

    def how_it_ended() -> str:
        if not how:
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            how.append(hung[0] if hung else name)
        return how[0]

    def receive(seconds: float) -> Any:
        if not reader.poll(seconds):
            hung.append(f"took more than {seconds:g} s{_where(pid, log)}")
            _end(pid)
            return None
        try:
            return reader.recv()
        except (EOFError, OSError):  # it ended, perhaps in the middle of a message
            return None

    try:
        yield receive, how_it_ended
    finally:
        reader.close()
        if not how:
            _end(pid)  # it has nothing left to do, or nobody left to read it
            how_it_ended()


def _end(pid: int) -> None:
    """End a child and the tools that it runs: a ptxas that hangs would go on without it."""
    for kill in (os.killpg, os.kill):  # the group is there once the child has made it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _live(work: Callable[[Send, int], None], send: Send, log: int, ends: Optional[Callable[[], None]]) -> None:
    """The child's whole life: what compilers and modules write to their error stream goes to ``log``."""
    status = 1
    try:
        if ends is not None:
            ends()  # with its parent: nobody would read what it sends, and a module that hangs would stay
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(log, 2)
        faulthandler.register(_STACK, file=log, all_threads=False)
        work(send, log)
        status = 0
    except BaseException:
        traceback.print_exc()  # into the log: its last line is what is said of this child
    finally:
        sys.stderr.flush()
        os._exit(status)  # no handlers of the parent's run here


def _where(pid: int, log: Any) -> str:
    """Where a child is that hangs: a stage, or a user's line. It is asked for its stack and writes it into the log."""
    with contextlib.suppress(OSError):
        os.ftruncate(log.fileno(), 0)
        os.kill(pid, _STACK)
        time.sleep(1)
        for path, line, name in _FRAME.findall(text_of(log.fileno())):
            place = Place(path, int(line))
            if name.startswith("make_"):
                return f" to make {name[len('make_') :]}"
            if is_users(path) and not place.is_tritons:
                return f", at {place}"
    return ""


def timed(job: Job, log: int, repeats: int = REPEATS) -> Result:
    """The job's result with its CPU time: of the first run where that is short, else the least of so many.

    ``log`` is emptied first.
    """

    def printed() -> str:
        sys.stderr.flush()
        return text_of(log)

    os.ftruncate(log, 0)
    os.lseek(log, 0, os.SEEK_SET)
    started = _cpu_seconds()
    result = job(printed)
    times = [_cpu_seconds() - started]
    if result.status == "ok" and times[0] > metrics.LONG_COMPILATION:
        for _ in range(repeats - 1):
            started = _cpu_seconds()
            job(printed)
            times.append(_cpu_seconds() - started)
    result.cpu_seconds = min(times)
    return result


def _cpu_seconds() -> float:
    """CPU time of this process and of the tools that it has run."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def text_of(log: int) -> str:
    """What a child has printed, without the middle where that is long: MLIR prints the whole module with an error."""
    size = os.fstat(log).st_size
    head, tail = min(size, _LOG_BYTES), max(_LOG_BYTES, size - _LOG_BYTES)
    parts = os.pread(log, head, 0), os.pread(log, _LOG_BYTES, tail)
    return ("" if tail <= head else "\n").join(part.decode(errors="replace") for part in parts)
