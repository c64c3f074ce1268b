"""Tests of a cell, or launches, under one tool after the other: what ran, and what each tool said."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional

from ...base import commands, compiler_variables, env_vars, reads
from ...base.reads import Reads
from ...evidence import reading, runs, writing
from ...launches.launch_list import Launched
from ...suites import run as suites
from ...suites import suite_paths
from . import tools

ONCE = Path(__file__).with_name("once.py")
PACKAGE = ONCE.parents[3]  # the folder that triton_matrix is imported from
# each tensor is memory of its own: within a block of torch's cache no tool sees where one ends
UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}


@dataclass
class Row:
    """A tool, and what it found.

    Attributes:
        wanted: kernels that it was to see; ``launches`` how often each kernel was launched under it.
        log: what the tool wrote.
        said: what that says; its problem also where what was watched did not do what was asked.
        versions: of ``python``, ``torch`` and ``triton`` as they were imported, where that was told.
        helpers, read: what ran read, as of :class:`evidence.runs.Run`.
    """

    tool: str
    wanted: Sequence[str]
    launches: dict[str, int] = field(default_factory=dict)
    log: str = ""
    said: tools.Said = field(default_factory=lambda: tools.Said(None))
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    read: Reads = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is wrong; "" where nothing is."""
        if self.said.errors:
            return f"{self.tool}: {self.said.errors} error{'s' * (self.said.errors > 1)}, the first: {self.said.first}"
        missing = [kernel for kernel in self.wanted if not self.launches.get(kernel)]
        if self.said.problem:
            return f"{self.tool}: {self.said.problem}"
        if missing or not self.wanted:
            of = f"{len(missing)} of {len(self.wanted)} kernels were not launched under it: {', '.join(missing[:3])}"
            return f"{self.tool}: {of}" if missing else f"{self.tool}: no kernel was launched under it"
        return ""


@dataclass(frozen=True)
class Watch:
    """How each tool watches.

    Attributes:
        path: of compute-sanitizer.
        seconds: after which a tool is ended.
        folder: for scratch.
    """

    path: str
    seconds: float
    folder: Path

    def run(self, row: Row, number: int, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        """Run a command under the row's tool; its log and what it says are added to the row.

        Args:
            number: of the command, of several under this tool.
        """
        log = self.folder / row.tool / f"{number}.log"
        names = [kernel.rpartition(":")[2] for kernel in row.wanted]
        started, late = time.monotonic(), ""
        try:
            whole = [*tools.command(self.path, row.tool, log, names), *command]
            status = commands.run_group(whole, cwd=cwd, env=env, timeout_s=max(1.0, self.seconds - row.seconds))
        except subprocess.TimeoutExpired:
            status, late = -9, f"it was ended after {self.seconds:g} s (--seconds)"
        row.seconds += time.monotonic() - started
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        row.log += text
        report = tools.read(text, status)
        if late and not report.errors:
            report = replace(report, problem=late)
        row.said = _both(row.said, report) if number else report


def _both(one: tools.Said, other: tools.Said) -> tools.Said:
    """What two logs say together."""
    errors = None if one.errors is None and other.errors is None else (one.errors or 0) + (other.errors or 0)
    return tools.Said(errors, one.warnings + other.warnings, one.first or other.first, one.problem or other.problem)


def of_tests(asked: suites.Asked, run: runs.Run, tests: Sequence[str], wanted: Sequence[str]) -> Callable[..., Row]:
    """What runs tests of a cell's level device under a tool.

    Args:
        run: as it is declared.
        tests: ids from the repo root.
    """
    table, place = asked.table, suite_paths.folder(asked.table)
    named = [os.path.relpath(table.root / test.partition("::")[0], place) + test[test.find("::") :] for test in tests]

    def under(tool: str, watch: Watch) -> Row:
        row, folder = Row(tool, wanted), watch.folder / tool
        folder.mkdir()
        command, env = suites.invocation(replace(asked, suites=named), "device")
        commands.drop_pytest_options(env)
        env |= {**UNCACHED, env_vars.EVIDENCE: str(folder), env_vars.RUN: run.id}
        env |= {env_vars.SUITES: os.pathsep.join(asked.suites), "TRITON_CACHE_DIR": str(watch.folder / "cache")}
        watch.run(row, 0, [*command, "-p", "no:cacheprovider", *commands.in_one_process()], place, env)
        inner = copy.deepcopy(run)
        runs.read_journal(inner, writing.journal_file(folder, "device"))
        for launches in inner.launches.values():
            for kernel, count in launches.items():
                row.launches[kernel] = row.launches.get(kernel, 0) + count
        row.helpers, row.read, row.versions = inner.helpers, inner.read, reading.imported(folder)
        return row

    return under


def of_launches(launches: Sequence[Launched], source_root: Optional[str], root: Path) -> Callable[..., Row]:
    """What runs launches once under a tool.

    Args:
        root: what the run's paths start from.
    """
    asked = {each.label: each.asked for each in launches if not each.refused}
    kernels = {each.label: each.kernel for each in launches}

    def under(tool: str, watch: Watch) -> Row:
        row, folder = Row(tool, sorted({kernels[label] for label in asked})), watch.folder / tool
        folder.mkdir()
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(PACKAGE)]))
        env = {**compiler_variables.without(os.environ), **UNCACHED, "PYTHONPATH": path}
        env["TRITON_CACHE_DIR"] = str(watch.folder / "cache")
        env.pop(env_vars.INTERPRET, None)
        became: dict[str, str] = {}  # launch -> why it did not run; "" where it did
        left, number = list(asked), 0
        while left and row.seconds < watch.seconds:
            request, journal = folder / f"{number}.json", folder / f"{number}.told"
            request.write_text(json.dumps({"launches": [asked[label] for label in left], "source_root": source_root}))
            watch.run(row, number, [sys.executable, "-W", "ignore", str(ONCE), str(request), str(journal)], root, env)
            begun = _hear(journal, became, row, root)
            left, number = [label for label in left if label not in begun], number + 1
            if not begun:
                break
        counted = Counter(kernels[label] for label, why in became.items() if not why)
        row.launches = dict(counted)
        lacking = next((f"{label}: {why}" for label, why in became.items() if why), "")
        lacking = lacking or (f"{len(left)} launches did not begin, the first is {left[0]}" if left else "")
        if lacking and not row.said.errors:
            row.said = replace(row.said, problem=lacking if row.said.errors is not None else row.said.problem)
        return row

    return under


def _hear(journal: Path, became: dict[str, str], row: Row, root: Path) -> list[str]:
    """Take what a journal tells; a last line that was cut by a kill is none. The launches that began."""
    begun = []
    for line in journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else ():
        try:
            told = json.loads(line)
        except ValueError:
            break
        if "begin" in told:
            begun.append(told["begin"])
            became[told["begin"]] = "it ended its process"
        else:
            became[told["end"]] = told.get("error", "")
            row.read = reads.merged([row.read, reads.below(told["read"], root)])
    return begun
