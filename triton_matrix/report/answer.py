"""From the options of the verb to the three files and the table."""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any, Optional, Union

import jsonschema

from ..base import files, text
from ..base.cells import Table, load_at
from ..evidence import file_names, reading
from . import compare_runs, expected, known, markdown, merge, page, terminal, verdict, words
from .current import Current
from .matrix import Changes, Found, Judged, Matrix


def answer(options: argparse.Namespace) -> int:
    """Do what the options of ``cli`` ask for; returns the exit status.

    Raises:
        ValueError: an option, the table or a file that it names is malformed, or what is said cannot be written.
        OSError: the evidence cannot be read.
    """
    table = load_at(options.root)
    asked = verdict.Asked(
        required=[expected.parse("--require", item, table) for item in options.require],
        expected=[expected.parse("--expect", item, table) for item in options.expect],
        releases=list(table.releases),
        jobs=expected.jobs(options.job),
        allow_stale=options.allow_stale,
    )
    reports = options.reports or table.reports
    accepts = known.load(options.known or table.known, table.cells)
    accepted = options.accepted or table.accepted
    current = Current(table, str(reports), options.allow_stale)
    found = build([reports, *options.add], current, accepts, accepted)
    changes: Optional[Changes] = None
    if options.against:
        earlier = read_matrix(options.against, current, accepts, accepted)
        changes = compare_runs.compare(found, earlier, str(options.against), accepts, options.allow_stale)
    names = tuple(options.cells.split(":")) if options.cells else compare_runs.default_pair(found)
    pair = compare_runs.cell_against_cell(found, *names) if names else None
    judged = verdict.judge(found, changes, pair)
    status, reasons = verdict.status(judged, asked)
    matrix: Matrix = {**judged, "status": status, "status_reasons": reasons, "jobs": dict(asked.jobs)}
    jsonschema.validate(matrix, schema())
    out = options.out or reports
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
    print(f"page: {text.printable(str(out / 'index.html'))}")
    if unavailable := words.unavailable_line(matrix):  # last, where plain `nox` ends
        print(unavailable)
    return status


def judge(folders: list[Path], table: Table) -> Judged:
    """The matrix of these folders, judged as the report does, with the table's own known failures.

    Raises:
        ValueError: the file of known failures, or of accepted codegen changes, is malformed.
    """
    current = Current(table, str(folders[0]))
    return verdict.judge(build(folders, current, known.load(table.known, table.cells), table.accepted))


def build(folders: list[Path], current: Current, accepts: known.Known, accepted: Path) -> Found:
    """The matrix of these folders, not yet judged. A first folder that does not exist is an empty one."""
    kept = [folder for position, folder in enumerate(folders) if position or folder.is_dir()]
    return merge.build(reading.read(kept), current, accepts, accepted)


def read_matrix(path: Path, current: Current, accepts: known.Known, accepted: Path) -> Union[Found, Matrix]:
    """An earlier run: its ``matrix.json``, or a folder of evidence files.

    Raises:
        ValueError: no such path, or not a matrix of a schema this report knows; names the path.
    """
    if path.is_dir():
        if (path / file_names.MATRIX).is_file():
            return read_matrix(path / file_names.MATRIX, current, accepts, accepted)
        found = build([path], current, accepts, accepted)
        ran = any(cell["levels"] for cell in found["cells"].values())
        if not ran and not found["codegen"]["releases"] and not found["benches"]:
            raise ValueError(f"--against {path} holds no results")
        return found
    try:
        matrix: Matrix = reading.load_json(path.read_text(encoding="utf-8"))
        jsonschema.validate(matrix, schema())
    except FileNotFoundError:
        raise ValueError(f"--against {path}: there is no such file or folder") from None
    except jsonschema.ValidationError as error:
        raise ValueError(f"--against {path} is no {merge.SCHEMA}: {error.json_path}: {error.message[:200]}") from None
    except ValueError as error:
        raise ValueError(f"--against {path} is not JSON: {error}") from None
    return matrix


@cache
def schema() -> dict[str, Any]:
    """The schema of ``matrix.json``."""
    return dict(json.loads(Path(__file__).with_name("matrix.schema.json").read_text(encoding="utf-8")))
