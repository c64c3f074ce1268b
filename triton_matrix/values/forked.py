"""Launches computed in forked processes: one for each kernel's file, and a new one after a launch that ended its own.

What a process reads is then what its file's modules read, and nothing that another file left behind decides anything.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base import commands
from ..base.listening import listening
from ..base.reads import Reads
from ..codegen.batches import notes_of_modules
from ..codegen.worker import IMPORT_SECONDS

Launch = Mapping[str, Any]
Row = dict[str, Any]


def each(
    launches: Sequence[Launch], start: Callable[[], Callable[[Any], Row]], rows: Path
) -> Iterator[tuple[Launch, Row, Reads]]:
    """Compute launches of one file; each row is said in ``rows`` as soon as it is there.

    Args:
        start: called in each process; gives what computes a launch.

    Yields:
        each launch with its row, and what the modules read up to then.
    """
    left = list(launches)
    while left:
        begun = rows.stat().st_size if rows.is_file() else 0
        process = os.fork()
        if not process:
            _work(left, start, rows)
        _, status = os.waitpid(process, 0)
        read: Reads = {}
        there = 0
        with rows.open(encoding="utf-8") as lines:
            lines.seek(begun)
            said = [json.loads(line) for line in lines]
        for content in said:
            read = content.get("read", read)
            if "status" in content:
                yield left[there], content, read
                there += 1
        left = left[there:]
        if left:
            row = {"launch": left[0]["name"], "status": "crashed", "reason": _how(status)}
            say(rows, row)
            yield left.pop(0), row, read


def loaded() -> None:
    """The modules of the launch under way are imported: from here on it has its own budget."""
    signal.alarm(0)


def say(rows: Path, content: Mapping[str, Any]) -> None:
    """Add a line to the file of rows."""
    with rows.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(content) + "\n")


def _work(launches: Sequence[Launch], start: Callable[[], Callable[[Any], Row]], rows: Path) -> None:
    """The life of a forked process."""
    status = 1
    try:
        end = commands.end_with_parent()
        if end:
            end()
        told = 0
        with listening(notes_of_modules()) as notes:
            compute = start()
            for launch in launches:
                say(rows, {"begin": launch["name"]})
                signal.alarm(IMPORT_SECONDS)
                row = compute(launch)
                loaded()
                count = sum(map(len, notes.reads.values()))
                if count > told:
                    told = count
                    say(rows, {"read": notes.reads})
                say(rows, row)
        status = 0
    except BaseException as problem:  # a fault of ours: the launch has none to answer for
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _how(status: int) -> str:
    """How a process ended in the middle of a launch."""
    if not os.WIFSIGNALED(status):
        return f"its process ended with status {os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number == signal.SIGALRM:
        return f"does not load: importing its module took more than {IMPORT_SECONDS} s"
    return f"its process ended with {signal.Signals(number).name}"
