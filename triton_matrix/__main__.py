"""``python -m triton_matrix <verb>``: a verb's module is imported only when it is asked for."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from typing import Optional

from .base import commands
from .verbs import VERBS

INTERRUPTED = 128 + signal.SIGINT  # as a shell says it of a command that Ctrl-C ended
UNREAD = 128 + signal.SIGPIPE  # and of one whose reader went away, as `| head -1` does


def usage() -> str:
    """The list of verbs, one per line."""
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {verb.what}" for name, verb in VERBS.items()]
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
    return int(importlib.import_module(f".{VERBS[verb].module}", __package__).main(rest))


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would try once more at its end, and complain."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
