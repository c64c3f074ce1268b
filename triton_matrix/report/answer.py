"""From the options of the verb to the three files and the table."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import jsonschema

from ..base import display_text, files
from ..base.cells import Table, load_at
from ..evidence import file_names, history_file, reading, schemas, validators
from . import (
    compare_runs,
    expected,
    facts,
    known,
    markdown,
    over_time,
    page,
    sentences,
    serialise,
    status,
    stored,
    terminal,
    verdict,
)
from .compare_runs import Snapshot
from .facts import Facts
from .known import Known
from .matrix import Changes, Matrix, Pair
from .standing import Current
from .status import Asked
from .verdict import Verdicts


@dataclass(frozen=True)
class Checkout:
    """What the evidence is held against: the sources as they are now, and what is accepted.

    Attributes:
        changes: the file of accepted codegen changes.
    """

    current: Current
    known: Known
    changes: Path


def answer(options: argparse.Namespace) -> int:
    """Do what the options of ``cli`` ask for; returns the exit status.

    Raises:
        ValueError: an option, the table or a file that it names is malformed, or what is said cannot be written.
        OSError: the evidence cannot be read.
    """
    table = load_at(options.root)
    asked = Asked(
        required=[expected.parse("--require", item, table) for item in options.require],
        expected=[expected.parse("--expect", item, table) for item in options.expect],
        releases=list(table.releases),
        jobs=expected.jobs(options.job),
        allow_stale=options.allow_stale,
    )
    reports = options.reports or table.reports
    accepts = known.load(options.known or table.known, table.cells)
    current = Current(table, str(reports), options.allow_stale)
    checkout = Checkout(current, accepts, options.accepted or table.accepted)
    today = read([reports, *options.add], checkout)
    now = compare_runs.of_facts(today)
    changes: Optional[Changes] = None
    if options.against:
        earlier = read_earlier(options.against, checkout, options.out or reports)
        changes = compare_runs.compare(now, earlier, str(options.against), accepts, options.allow_stale)
    names = tuple(options.cells.split(":")) if options.cells else compare_runs.default_pair(today.rows)
    pair = compare_runs.cell_against_cell(now, today.rows, *names) if names else None
    matrix = matrix_of(verdict.judge(today, changes), asked, pair)
    if table.results.is_dir():
        matrix["stored"] = stored.of_folder(table.results, lambda folder: read([folder], checkout))
    out = options.out or reports
    try:
        matrix["history"] = over_time.shown(over_time.remember(matrix, out, options.add, table.root))
    except (OSError, history_file.HistoryError) as problem:  # what ran now is told all the same
        print(f"report: nothing is remembered: {problem}", file=sys.stderr)
    show(matrix, out)
    return matrix["status"]


def show(matrix: Matrix, out: Path) -> None:
    """Write the three files, then print the table.

    Raises:
        ValueError: a file cannot be written; what is printed is printed all the same.
    """
    trouble: Optional[OSError] = None
    try:  # before anything is printed: a reader that goes away does not leave an older page
        content = json.dumps(matrix, separators=(",", ":"), sort_keys=True, allow_nan=False)
        files.write_text(out / file_names.MATRIX, content + "\n")
        files.write_text(out / file_names.SUMMARY, markdown.render(matrix))
        files.write_text(out / file_names.PAGE, page.render(matrix, out))
    except OSError as error:
        trouble = error
    terminal.show(matrix)
    if trouble:
        raise ValueError(f"{trouble.filename or out} cannot be written: {trouble.strerror}")
    print(f"page: {display_text.printable(str(out / 'index.html'))}")
    for line in sentences.not_here_lines(matrix):  # last, where plain `nox` ends
        print(line)


def judge(folders: list[Path], table: Table) -> Verdicts:
    """The verdicts of these folders as the report gives them, with the table's own known failures.

    Raises:
        ValueError: the file of known failures, or of accepted codegen changes, is malformed.
    """
    accepts = known.load(table.known, table.cells)
    return verdict.judge(read(folders, Checkout(Current(table, str(folders[0])), accepts, table.accepted)))


def read(folders: list[Path], checkout: Checkout) -> Facts:
    """What these folders say. A first folder that does not exist is an empty one."""
    kept = [folder for position, folder in enumerate(folders) if position or folder.is_dir()]
    return facts.build(reading.read(kept), checkout.current, checkout.known, checkout.changes)


def matrix_of(verdicts: Verdicts, asked: Asked, pair: Optional[Pair] = None) -> Matrix:
    """The content of ``matrix.json``, checked against its schema."""
    old = status.stale(verdicts)
    content = serialise.matrix(verdicts, pair, old, status.status(verdicts, asked, old), asked.jobs)
    return checked(content)


def checked(content: Any) -> Matrix:
    """Content as a matrix.

    Raises:
        jsonschema.ValidationError: it is none.
    """
    validators.check(content, Path(__file__).with_name("matrix.schema.json"))
    matrix: Matrix = content
    return matrix


def read_earlier(path: Path, checkout: Checkout, out: Path) -> Snapshot:
    """An earlier run: its ``matrix.json``, a folder of evidence files, or a commit that ``out`` remembers.

    Raises:
        ValueError: no such path or commit, or not a matrix of a schema this report knows; names the path.
    """
    if path.is_dir() and (path / file_names.MATRIX).is_file():
        return read_earlier(path / file_names.MATRIX, checkout, out)
    if path.is_dir():
        snapshot = compare_runs.of_facts(read([path], checkout))
        if not snapshot.levels and not snapshot.codegen["releases"] and not snapshot.timings:
            raise ValueError(f"--against {path} holds no results")
        return snapshot
    try:
        kept = None if path.exists() else history_file.matrix_of(out, str(path))
        content = kept or reading.load_json(path.read_text(encoding="utf-8"))
    except history_file.HistoryError as problem:
        raise ValueError(f"--against {path}: there is no such file or folder, and {problem}") from None
    except FileNotFoundError:
        raise ValueError(f"--against {path}: there is no such file, folder or commit") from None
    except ValueError as error:
        raise ValueError(f"--against {path} is not JSON: {error}") from None
    said = content.get("schema") if isinstance(content, dict) else None
    if said != schemas.MATRIX:
        raise ValueError(f"--against {path} is no {schemas.MATRIX}: its schema is {said!r}")
    try:
        return compare_runs.of_matrix(checked(content))
    except jsonschema.ValidationError as error:
        wrong = f"{error.json_path}: {error.message[:200]}"
        raise ValueError(f"--against {path} is no {schemas.MATRIX}: {wrong}") from None
