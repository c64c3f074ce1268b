"""The tools of compute-sanitizer: how each is called, and what it says. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

NAME = "compute-sanitizer"
TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")
UNFILTERED = ("initcheck",)  # it must see torch's kernels too: what they wrote would count as never written
FOUND = 86  # the exit status that a tool is told to have where it finds errors
_SHORTEST = 4  # letters that names have in common, to be worth a filter
_MARK = "========= "
_SUMMARY = re.compile(
    r"ERROR SUMMARY: (?P<errors>\d+) errors?"
    r"|RACECHECK SUMMARY: \d+ hazards? displayed \((?P<races>\d+) errors?, (?P<warnings>\d+) warnings?\)"
)
_SAW_NOTHING = ("before first instrumented API call", "No attachable process found")
_OWN_FAULT = ("Internal Sanitizer Error", "Internal Error", *_SAW_NOTHING)
# lines between which the first error is looked for: what a tool says of itself and of the process
_NO_ERROR = ("COMPUTE-SANITIZER", "SUMMARY", "Target application", "process didn't terminate", "Option ", *_OWN_FAULT)


@dataclass(frozen=True)
class Said:
    """What a tool said.

    Attributes:
        errors, warnings: as its summaries count them; ``errors`` is None where it left none.
        first: the first error, in one line.
        problem: why it says nothing of the kernels; "" where it does.
    """

    errors: Optional[int]
    warnings: int = 0
    first: str = ""
    problem: str = ""


def find(given: Optional[Path]) -> Optional[str]:
    """The compute-sanitizer to use: as given, on PATH, or of a CUDA toolkit; None where there is none."""
    homes = [os.environ.get("CUDA_HOME") or "/usr/local/cuda"]
    places = [str(given)] if given else [NAME, *(f"{home}/bin/{NAME}" for home in homes)]
    return next(filter(None, map(shutil.which, places)), None)


def command(path: str, tool: str, log: Path, kernels: Iterable[str]) -> list[str]:
    """What stands before the command that a tool watches.

    Args:
        log: the file that it writes.
        kernels: names of functions; where they have a part in common, only kernels with that part are checked.
    """
    common = "" if tool in UNFILTERED else common_part(sorted(set(kernels)))
    only = ["--kernel-regex", f"kns={common}"] if common else []
    # what an API call answers is the host's to judge, and some are asked in order to fail
    quiet = ["--report-api-errors", "no"] if tool == "memcheck" else []
    made = [path, "--tool", tool, *quiet, "--error-exitcode", str(FOUND), "--target-processes", "all"]
    return [*made, "--log-file", str(log), *only]


def common_part(names: Sequence[str]) -> str:
    """The longest part that all names have; "" where it is too short to tell them from others'."""
    shortest = min(names, key=len, default="")
    for length in range(len(shortest), _SHORTEST - 1, -1):
        for start in range(len(shortest) - length + 1):
            part = shortest[start : start + length]
            if all(part in name for name in names):
                return part
    return ""


def read(log: str, status: int) -> Said:
    """What a tool's log and the exit status of its process say together."""
    summaries = list(_SUMMARY.finditer(log))
    errors = sum(int(each["errors"] or each["races"] or 0) for each in summaries)
    warnings = sum(int(each["warnings"] or 0) for each in summaries)
    if summaries and errors:
        return Said(errors, warnings, _first(log))
    problem = _problem(log, status, is_summed=bool(summaries))
    return Said(0 if summaries else None, warnings, problem=problem)


def _problem(log: str, status: int, *, is_summed: bool) -> str:
    own = next((line for line in _lines(log) if any(word in line for word in _OWN_FAULT)), "")
    if own:
        return f"it saw no kernel: {own}" if any(word in own for word in _SAW_NOTHING) else f"it failed: {own}"
    if status < 0:
        return f"it was ended by signal {-status}"
    if not is_summed:
        last = next(reversed(_lines(log)), "its log is empty")
        return f"it left no summary, exit status {status}: {last}"
    if status == FOUND:
        return f"its exit status {status} says that it found errors, and its summary names none"
    return f"what it watched ended with status {status}" if status else ""


def _first(log: str) -> str:
    """The first error and where it was."""
    lines = _lines(log)
    for number, line in enumerate(lines):
        if line and not line.startswith(" ") and not any(word in line for word in _NO_ERROR):
            place = next((each.strip() for each in lines[number + 1 : number + 2] if each.startswith(" ")), "")
            return f"{line} {place}".strip()
    return "none is shown"


def _lines(log: str) -> list[str]:
    """What the tool itself wrote, without its mark."""
    return [line[len(_MARK) :].rstrip() for line in log.splitlines() if line.startswith(_MARK)]
