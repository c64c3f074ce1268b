"""A run of the bench: declared before it starts and closed when it ends, as a run of a level is (:mod:`runs`).

The verb ``bench`` opens ``run-bench.json``. The last whole ``benchmark.json`` stays beside it until the new one is
there, and names the run that it is of.
"""

from __future__ import annotations

from typing import Any

from . import file_names, runs, schemas

NAME, JOURNAL = file_names.run("bench"), ".run-bench.journal"


def as_json(run: runs.Run) -> dict[str, Any]:
    """The content of ``run-bench.json``."""
    return {**run.as_json(), "schema": schemas.BENCH_RUN}


def shortfall(run: runs.Run) -> str:
    """Why the run left no timings of its suite, whatever its rows said: one sentence; "" where it did."""
    ended = run.closed is not None and not run.problem
    if ended and run.status not in (0, 1) and run.uncollected:
        return f"{run.uncollected[0]} could not be collected, pytest's exit status is {run.status}"
    cut = runs.cut_short(run)
    if cut:
        return cut
    if run.status not in (0, 1):
        return f"pytest ended with status {run.status}" + ("" if run.collected else ", and no row was run")
    return "" if run.collected else "no row was run"
