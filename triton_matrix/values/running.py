"""A launch computed by the Triton of this Python: its programs one after the other, within a budget of seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Optional

import numpy as np

from . import description, tensors
from .executor import Executor, NotApplicable
from .memory import Waits
from .repairs.language import argument
from .repairs.rewriting import rewritten
from .turns import Turns

HANGS = 10  # times its budget of CPU time that a launch may take
WAITING = 512  # programs of a grid that is run whole where some of them wait for others


class Late(BaseException):
    """The budget is used up; no kernel may catch this."""


@dataclasses.dataclass
class Computed:
    """What became of a launch.

    Attributes:
        status: ``computed``; ``late`` (some of the programs, within the budget); ``n/a`` (this release's interpreter
            cannot); ``error`` (the kernel does not run).
        reason: one sentence; "" of what was computed.
        programs: those that ran to their end, in order.
        total: programs of the whole grid.
        repairs: what it went through.
        outside: elements loaded and stored outside of its tensors; a device does not tell.
        seconds: of CPU time, of running its programs.
        tensors: parameter -> its tensor, as the launch left it.
        whole: whether all of a storage counts as written where some of it was: a device does not tell, nor does an
            interpreter without repairs.
        dots: what the dots of those programs compute, by kind of input (:mod:`dots`); None where nobody counted.
    """

    status: str
    reason: str
    programs: list[tuple[int, int, int]]
    total: int
    repairs: list[str]
    outside: dict[str, int]
    seconds: float
    tensors: dict[str, tensors.Tensor]
    whole: bool = False
    dots: Optional[dict[str, int]] = None


def compute(
    executor: Executor, kernel: Any, launch: Mapping[str, Any], most: int, seconds: float, load: Callable[[str], Any]
) -> Computed:
    """Run a launch.

    Args:
        kernel: what ``load`` gave for it; a jitted function, or an autotuner around one.
        most: programs to run at most.
        seconds: of CPU time, after which the rest is left.
        load: the function that a reference names, for constexprs that are functions.

    Raises:
        ValueError: the description cannot be.
    """
    grid, most = launch["grid"], min(most, launch.get("most", most))
    programs = description.chosen(grid, most)
    total = int(np.prod(grid))
    try:
        return _computed(executor, kernel, launch, programs, seconds, load)
    except Waits as waits:
        if len(programs) == total or total > WAITING:
            return _Run(executor, launch, load).told("n/a", str(waits))
        # the others of a few do not run: with all of them none is missing
        return _computed(executor, kernel, launch, description.chosen(grid, total), seconds, load)


def _computed(
    executor: Executor,
    kernel: Any,
    launch: Mapping[str, Any],
    programs: Any,
    seconds: float,
    load: Callable[[str], Any],
) -> Computed:
    """Run some of a launch's programs.

    Raises:
        Waits: they wait for what none of them does.
    """
    run = _Run(executor, launch, load)
    status, reason = "computed", ""
    try:
        with _within(seconds), np.errstate(all="ignore"):
            run.all(innermost(kernel), programs)
    except Waits:
        raise
    except Late:
        status, reason = "late", f"{len(run.done)} of {len(programs)} programs ran in {seconds:g} s of CPU time"
    except NotApplicable as problem:
        status, reason = "n/a", str(problem)
    except Exception as problem:
        status, reason = status_of(problem)
    return run.told(status, reason)


def innermost(kernel: Any) -> Any:
    """The jitted function inside of autotuners and heuristics."""
    while hasattr(kernel, "fn") and hasattr(kernel.fn, "fn"):
        kernel = kernel.fn
    return kernel


def status_of(problem: BaseException) -> tuple[str, str]:
    """Whether an interpreter lacks something or the kernel does not run, and the sentence."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    if isinstance(problem, NotApplicable):
        return "n/a", str(problem)
    lines = str(problem).strip().splitlines() or [""]
    of_gpu = re.match("(CUDA|HIP) error", lines[0])  # torch's advice on how to find out more comes after it
    said = f"{type(problem).__name__}: {lines[0 if of_gpu else -1][:300]}"
    if isinstance(problem, AttributeError) and ("Builder' object" in said or "Repaired' object" in said):
        return "n/a", f"this release's interpreter lacks an operation: {lines[-1]}"
    if isinstance(problem, NotImplementedError) and "interpreter" in said:
        return "n/a", f"this release's interpreter cannot: {lines[-1]}"
    return "error", f"does not run: {said}"


class _Run:
    def __init__(self, executor: Executor, launch: Mapping[str, Any], load: Callable[[str], Any]) -> None:
        self._executor, self._launch, self._load = executor, launch, load
        self._prepared = description.prepared(launch)
        self._started = time.process_time()
        self.done: list[tuple[int, int, int]] = []
        self._dots: Optional[dict[str, int]] = None if not executor.repairs else {}
        executor.begin()
        for tensor in self._prepared.tensors.values():
            executor.memory.add(tensor.storage)

    def told(self, status: str, reason: str) -> Computed:
        """What became of it."""
        executor = self._executor
        return Computed(
            status,
            reason,
            self.done,
            int(np.prod(self._launch["grid"])),
            sorted(executor.touched),
            dict(executor.memory.outside),
            time.process_time() - self._started,
            self._prepared.tensors,
            whole=not executor.repairs,
            dots=self._dots,
        )

    def all(self, kernel: Any, programs: list[tuple[int, int, int]]) -> None:
        """Run every program; ``done`` says which ended."""
        executor, launch = self._executor, self._launch
        constexprs = {name: self._plain(value) for name, value in self._prepared.constexprs.items()}
        if not executor.repairs:
            self._as_is(kernel, launch, constexprs)
            self.done = programs
            return
        args = {name: argument(executor, self._host(value)) for name, value in self._prepared.args.items()}
        function = rewritten(kernel.fn)
        executor.builder.set_grid_dim(*[*launch["grid"], 1, 1][:3])
        counts: dict[Any, Counter[str]] = {}

        def enter(program: Any) -> None:
            executor.builder.set_grid_idx(*program)
            executor.dots = counts.setdefault(program, Counter())

        def one(program: Any) -> None:
            function(**args, **constexprs)
            # now, and apart from those that stand and wait: of a program that does not end nothing counts
            self._dots = dict(Counter(self._dots) + counts.pop(program))

        turns = Turns(programs, one, enter)
        self.done = turns.done
        turns.all(executor.memory)

    def _as_is(self, kernel: Any, launch: Mapping[str, Any], constexprs: Mapping[str, Any]) -> None:
        """Launch it as the release itself does, with no repair: every program."""
        args = {name: self._host(value) for name, value in self._prepared.args.items()}
        storages = [tensor.storage for tensor in self._prepared.tensors.values()]
        before = [storage.bytes.copy() for storage in storages]
        kernel[tuple(launch["grid"])](**args, **constexprs)
        for storage, was in zip(storages, before):
            storage.written[:] = bool((storage.bytes != was).any())

    def _host(self, value: Any) -> Any:
        """An argument as a caller would give it."""
        if isinstance(value, tuple):
            return tuple(map(self._host, value))
        if not isinstance(value, description.Descriptor):
            return self._plain(value)
        try:
            kind = importlib.import_module("triton.tools.tensor_descriptor").TensorDescriptor
        except ImportError:
            release = self._executor.release
            raise NotApplicable(f"a tensor descriptor is an argument, which triton {release} does not know") from None
        padding = {} if value.padding == "zero" else {"padding": value.padding}
        base = value.base
        return kind(base, list(base.shape), list(base.strides), list(value.block_shape), **padding)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, description.TypeName):
            return self._executor.language_type(value.dtype)
        if isinstance(value, description.Function):
            return self._load(value.reference)
        return value


@contextlib.contextmanager
def _within(seconds: Optional[float]) -> Iterator[None]:
    """Raise Late in the code under way once it took so many seconds of CPU time: what else the machine does is no
    reason to run fewer programs. Code that stands still takes none; it may stand HANGS times as long.
    """

    def late(*signalled: Any) -> None:
        raise Late

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds or 0),
        (signal.SIGALRM, signal.ITIMER_REAL, HANGS * (seconds or 0)),
    )
    before = [signal.signal(number, late) for number, _, _ in timers]
    for _, timer, limit in timers:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (number, timer, _), was in zip(timers, before):
            signal.setitimer(timer, 0)
            signal.signal(number, was)
