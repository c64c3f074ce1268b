"""Compile many configurations in a child process, so that a compiler that crashes costs one configuration, not all.

LLVM ends the process on what it cannot select, and ptxas has been seen to hang. The child is forked after Triton is
imported, so a new one is cheap; it sends back what it compiled, and this side measures many at a time.
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
from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional

from . import crashes, metrics, targets
from .compile import Configuration, Result, compile_stages, measure

BATCH = 16  # results measured together: one disassembler start each, and no more than this many binaries in memory
SECONDS_EACH = 300  # after which the compiler is taken to hang
HUNG = f"the compiler took more than {SECONDS_EACH} s"
REPEATS = 3  # of a compilation that takes long; its CPU time is their median
_LOG_BYTES = 1 << 20
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
    jobs = [_job(configuration, functions[configuration.kernel]) for configuration in configurations]
    for configuration, result in zip(configurations, surviving_crashes(jobs)):
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


def _job(configuration: Configuration, function: Any) -> Callable[[], Result]:
    def compile_it() -> Result:
        result = compile_stages(
            function,
            configuration.args,
            configuration.constexprs,
            configuration.options,
            configuration.hints,
            targets.parse(configuration.target),
        )
        result.stages = {name: result.stages[name] for name in _KEPT_STAGES if name in result.stages}
        return result

    return compile_it


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
                        yield _ended(wait(), _text(log))
                        break
                    yield result


def _ended(how: str, log: str) -> Result:
    """The result of a job whose process did not live to send one."""
    if how == HUNG:
        return Result("error", reason=f"does not compile: {how}")
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


def _compile_and_send(jobs: Sequence[Callable[[], Result]], pipe: int, log: int) -> None:
    """The child's whole life: what compilers print goes to ``log``, emptied before each configuration."""
    status = 1
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        for job in jobs:
            os.ftruncate(log, 0)
            os.lseek(log, 0, os.SEEK_SET)
            data = pickle.dumps(_timed(job, log))
            _write(pipe, struct.pack("<Q", len(data)) + data)
        status = 0
    finally:
        os._exit(status)  # no handlers of the parent's run here


def _timed(job: Callable[[], Result], log: int) -> Result:
    """The job's result with its CPU time: of the first run where that is short, else the median of several."""
    started = _cpu_seconds()
    result = job()
    times = [_cpu_seconds() - started]
    if result.status == "ok" and times[0] > metrics.LONG_COMPILATION:
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


def _text(log: Any) -> str:
    """What the compiler printed before it ended."""
    log.seek(0)
    return str(log.read(_LOG_BYTES).decode(errors="replace"))
