"""A run of one level: declared before it starts, closed when it ends, and what it lacks to be a whole one.

The verb ``run`` opens ``run-<level>.json``, which takes the place of the older run's, and closes it when the process
of the suites has ended. What happens between is told by that process, line by line, in a journal beside it: a process
that is killed has told what it was running.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base.reads import Reads
from . import schemas


@dataclass(frozen=True)
class Wheel:
    """What is tested, and what would be now.

    Attributes:
        checkout: digest of the checkout's sources (:func:`triton_matrix.base.sources.package_digest`).
        installed: digest of the sources that the installed package was built from; None where nobody can say.
        problem: why the installed package is not what provisioning installed; else "".
    """

    checkout: str
    installed: Optional[str]
    problem: str = ""


@dataclass(frozen=True)
class Inputs:
    """What a result depends on besides the wheel: digests of the suites and of the cell's pins."""

    suites: str
    pins: Optional[str]


@dataclass
class Run:
    """The content of ``run-<level>.json``.

    Attributes:
        id: of this run alone; the properties of its JUnit file repeat it.
        opened, closed: ISO dates, UTC; ``closed`` is None while it runs, and for ever where it was killed.
        suites: paths below ``tests/``. ``inputs`` are their digest and that of the pins.
        helpers: further files of the checkout that the suites imported, from the repo root, and their SHA-256.
        read: what else of the checkout was read while they ran (base/reads.py), from the repo root.
        deselected: how many collected tests were not to run.
        left_out: files and tests that pytest was told to ignore, and suites that it was not given.
        collected: ids of the tests that were to run; None where collecting did not end.
        uncollected: ids of the files that were skipped or failed while they were collected.
        finished: ids of the tests that ended, in any way.
        subtests: how many subtests were reported; pytest counts each as a test and lists it with the test it is of.
        running: the test that had begun and did not end; else "".
        status: the exit status of pytest; negative: the signal that ended it.
        problem: what the verb itself found wrong; else "".
        versions: of ``python``, ``torch`` and ``triton`` as they are installed; those that nothing says are not there.
        kernels: the package's Triton kernels, ``path/to/file.py:name`` each: those that its sources define, and those
            that ran. None where they were not counted: the package says that it has none.
        launches: test -> kernel -> how often it was launched; the test "" is what was launched outside of tests. Other
            packages' kernels and the suites' own are there too.
        reruns: tests that passed, and not at the first attempt -> how many attempts they took.
        unheard: failures that pytest does not count: of a thread that ended after its test, of an object's end.
        notes: what a reader should know, and no failure: files that were ignored, a test without parameters.
    """

    id: str
    cell: str
    level: str
    opened: str
    commit: Optional[str]
    dirty: Optional[bool]
    wheel: Wheel
    inputs: Inputs
    suites: list[str]
    helpers: dict[str, str] = field(default_factory=dict)
    read: Reads = field(default_factory=dict)
    closed: Optional[str] = None
    collected: Optional[list[str]] = None
    deselected: int = 0
    left_out: list[str] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    subtests: int = 0
    running: str = ""
    status: Optional[int] = None
    problem: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    kernels: Optional[list[str]] = None
    launches: dict[str, dict[str, int]] = field(default_factory=dict)
    reruns: dict[str, int] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def launched(self) -> dict[str, int]:
        """Each of the package's kernels -> how often it was launched."""
        counts = dict.fromkeys(self.kernels or (), 0)
        for kernels in self.launches.values():
            for kernel, count in kernels.items():
                if kernel in counts:
                    counts[kernel] += count
        return counts

    def as_json(self) -> dict[str, Any]:
        """The file's content."""
        return {"schema": schemas.RUN, **asdict(self)}


def from_json(content: dict[str, Any]) -> Run:
    """The run that a file holds, which :mod:`reading` has checked against its schema."""
    known = {name: content[name] for name in Run.__dataclass_fields__ if name in content}
    wheel = {name: content["wheel"][name] for name in Wheel.__dataclass_fields__ if name in content["wheel"]}
    inputs = {name: content["inputs"][name] for name in Inputs.__dataclass_fields__}
    run = Run(**{**known, "wheel": Wheel(**wheel), "inputs": Inputs(**inputs)})
    run.collected = None if run.collected is None else [str(test) for test in run.collected]
    run.finished = [str(test) for test in run.finished]
    run.launches = {str(test): _counts(kernels) for test, kernels in run.launches.items()}
    return run


def _counts(kernels: Any) -> dict[str, int]:
    pairs = kernels.items() if isinstance(kernels, dict) else ()
    return {str(kernel): count for kernel, count in pairs if type(count) is int and count > 0}


def read_journal(run: Run, path: Path) -> None:
    """Put into ``run`` what its process told; a last line that was cut by a kill is not a line."""
    begun: dict[str, None] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        _hear(run, told)
        if "begin" in told:
            begun[told["begin"]] = None
        begun.pop(told.get("end"), None)
    run.running = next(reversed(list(begun)), "")


def _hear(run: Run, told: Mapping[str, Any]) -> None:
    """Put one line of a journal into ``run``. Of its keys the first that is known says what the line tells."""
    kind = next((key for key in _HEARD if key in told), None)
    if kind is not None:
        _HEARD[kind](run, told)


def _hear_collected(run: Run, told: Mapping[str, Any]) -> None:
    run.collected, run.deselected = list(told["collected"]), int(told["deselected"])
    run.left_out = list(told["left_out"])


def _hear_helpers(run: Run, told: Mapping[str, Any]) -> None:
    run.helpers, run.read = dict(told["helpers"]), dict(told["read"])


def _hear_end(run: Run, told: Mapping[str, Any]) -> None:
    run.finished.append(told["end"])
    run.subtests += int(told["subtests"])


def _hear_kernels(run: Run, told: Mapping[str, Any]) -> None:
    run.kernels = sorted({*(run.kernels or ()), *told["kernels"]})


def _hear_launches(run: Run, told: Mapping[str, Any]) -> None:
    counts = run.launches.setdefault(told["test"], {})
    for kernel, count in told["launches"].items():
        counts[kernel] = counts.get(kernel, 0) + int(count)


def _hear_attempts(run: Run, told: Mapping[str, Any]) -> None:
    run.reruns[told["test"]] = int(told["attempts"])


def _hear_problem(run: Run, told: Mapping[str, Any]) -> None:
    run.problem = run.problem or told["problem"]


def _hear_forked(run: Run, told: Mapping[str, Any]) -> None:
    test = told["forked"].get("end") or "a test"
    run.problem = run.problem or f"{test} forked, and its child came back to go on with the suites"


_HEARD: dict[str, Callable[[Run, Mapping[str, Any]], None]] = {
    "collected": _hear_collected,
    "helpers": _hear_helpers,
    "uncollected": lambda run, told: run.uncollected.append(told["uncollected"]),
    "end": _hear_end,
    "kernels": _hear_kernels,
    "launches": _hear_launches,
    "attempts": _hear_attempts,
    "unheard": lambda run, told: run.unheard.append(told["unheard"]),
    "note": lambda run, told: run.notes.append(told["note"]),
    "problem": _hear_problem,
    "forked": _hear_forked,
}


@dataclass
class Counted:
    """What a JUnit file says in its header, and what it holds: to be held against each other and against the run.

    Attributes:
        header: the attributes ``tests``, ``failures``, ``errors`` and ``skipped``; None where there is no number.
        held: how many there are of ``failures``, ``errors`` and ``skipped``.
        cases: test ids as pytest writes them there, ``<dotted file>::<name>``.
        run: the id of the run that it says it is of; "" where it says none.
    """

    run: str = ""
    header: dict[str, Optional[int]] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)

    def passed(self) -> int:
        """How many cases passed, at least."""
        return max(len(self.cases) - sum(self.held.values()), 0)

    def contradiction(self, subtests: int = 0) -> str:
        """The first thing in which the header and the cases differ; "" where they agree.

        Args:
            subtests: how many were reported; each is one in the header and none among the cases.
        """
        for name in ("failures", "errors", "skipped"):
            if self.header.get(name) != self.held[name]:
                return f"its header says {name} {self.header.get(name)}, and it holds {self.held[name]}"
        tests = self.header.get("tests")
        # a test that passes and whose teardown fails is one case that pytest counts twice
        if tests is None or not len(self.cases) <= tests <= len(self.cases) + self.held["errors"] + subtests:
            return f"its header says tests {tests}, and it holds {len(self.cases)}"
        return ""


def shortfall(run: Run, counted: Optional[Counted]) -> str:
    """Why the run is not a whole one, whatever its tests said: one sentence; "" where it is.

    Args:
        counted: of the run's JUnit file; None where there is none.
    """
    cut = cut_short(run)
    if cut:
        return cut
    if run.deselected or run.left_out:
        return f"a selection was run: {_selected(run)}"
    if counted is None:
        return f"pytest ended with status {run.status} and left no JUnit file"
    if counted.run != run.id:
        return f"the JUnit file is of run {counted.run or 'unknown'}, not of {run.id}"
    problem = counted.contradiction(run.subtests) or _against_run(run, counted)
    if problem:
        return f"the JUnit file cannot be right: {problem}"
    bad = counted.held["failures"] + counted.held["errors"]
    if run.status not in (0, 1) or (run.status == 1) != bool(bad):
        if run.status == 5:
            return "pytest ran no test"
        return f"pytest ended with status {run.status}, and {bad} tests failed"
    if run.unheard:
        more = f"; and {len(run.unheard) - 1} more" if len(run.unheard) > 1 else ""
        return f"a failure that pytest does not count: {run.unheard[0]}{more}"
    return ""


def _selected(run: Run) -> str:
    return f"{run.deselected} tests were deselected" if run.deselected else f"{run.left_out[0]} was left out"


def of_kernels(launched: Mapping[str, int]) -> str:
    """How many kernels ran and how often: ``14 of 22 kernels ran, 61 launches``."""
    ran, launches = sum(map(bool, launched.values())), sum(launched.values())
    return f"{ran} of {len(launched)} kernels ran, {launches} launch{'es' if launches != 1 else ''}"


def unlaunched(run: Run) -> str:
    """That no kernel of the package ran, as a sentence; "" where one did, or the package says that it has none."""
    if run.kernels is None or any(run.launched().values()):
        return ""
    others = sum(count for kernels in run.launches.values() for count in kernels.values())
    beside = f"; {others} launches were of kernels outside of the package" if others else ""
    has = f"none of the package's {len(run.kernels)} was launched" if run.kernels else "its sources define none"
    return f"no Triton kernel ran: {has}{beside}"


def cut_short(run: Run) -> str:
    """Why not all that the run collected has ended, whatever became of it: one sentence; "" where it has."""
    if run.closed is None:
        return f"the run that was opened {run.opened} was never closed: it was killed, or still runs{_running(run)}"
    if run.problem:
        return f"{run.problem}{_running(run)}"
    if run.collected is None:
        return f"pytest ended with status {run.status} before it had collected the suites{_running(run)}"
    finished = set(run.finished)
    left = [test for test in run.collected if test not in finished]
    if left:
        named = _running(run) or f"; the first is {left[0]}"
        return f"{len(left)} of {len(run.collected)} tests never ended, pytest's exit status is {run.status}{named}"
    return ""


def _running(run: Run) -> str:
    return f"; it was running {run.running}" if run.running else ""


def _against_run(run: Run, counted: Counted) -> str:
    told = {junit_id(test) for test in (*run.finished, *run.uncollected)}
    for test in sorted(told - set(counted.cases)):
        return f"{test} ended in the run and is not in it"
    for test in sorted(set(counted.cases) - told):
        return f"{test} is in it and did not end in the run"
    return ""


def junit_id(node: str) -> str:
    """A node id as pytest writes it into JUnit: ``a/test_b.py::test_c[x/y]`` is ``a.test_b::test_c[x/y]``."""
    path, bracket, parameters = node.partition("[")
    names = path.split("::")
    names[0] = re.sub(r"\.py$", "", names[0].replace("/", "."))
    names[-1] += bracket + parameters
    return "::".join(filter(None, (".".join(names[:-1]), names[-1])))


def outdated(run: Optional[Run], now: Wheel, inputs: Optional[Inputs]) -> str:
    """Why the run says nothing about the checkout as it is now: one sentence; "" where it does.

    Args:
        run: None where a result has no run file.
        now: of which ``checkout`` is compared.
        inputs: the digests of the run's suites and pins as they are now; None where they are not to be compared.
    """
    if run is None:
        return "it has no run file, so nothing says which sources it is of"
    if run.wheel.problem:
        return run.wheel.problem
    if run.wheel.installed != now.checkout:
        return "it is of other sources than the checkout has now"
    if inputs is not None and run.inputs.suites != inputs.suites:
        return "its suites were changed since"
    if inputs is not None and run.inputs.pins != inputs.pins:
        return "its row or its pins were changed since"
    return ""
