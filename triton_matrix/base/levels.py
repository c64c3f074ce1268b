"""The words that every room shares, and their order: levels and verdicts."""

from __future__ import annotations

from typing import Literal, get_args

# how a result was obtained, in the order in which tables show them
LEVELS = ("interpreter", "device", "codegen")
# the levels that a cell's suites run at
RUN_LEVELS = ("interpreter", "device")
# level device once more, under compute-sanitizer: a few of its tests, and what each tool found
SANITIZER = "sanitizer"
# what leaves a run and a JUnit file in a cell's folder; what a cell's row of the report may have
FILED = (*RUN_LEVELS, SANITIZER)
SHOWN = (*FILED, "codegen")
# what a cell or level is found to be, worst first
Verdict = Literal["regressed", "fail", "stale", "unavailable", "n/a", "pass"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
BAD = ("fail", "regressed")
NOT_RUN = "not run"  # of a level without a result. Not a verdict, and never green
