"""GPU runs that the repository keeps (``results/``): shown with their date, GPU and commit, and never counted.

A checkout without a GPU has an empty level device. What was once seen there is told beside it, and is no pass of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Optional

from .benches import Timing
from .facts import Facts
from .matrix import Stored
from .rows import Level

_KNOWN: dict[tuple[object, ...], list[Stored]] = {}


def of_folder(folder: Path, read: Callable[[Path], Facts]) -> list[Stored]:
    """The runs that a folder holds; of files that are as they were, a process reads them once: that takes seconds."""
    seen = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    state = (folder, *((path, stat.st_size, stat.st_mtime_ns) for path, stat in seen))
    if state not in _KNOWN:
        _KNOWN[state] = runs(read(folder))
    return _KNOWN[state]


def runs(facts: Facts) -> list[Stored]:
    """What a folder of kept runs holds of level device, the oldest Triton first, the newest run of each first."""
    stored = [*_suites(facts), *_timings(facts.timings)]
    stored.sort(key=lambda run: run["date"], reverse=True)
    return sorted(stored, key=lambda run: [int(part) for part in run["triton"].split(".") if part.isdigit()])


def _suites(facts: Facts) -> Iterator[Stored]:
    for row in facts.rows.values():
        level = row.levels.get("device")
        for result in level.results if isinstance(level, Level) else ():
            counts = {name: number for name, number in result.counts.items() if number}
            said = ", ".join(f"{number} {name}" for name, number in sorted(counts.items(), key=_passed_first))
            if result.shortfall:
                said += f"; not whole: {result.shortfall}"
            on = result.record.properties.get("triton", ""), result.machine, result.date, result.record.commit
            yield _stored("tests", *on, said, result.file)


def _passed_first(item: tuple[str, int]) -> tuple[bool, str]:
    return item[0] != "passed", item[0]


def _timings(rows: Iterable[Timing]) -> Iterator[Stored]:
    """A line for each run of the bench, with the shares of a device copy that ours reached in large bf16 rows."""
    runs_: dict[tuple[str, str, str, str], list[Timing]] = {}
    for row in rows:
        if row.implementation == "ours":
            runs_.setdefault((row.triton or "", row.gpu, row.date, row.commit or ""), []).append(row)
    for (triton, gpu, date, commit), timed in runs_.items():
        shares = [row.figures.get("share_of_copy") for row in timed if row.figures.get("dtype") == "bf16"]
        known = [share for share in shares if share]
        of = f", bf16 at {min(known):.2f} to {max(known):.2f} of a copy" if known else ""
        yield _stored("bench", triton, gpu, date, commit, f"{len(timed)} rows timed{of}", "")


def _stored(what: str, triton: str, gpu: str, date: str, commit: Optional[str], said: str, file: str) -> Stored:
    return {
        "what": what,
        "triton": triton.partition("+")[0],
        "gpu": gpu,
        "date": date,
        "commit": commit,
        "said": said,
        "file": file,
    }
