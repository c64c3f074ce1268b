"""Compile many configurations in child processes, one for each target, so that what goes wrong there costs little.

A child stands in for its target: questions to the GPU are answered for it, and modules are imported there. LLVM ends
the process on what it cannot select, ptxas has been seen to hang, and a kernel's module may do both. It is forked after
 Triton is imported, so a new one is cheap; it sends back what it compiled, and this side measures many at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import os
import re
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from . import targets, tuned
from .compile import Configuration, Result, compile_stages, measure, unknown_to, unwrap
from .forked import crashed, receive_from, send, text_of, timed
from .loading import ImportFailure, Loader
from .signing import NotInThisRelease, sign
from .standins import is_users

BATCH = 16  # results measured together: one disassembler start each, and no more than this many binaries in memory
TOOK = "took more than"
_KEPT_STAGES = ("cubin", "amdgcn")
Rows = list[tuple[Configuration, Result]]
Load = Callable[[str], Any]


@dataclass(frozen=True)
class Settings:
    """How kernels are loaded and compiled.

    Attributes:
        source_root: where absolute imports start; None finds it from the kernel's file.
        torch_version: what a torch that is not installed says to be.
        configs: compile only the first so many of a tuner's configurations; None: all.
        import_seconds, compile_seconds: after which loading or compiling one configuration is taken to hang.
    """

    source_root: Optional[Path] = None
    torch_version: Optional[str] = None
    configs: Optional[int] = None
    import_seconds: float = 120
    compile_seconds: float = 300


class Refused(ValueError):
    """A configuration does not fit its kernel; one sentence."""


def compile_all(
    configurations: list[Configuration], settings: Settings, done: Callable[[int, Rows], None]
) -> dict[int, str]:
    """Compile each configuration and hand its rows to ``done``: one, or one for each configuration of its tuner.

    Args:
        done: called once per configuration with its index and rows, metrics in place and stages dropped.

    Returns:
        by index, why a configuration does not fit its kernel and was not compiled; ``done`` is not called for it.
    """
    import triton
    import triton.compiler

    with contextlib.suppress(ImportError):
        import torch  # noqa: F401
    refused: dict[int, str] = {}
    batch = _Batch(done)
    broken: dict[str, str] = {}  # by kernel: why importing it does not end well on any target
    by_target: dict[str, list[int]] = {}
    for index, configuration in enumerate(configurations):
        by_target.setdefault(configuration.target, []).append(index)
    for name, indices in by_target.items():
        why = unknown_to(targets.parse(name), triton.__version__)
        if why:
            for index in indices:
                batch.add(index, [(configurations[index], Result("n/a", reason=why))])
            continue
        _Group(configurations, indices, settings, broken, batch, refused).run()
    batch.flush()
    return refused


class _Batch:
    """Results on their way to be measured, so many at a time."""

    def __init__(self, done: Callable[[int, Rows], None]) -> None:
        self._done = done
        self._waiting: list[tuple[int, Rows]] = []

    def add(self, index: int, rows: Rows) -> None:
        self._waiting.append((index, rows))
        if sum(len(each) for _, each in self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        rows = [row for _, each in self._waiting for row in each]
        measure([(targets.parse(configuration.target), result) for configuration, result in rows])
        for _, result in rows:
            result.stages = {}
        for index, each in self._waiting:
            if len(each) > 1 and any(result.status == "ok" for _, result in each):
                for _, result in each:
                    if result.tuner_skips:
                        result.status, result.reason = "n/a", f"a tuner passes over it: {result.reason}"
            self._done(index, each)
        self._waiting = []


class _Group:
    """The configurations of one target, compiled by one child after another."""

    def __init__(
        self,
        configurations: list[Configuration],
        indices: list[int],
        settings: Settings,
        broken: dict[str, str],
        batch: _Batch,
        refused: dict[int, str],
    ) -> None:
        self._all, self._todo, self._settings, self._broken = configurations, list(indices), settings, broken
        self._batch, self._refused = batch, refused
        self._rows: Rows = []  # of the first of self._todo
        self._expected: list[Configuration] = []

    def run(self) -> None:
        with tempfile.TemporaryFile() as log:
            while self._todo:
                self._drop_broken()
                if self._todo:
                    self._run_child(log)

    def _drop_broken(self) -> None:
        for index in list(self._todo):
            why = self._broken.get(self._all[index].kernel)
            if why:
                self._todo.remove(index)
                self._batch.add(index, [(self._all[index], Result("error", reason=why, lasting=False))])

    def _run_child(self, log: Any) -> None:
        jobs = [self._all[index] for index in self._todo]
        with _child(jobs, len(self._rows), self._settings, log) as (receive, how_it_ended):
            while self._todo:
                limit = self._settings.compile_seconds if self._expected else self._settings.import_seconds
                message = receive(limit)
                if message is None:
                    self._ended(how_it_ended(), log)
                    return
                kind, content = message
                if kind == "points":
                    self._expected = content
                elif kind == "refused":
                    self._refused[self._todo.pop(0)] = content
                elif kind == "failed":
                    self._finish([(self._all[self._todo[0]], content)])
                elif kind == "result":
                    self._rows.append((self._expected[len(self._rows)], content))
                    if len(self._rows) == len(self._expected):
                        self._finish(self._rows)

    def _finish(self, rows: Rows) -> None:
        self._batch.add(self._todo.pop(0), rows)
        self._rows, self._expected = [], []

    def _ended(self, how: str, log: Any) -> None:
        """The child is gone in the middle of something: that something has its answer."""
        hung = how.startswith(TOOK)
        if not self._expected:
            why = how if hung else f"ended with {how}{_last_line(log)}"
            self._broken[self._all[self._todo[0]].kernel] = f"does not load: importing it {why}"
            return
        result = Result("error", reason=f"does not compile: the compiler {how}") if hung else crashed(how, text_of(log))
        self._rows.append((self._expected[len(self._rows)], result))
        if len(self._rows) == len(self._expected):
            self._finish(self._rows)
        else:
            self._expected = []  # the next child says them again, and leaves out those that have a row


@contextlib.contextmanager
def _child(
    jobs: list[Configuration], skip: int, settings: Settings, log: Any
) -> Iterator[tuple[Callable[[float], Any], Callable[[], str]]]:
    """Fork a compiling child. Yields a function that receives its next message, and one that says how it ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _work(jobs, skip, settings, write_end, log.fileno())
    os.close(write_end)
    ended: list[str] = []
    hung: list[str] = []

    def how_it_ended() -> str:
        if not ended:
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            ended.append(hung[0] if hung else name)
        return ended[0]

    def receive(seconds: float) -> Any:
        ready, _, _ = select.select([read_end], [], [], seconds)
        if not ready:
            hung.append(f"{TOOK} {seconds:g} s{_where(pid, log)}")
            os.kill(pid, signal.SIGKILL)
            return None
        return receive_from(read_end)

    try:
        yield receive, how_it_ended
    finally:
        os.close(read_end)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # it has nothing left to do, or nobody left to read it
            how_it_ended()


def _where(pid: int, log: Any) -> str:
    """Where in a user's file a child is that hangs: it is asked for its stack, which it writes into the log."""
    with contextlib.suppress(OSError):
        os.ftruncate(log.fileno(), 0)
        os.kill(pid, signal.SIGUSR1)
        time.sleep(1)
        log.seek(0)
        text = log.read().decode(errors="replace")
        for name, line in re.findall(r'File "([^"]+)", line (\d+)', text):
            if is_users(name) and "/triton/" not in name:
                return f", at {Path(name).name}:{line}"
    return ""


def _work(jobs: list[Configuration], skip: int, settings: Settings, pipe: int, log: int) -> None:
    """The child's whole life: what compilers and modules print goes to ``log``, emptied before each configuration."""
    status = 1
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        faulthandler.register(signal.SIGUSR1, file=log, all_threads=False)
        target = targets.parse(jobs[0].target)
        loader = Loader(target, settings.source_root, settings.torch_version)
        functions: dict[str, Any] = {}
        for job in jobs:
            _compile_one(job, skip, settings, loader, functions, lambda *message: send(pipe, message), log)
            skip = 0
        status = 0
    except BaseException:
        traceback.print_exc()  # into the log: its last line is what is said of this child
    finally:
        sys.stderr.flush()
        os._exit(status)  # no handlers of the parent's run here


def _compile_one(
    job: Configuration,
    skip: int,
    settings: Settings,
    loader: Loader,
    functions: dict[str, Any],
    send: Callable[..., None],
    log: int,
) -> None:
    try:
        if job.kernel not in functions:
            try:
                functions[job.kernel] = loader.load(job.kernel)
            except ImportFailure as problem:
                functions[job.kernel] = problem
        fn = functions[job.kernel]
        if isinstance(fn, ImportFailure):
            send("failed", Result("error", reason=f"does not load: {fn}", lasting=False))
            return
        function = unwrap(fn)
        points = tuned.expand(fn, job, settings.configs)
        load = _loading_functions(loader)
        with contextlib.suppress(NotInThisRelease):
            sign(function, job.args, points[0].constexprs, job.hints, load)
    except ValueError as problem:
        send("refused", str(problem))
        return
    send("points", [tuned.labelled(job, point) for point in points])
    for point in points[skip:]:
        os.ftruncate(log, 0)
        os.lseek(log, 0, os.SEEK_SET)
        row = targets.parse(job.target)
        try:
            result = timed(_compiling(fn, job, point, row, load), log)
        except ImportFailure as problem:
            result = Result("error", reason=f"does not load: {problem}", lasting=False)
        except ValueError as problem:
            result = Result("error", reason=str(problem), lasting=False)
        if result.status == "error" and "PassManager" in result.reason:
            result = dataclasses.replace(result, reason=f"{result.reason}{_error_in(log)}")
        result.stages = {name: result.stages[name] for name in _KEPT_STAGES if name in result.stages}
        send("result", result)


def _compiling(
    fn: Any, job: Configuration, point: tuned.Point, target: targets.Target, load: Load
) -> Callable[[], Result]:
    return lambda: compile_stages(fn, job.args, point.constexprs, point.options, job.hints, target, load=load)


def _loading_functions(loader: Loader) -> Callable[[str], Any]:
    return lambda reference: unwrap(loader.load(reference))


def _error_in(log: int) -> str:
    """What the compiler's own passes printed of an error, as the end of a sentence."""
    size = os.lseek(log, 0, os.SEEK_END)
    text = os.pread(log, size, 0).decode(errors="replace")
    errors = [line.strip() for line in text.splitlines() if "error:" in line]
    return f"; {errors[0][-300:]}" if errors else ""


def _last_line(log: Any) -> str:
    """What the compiler printed last, as the end of a sentence."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1][:300]}" if lines else ""
