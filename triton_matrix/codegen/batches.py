"""Compile many configurations, in one child process after another, and measure many at a time.

A child stands in for its target: questions to the GPU are answered for it. It loads the kernels of one file, so that
what it reads is what those kernels depend on, and nothing that another file left behind decides what it finds.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Optional

from ..base import targets
from ..base.listening import INSTALLED, Notes, is_library, listening
from ..base.reads import Reads
from ..launches import kernel_source, tuned
from ..launches.configuration import Configuration
from ..launches.loading import GluonIsNewer, ImportFailure, Loader, file_of, unwrap
from ..launches.signing import NotInThisRelease, sign
from . import crashes, worker
from .compile import Result, compile_stages, measure, unknown_to
from .diagnostics import OUTSIDE

BATCH = 16  # results measured together: one disassembler start each, and no more than this many binaries in memory
REFUSED = "cannot be asked: "  # begins the reason of a launch that does not fit its kernel
TOO_LARGE = "a guess at these sizes is too large"  # ends the reason of a guess that took longer than it may
OUT_OF_TIME = "the time was over"  # the reason of one that was not begun
OTHERS = "its tuner has other configurations, which were not asked"  # ends what says nothing of the kernel
_KEPT_STAGES = ("cubin", "amdgcn")
Rows = list[tuple[Configuration, Result]]


@dataclass(frozen=True)
class Settings:
    """How kernels are loaded and compiled.

    Attributes:
        source_root: where absolute imports start; None finds it from the kernel's file.
        torch_version: what a torch that is not installed says to be.
        configs: compile only the first so many of a tuner's configurations; None: all.
        import_seconds, compile_seconds: after which loading or compiling one configuration is taken to hang.
        guesses: the launches are guesses: the smallest of a tuner's configurations come first, each is compiled once,
            and what takes longer than ``compile_seconds`` is too large, which is kept.
        seconds: what is not begun by then is not asked, each is compiled once, and every kernel has one launch
            compiled before any has two; None: all is.
    """

    source_root: Optional[Path] = None
    torch_version: Optional[str] = None
    configs: Optional[int] = None
    import_seconds: float = worker.IMPORT_SECONDS
    compile_seconds: float = worker.COMPILE_SECONDS
    guesses: bool = False
    seconds: Optional[float] = None

    @property
    def repeats(self) -> int:
        """How often what takes long is compiled, for its time."""
        return 1 if self.guesses or self.seconds is not None else worker.REPEATS


def compile_all(
    configurations: list[Configuration], settings: Settings, done: Callable[[int, Rows], None]
) -> dict[int, Result]:
    """Compile each configuration and hand its rows to ``done``: one, or one for each configuration of its tuner.

    Args:
        done: called once per configuration with its index and rows, metrics in place and stages dropped.

    Returns:
        by index, a configuration that does not fit its kernel and was not compiled; ``done`` is not called for it.
    """
    import triton
    import triton.compiler

    with contextlib.suppress(ImportError):
        import torch  # noqa: F401
    refused: dict[int, Result] = {}
    batch = _Batch(done)
    until = time.monotonic() + settings.seconds if settings.seconds is not None else math.inf
    broken: dict[str, Result] = {}  # by kernel: why importing it does not end well on any target
    groups: dict[tuple[int, str, Optional[Path]], list[int]] = {}
    turns: Counter[tuple[str, str]] = Counter()
    for index, configuration in enumerate(configurations):
        name, kernel = configuration.target, configuration.kernel
        turn = turns[name, kernel] if settings.seconds is not None else 0
        turns[name, kernel] += 1
        groups.setdefault((turn, name, file_of(kernel)), []).append(index)
    for (_, name, _), indices in sorted(groups.items(), key=lambda item: item[0][0]):
        why = unknown_to(targets.parse(name), triton.__version__)
        if why:
            for index in indices:
                batch.add(index, [(configurations[index], Result("n/a", reason=why))])
            continue
        _Group(configurations, indices, settings, broken, batch, refused, until).run()
    batch.flush()
    return refused


class _Batch:
    """Results on their way to be measured, so many at a time."""

    def __init__(self, done: Callable[[int, Rows], None]) -> None:
        self._done = done
        self._waiting: list[tuple[int, Rows, bool]] = []

    def add(self, index: int, rows: Rows, more: bool = False) -> None:
        """Take the rows of a configuration; ``more``: its tuner has others that were not compiled."""
        self._waiting.append((index, rows, more))
        if sum(len(each) for _, each, _ in self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        rows = [row for _, each, _ in self._waiting for row in each]
        measure([(targets.parse(configuration.target), result) for configuration, result in rows])
        for _, result in rows:
            result.stages = {}
        for index, each, more in self._waiting:
            works = len(each) > 1 and any(result.status == "ok" for _, result in each)
            for _, result in each if works or more else ():
                if result.tuner_skips and works:
                    result.status, result.reason = "n/a", f"a tuner passes over it: {result.reason}"
                elif result.tuner_skips:
                    result.reason, result.unanswered = f"{result.reason}; {OTHERS}", True
            self._done(index, each)
        self._waiting = []


class _Group:
    """The configurations of one target and one file, compiled by one child after another."""

    def __init__(
        self,
        configurations: list[Configuration],
        indices: list[int],
        settings: Settings,
        broken: dict[str, Result],
        batch: _Batch,
        refused: dict[int, Result],
        until: float,
    ) -> None:
        self._all, self._todo, self._settings, self._broken = configurations, list(indices), settings, broken
        self._until = until
        self._batch, self._refused = batch, refused
        self._rows: Rows = []  # of the first of self._todo
        self._expected: list[Configuration] = []
        self._more = False  # its tuner has further configurations
        self._reads: Reads = {}  # of the modules of this child

    def run(self) -> None:
        with tempfile.TemporaryFile() as log:
            while self._todo:
                self._drop_broken()
                if time.monotonic() >= self._until:
                    self._give_up()
                if self._todo:
                    self._run_child(log)

    def _give_up(self) -> None:
        """Say of all that is left that it was not begun."""
        for index in self._todo:
            why = Result("error", reason=OUT_OF_TIME, unanswered=True, lasting=False)
            self._batch.add(index, [(self._all[index], why)])
        self._todo = []

    def _drop_broken(self) -> None:
        for index in list(self._todo):
            why = self._broken.get(self._all[index].kernel)
            if why:
                self._todo.remove(index)
                self._batch.add(index, [(self._all[index], replace(why))])

    def _run_child(self, log: Any) -> None:
        jobs = [self._all[index] for index in self._todo]
        with worker.child(_work(jobs, len(self._rows), self._settings), log) as (receive, how_it_ended):
            while self._todo and (self._expected or time.monotonic() < self._until):
                limit = self._settings.compile_seconds if self._expected else self._settings.import_seconds
                message = receive(limit)
                if message is None:
                    self._ended(how_it_ended(), log)
                    return
                kind, content = message
                if kind == "reads":
                    self._reads = content
                elif kind == "points":
                    self._expected, self._more = content
                elif kind == "refused":
                    refused = Result("error", reason=f"{REFUSED}{content}", reads=self._reads)
                    self._refused[self._todo.pop(0)] = refused
                elif kind == "failed":
                    self._finish([(self._all[self._todo[0]], content)])
                elif kind == "result":
                    self._rows.append((self._expected[len(self._rows)], content))
                    if len(self._rows) == len(self._expected):
                        self._finish(self._rows)

    def _finish(self, rows: Rows) -> None:
        for _, result in rows:
            result.reads = self._reads
        self._batch.add(self._todo.pop(0), rows, self._more)
        self._rows, self._expected, self._more = [], [], False

    def _ended(self, how: str, log: Any) -> None:
        """The child is gone in the middle of something: that something has its answer."""
        if not self._expected:
            said = [line.strip() for line in worker.text_of(log.fileno()).splitlines() if line.strip()]
            last = f": {said[-1][:300]}" if said and not how.startswith("took") else ""
            outside, took = crashes.from_outside(how), how.startswith("took")
            said_of_it = f"does not load: importing it {how if took else f'ended with {how}'}{last}"
            reason = crashes.Failure(OUTSIDE, outside).reason if outside else said_of_it
            result = Result("error", reason=reason, unanswered=took or bool(outside), lasting=False)
            self._broken[self._all[self._todo[0]].kernel] = result
            return
        result = worker.ended(how, log)
        if self._settings.guesses and how.startswith("took"):
            why = f"not compiled within {self._settings.compile_seconds:g} s: {TOO_LARGE}"
            result = Result("error", reason=why, unanswered=True)
        self._rows.append((self._expected[len(self._rows)], result))
        if len(self._rows) == len(self._expected):
            self._finish(self._rows)
        else:
            self._expected = []  # the next child says them again, and leaves out those that have a row


def _work(jobs: list[Configuration], skip: int, settings: Settings) -> Callable[[worker.Send, int], None]:
    """What a child does: load and compile these configurations, all but the first ``skip`` rows of the first."""

    def work(send: worker.Send, log: int) -> None:
        told = 0
        functions: dict[str, Any] = {}
        left_out = skip

        def send_all(message: Any) -> None:
            nonlocal told
            count = sum(map(len, notes.reads.values()))
            if count > told:
                told = count
                send(("reads", notes.reads))
            send(message)

        with listening(notes_of_modules()) as notes:
            target = targets.parse(jobs[0].target)
            loader = Loader(target, settings.source_root, settings.torch_version, gluon=True)
            for job in jobs:
                _compile_one(job, left_out, settings, loader, functions, send_all, log)
                left_out = 0

    return work


def notes_of_modules() -> Notes:
    """Notes of what a kernel's module reads, not of what Triton reads for it, nor of what installed code runs."""
    import triton

    compiler = str(Path(triton.__file__).parent)

    def counts(question: str, file: str) -> bool:
        return not file.startswith(compiler) and not (question == "program" and file.startswith(INSTALLED))

    return Notes(lambda path: not is_library(path), counts)


def _compile_one(
    job: Configuration,
    skip: int,
    settings: Settings,
    loader: Loader,
    functions: dict[str, Any],
    send: worker.Send,
    log: int,
) -> None:
    try:
        if job.kernel not in functions:
            try:
                functions[job.kernel] = loader.load(job.kernel)
            except (ImportFailure, GluonIsNewer) as problem:
                functions[job.kernel] = problem
        fn = functions[job.kernel]
        if isinstance(fn, GluonIsNewer):
            send(("failed", Result("n/a", reason=str(fn))))
            return
        if isinstance(fn, ImportFailure):
            send(("failed", Result("error", reason=f"does not load: {fn}", lasting=False)))
            return
        function = unwrap(fn)
        own = kernel_source.digest(function)
        all_points = tuned.expand(fn, job, settings.guesses)
        points = all_points[: settings.configs]

        def load(reference: str) -> Any:
            kernel = loader.load(reference)
            return unwrap(kernel) if hasattr(kernel, "fn") else kernel

        with contextlib.suppress(NotInThisRelease):
            sign(function, job.args, points[0].constexprs, job.hints, load)
    except ValueError as problem:
        send(("refused", str(problem)))
        return
    send(("points", ([tuned.labelled(job, point) for point in points], len(points) < len(all_points))))
    for point in points[skip:]:

        def compile_it(printed: worker.Printed, point: tuned.Point = point) -> Result:
            row = targets.parse(job.target)
            try:
                result = compile_stages(
                    fn, job.args, point.constexprs, point.options, job.hints, row, load=load, printed=printed
                )
            except ImportFailure as problem:
                result = Result("error", reason=f"does not load: {problem}", lasting=False)
            except ValueError as problem:
                result = Result("error", reason=str(problem), lasting=False)
            result.source = own
            result.stages = {name: result.stages[name] for name in _KEPT_STAGES if name in result.stages}
            return result

        send(("result", worker.timed(compile_it, log, repeats=settings.repeats)))
