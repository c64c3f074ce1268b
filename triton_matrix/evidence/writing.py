"""Write the files of a cell under ``reports/``: each whole or not at all, with no password and no machine's folder.

Raises everywhere: OSError where a file cannot be written; what was there before is then as it was.
"""

from __future__ import annotations

import contextlib
import html
import re
from pathlib import Path
from typing import Any, Optional

from ..base import display_text, files
from ..base.display_text import masked
from ..base.levels import FILED
from . import bench_runs, file_names, reading, runs, schemas, toolchain

NO_TESTS = 5  # the exit status of pytest where it collects nothing
_COLUMN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]*")


def column_folder(reports: Path, column: str) -> Path:
    """The folder of a column's files.

    Raises:
        ValueError: a name that is no plain name of a folder.
    """
    if not _COLUMN.fullmatch(column):
        raise ValueError(f"the column is {display_text.printable(column)!r}; allowed are letters, digits and . _ + @ -")
    return reports / column


def run_file(folder: Path, level: str) -> Path:
    """Where a level's run is declared."""
    return folder / file_names.run(level)


def junit_file(folder: Path, level: str) -> Path:
    """Where a level's JUnit file stands; while it is written it stands at :func:`partial_junit`."""
    return folder / file_names.junit(level)


def partial_junit(folder: Path, level: str) -> Path:
    """What pytest writes; it becomes the level's JUnit file once it is known to be whole."""
    return folder / f".{file_names.junit(level)}.partial"


def journal_file(folder: Path, level: str) -> Path:
    """Where the process of the suites tells what it does (:func:`runs.read_journal`)."""
    return folder / f".run-{level}.journal"


def launches_file(folder: Path) -> Path:
    """What another package launched, in its column's folder."""
    return folder / file_names.LAUNCHES


def environment(folder: Path, content: dict[str, Any]) -> None:
    """Write what a cell's Python is, as :func:`toolchain.record` gives it."""
    _write(folder / file_names.ENVIRONMENT, content)


def open_run(folder: Path, run: runs.Run) -> None:
    """Declare ``run``; from here on the level's older result is gone, whatever becomes of this one."""
    for path in (junit_file(folder, run.level), partial_junit(folder, run.level), journal_file(folder, run.level)):
        _remove(path)
    _write(run_file(folder, run.level), run.as_json())
    for name in (file_names.UNAVAILABLE, file_names.FAILURE):  # of before the cell could be provided
        _remove(folder / name)


def close_run(folder: Path, run: runs.Run, status: int, root: Path, prefix: str) -> tuple[Optional[runs.Counted], str]:
    """Say how ``run`` ended, and put its JUnit file in its place.

    Args:
        status: the exit status of the suites' process.
        root, prefix: folders of this machine, which evidence that travels does not name.

    Returns:
        what its JUnit file counts, None where it left none; and why the run is not a whole one, "" where it is.
    """
    partial, junit = partial_junit(folder, run.level), junit_file(folder, run.level)
    runs.read_journal(run, journal_file(folder, run.level))
    counted: Optional[runs.Counted] = None
    run.status = status
    if status == NO_TESTS:  # pytest's file then says nothing
        run.problem = run.problem or f"pytest found no test in {', '.join(run.suites)}"
        _remove(partial)
    if partial.is_file():
        try:
            counted = _promote(run, partial, junit, (root, Path(prefix)))
        except reading.Unusable as error:
            run.problem = run.problem or f"the JUnit file that pytest left {error}"
        _remove(partial)
    run.closed = toolchain.now()
    _write(run_file(folder, run.level), run.as_json())
    _remove(journal_file(folder, run.level))
    return counted, runs.shortfall(run, counted)


def open_bench(folder: Path, run: runs.Run) -> Optional[str]:
    """Declare a ``run`` of the bench. The last timings stay: the declaration says that they are not what was asked.

    Returns:
        the declaration that it takes the place of, if any, for :func:`withdraw_bench`.

    Raises:
        OSError: it cannot be declared. The one before is then gone: nothing may look as if it had been asked.
    """
    _remove(folder / bench_runs.JOURNAL)
    path = folder / bench_runs.NAME
    earlier = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    try:
        _write(path, bench_runs.as_json(run))
    except OSError:
        _remove(path)
        raise
    return earlier


def withdraw_bench(folder: Path, earlier: Optional[str]) -> None:
    """Take a declaration back, because nothing was asked that there is: what stood before it stands again."""
    _remove(folder / bench_runs.JOURNAL)
    if earlier is None:
        _remove(folder / bench_runs.NAME)
    else:
        files.write_text(folder / bench_runs.NAME, earlier)


def close_bench(folder: Path, run: runs.Run, status: int) -> str:
    """Say how a ``run`` of the bench ended; returns why it left no timings of its suite, "" where it did.

    Args:
        status: the exit status of its process.
    """
    runs.read_journal(run, folder / bench_runs.JOURNAL)
    run.status, run.closed = status, toolchain.now()
    _write(folder / bench_runs.NAME, bench_runs.as_json(run))
    _remove(folder / bench_runs.JOURNAL)
    return bench_runs.shortfall(run)


def _promote(run: runs.Run, partial: Path, junit: Path, machine: tuple[Path, Path]) -> Optional[runs.Counted]:
    """Write the level's JUnit file from what pytest wrote, once it has been read.

    Args:
        machine: folders that are not to be named.

    Raises:
        reading.Unusable: it is not whole; nothing is promoted.
    """
    try:
        content = partial.read_text(encoding="utf-8")
    except ValueError as error:
        raise reading.Unusable(f"is not UTF-8: {error}") from None
    for folder in machine:
        content = content.replace(f"{folder}/", "")
    content = masked(_with_properties(content, run))
    with files.replacing(junit) as scratch:
        scratch.write_text(content, encoding="utf-8")
        counted = reading.read_junit(scratch, "").counted
    return counted


def _with_properties(content: str, run: runs.Run) -> str:
    """The JUnit text with what it is of: the suites' process says so itself, but not where no test began."""
    if '<property name="run"' in content:
        return content
    said = {"cell": run.cell, "level": run.level, "run": run.id, "date": run.opened, "commit": run.commit or ""}
    lines = [f'<property name="{html.escape(name)}" value="{html.escape(value)}" />' for name, value in said.items()]
    added = f"<properties>{''.join(lines)}</properties>"
    return re.sub(r"<testsuite\b[^>]*[^>/]>", lambda match: match[0] + added, content, count=1)


def failure(folder: Path, cell: str, stage: str, command: list[str], status: Optional[int], tail: str) -> None:
    """Keep what stopped a cell before its suites could say so themselves: that is what its evidence says now.

    Older results stay, as :func:`begin_providing` says.

    Args:
        stage: ``provide``, ``resolve`` or ``install``.
        command: what was run; ``status`` its exit status, None where it never ended; ``tail`` its last lines.
    """
    record = {"schema": schemas.FAILURE, "cell": cell, "stage": stage, "command": command, "status": status}
    _write(folder / file_names.FAILURE, {**record, "tail": tail, "date": toolchain.now()})
    _remove(folder / file_names.UNAVAILABLE)


def unavailable(folder: Path, cell: str, reason: str, verdict: str = "unavailable") -> None:
    """Keep why a cell could not be provided, in place of older evidence: what did not run never shows as passed."""
    record = {"schema": schemas.UNAVAILABLE, "cell": cell, "verdict": verdict, "reason": reason}
    _write(folder / file_names.UNAVAILABLE, {**record, "date": toolchain.now()})
    _remove(folder / file_names.FAILURE)
    forget_results(folder)


def begin_providing(folder: Path, cell: str, command: list[str]) -> None:
    """Say that a cell's environment is being made: until :func:`end_providing`, that is what its evidence says.

    Older results stay where they are; they count again if nothing that they depend on has changed.
    """
    tail = "it began and never ended: it was killed, or still runs"
    record = {"schema": schemas.FAILURE, "cell": cell, "stage": "provide", "command": command, "status": None}
    try:
        _write(folder / file_names.FAILURE, {**record, "tail": tail, "date": toolchain.now()})
    except OSError:
        forget_results(folder)  # nothing can be written, and nothing older may stand
        raise


def end_providing(folder: Path) -> None:
    """The cell's environment is there."""
    for name in (file_names.FAILURE, file_names.UNAVAILABLE):
        _remove(folder / name)


def why_unavailable(folder: Path) -> Optional[str]:
    """The sentence that :func:`unavailable` kept, or None."""
    try:
        return str(reading.load_json((folder / file_names.UNAVAILABLE).read_text(encoding="utf-8"))["reason"])
    except FileNotFoundError:
        return None


def incidents(path: Path, document: dict[str, Any]) -> None:
    """Write what was seen of every incident in every release."""
    _write(path, document)


def forget_results(folder: Path) -> None:
    """Remove what runs left in a cell's folder."""
    for level in FILED:
        for path in (junit_file(folder, level), run_file(folder, level)):
            _remove(path)
    _remove(folder / file_names.ENVIRONMENT)


def _write(path: Path, content: dict[str, Any]) -> None:
    files.write_json(path, display_text.cleaned(content))


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
