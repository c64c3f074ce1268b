"""``python -m triton_matrix <verb>``: a table of verbs; a verb's module is imported only when it is asked for."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from typing import Optional

from .base import commands

# verb -> (module of this package, function taking argv and returning the exit status, what the verb does)
VERBS = {
    "init": ("init.cli", "main", "write the noxfile, table and workflow of another package's repository"),
    "lock": ("environments.lock", "main", "compile the constraint files of the table's rows"),
    "provide": ("environments.provide", "main", "install a cell's pins and this checkout's wheel into an environment"),
    "run": ("suites.run", "main", "run a cell's suites in this Python and leave its evidence files"),
    "environment": ("evidence.toolchain", "main", "write what this Python resolved to: versions, GPU, platform"),
    "compile": ("codegen.cli", "main", "compile kernels for named GPU targets, with no GPU, in this Python's Triton"),
    "codegen": (
        "releases.codegen",
        "main",
        "the same in every Triton release, and what changed between them",
    ),
    "values": ("releases.values", "main", "what launches compute in every Triton release, with no GPU and no torch"),
    "capture": ("launches.capture.cli", "main", "run a command and write every launch that it makes as a launch file"),
    "compare": ("codegen.compare", "main", "codegen changes between two atlas files, worst first"),
    "history": ("releases.history", "main", "one metric of one kernel over all Triton releases"),
    "bench": ("bench.cli", "main", "run the benchmarks of a cell in this Python"),
    "report": ("report.cli", "main", "merge the evidence files into one answer: table, Markdown, page"),
    "bisect": (
        "releases.bisect",
        "main",
        "find the first Triton release at which a test, a compiled kernel or its values change",
    ),
    "explain": ("releases.explain", "main", "at which stage of the compiler a change between two releases enters"),
    "wheelhouse": ("environments.wheelhouse", "main", "gather what a cell needs, for a machine with no network"),
    "nightly": ("ci.issue", "main", "what the nightly cells found, as one issue"),
    "ci-matrix": ("ci.jobs", "main", "the job list of CI, from the table, as JSON"),
    "incidents": ("suites.incidents", "main", "look at what really broke once, in every Triton release"),
    "subject": ("suites.subject", "main", "run a cell's suites against another package instead of ours"),
    "lint": ("lint.cli", "main", "check kernel sources for what breaks on a Triton that the package supports"),
}


INTERRUPTED = 128 + signal.SIGINT  # as a shell says it of a command that Ctrl-C ended
UNREAD = 128 + signal.SIGPIPE  # and of one whose reader went away, as `| head -1` does


def usage() -> str:
    """The list of verbs, one per line."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:{width}}  {what}" for verb, (_, _, what) in VERBS.items()]
    return "\n".join(["usage: python -m triton_matrix <verb> [options]", "", *lines])


def main(argv: Optional[list[str]] = None) -> int:
    """Dispatch to a verb. Returns its exit status.

    2 when there is no such verb, or a file or the output cannot be written; INTERRUPTED after Ctrl-C; UNREAD where the
    reader of the output went away.
    """
    argv = sys.argv[1:] if argv is None else argv
    verb = argv[0] if argv else ""
    for stream in (sys.stdout, sys.stderr):  # a terminal of another encoding: what it cannot show is spelled out
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(verb, argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"{verb}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return UNREAD
    except OSError as error:
        print(f"{verb}: {error}", file=sys.stderr)
        _drop_output()
        return 2


def _run(verb: str, rest: list[str]) -> int:
    if verb in ("", "-h", "--help"):
        print(usage())
        return 0 if verb else 2
    if verb not in VERBS:
        print(f"unknown verb {verb!r}; allowed are {', '.join(VERBS)}", file=sys.stderr)
        return 2
    commands.end_with_nox()
    module, function, _ = VERBS[verb]
    return int(getattr(importlib.import_module(f".{module}", __package__), function)(rest))


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would try once more at its end, and complain."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
