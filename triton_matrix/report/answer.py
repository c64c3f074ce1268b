"""From the options of the verb to the three files and the table."""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from ..base import files, text
from ..base.cells import Table, load_at
from ..base.terms import LEVELS
from ..evidence import reading
from . import atlas, compare_runs, markdown, merge, page, terminal, verdict
from .current import Current


def answer(options: argparse.Namespace) -> int:
    """Do what the options of ``cli`` ask for; returns the exit status."""
    try:
        required = [_cell_and_level(item) for item in options.require]
        table = load_at(options.root)
        for cell, _ in required:
            table.cell(reading.table_cell(cell))
        reports = options.reports or table.root / "reports"
        known = verdict.load_known(options.known or table.known)
        accepted = options.accepted or table.accepted
        current = Current(table, str(reports), options.allow_stale)
        matrix = build([reports, *options.add], current, known, accepted)
        if options.against:
            earlier = read_matrix(options.against, current, known, accepted)
            matrix["changes"] = compare_runs.compare(matrix, earlier, str(options.against), known)
            matrix["changes"]["codegen"] = atlas.run_against_run(matrix["codegen"], earlier["codegen"])
        pair = tuple(options.cells.split(":")) if options.cells else compare_runs.default_pair(matrix)
        if pair:
            matrix["cell_against_cell"] = compare_runs.cell_against_cell(matrix, *pair)
    except (ValueError, OSError) as error:
        print(f"report: {text.clean(str(error))}", file=sys.stderr)
        return verdict.CANNOT_SAY
    verdict.judge(matrix)
    matrix["status"], matrix["status_reasons"] = verdict.status(matrix, required, options.allow_stale)
    jsonschema.validate(matrix, schema())
    out = options.out or reports
    terminal.show(matrix)
    try:
        content = json.dumps(matrix, separators=(",", ":"), sort_keys=True, allow_nan=False)
        files.write_text(out / "matrix.json", content + "\n")
        files.write_text(out / "summary.md", markdown.render(matrix))
        files.write_text(out / "index.html", page.render(matrix, out))
    except OSError as error:
        print(f"report: {error.filename or out} cannot be written: {error.strerror}", file=sys.stderr)
        return verdict.CANNOT_SAY
    print(f"page: {text.printable(str(out / 'index.html'))}")
    return int(matrix["status"])


def judged(folders: list[Path], table: Table) -> dict[str, Any]:
    """The matrix of these folders, judged as the report does, with the table's own known failures.

    Raises:
        ValueError: the file of known failures, or of accepted codegen changes, is malformed.
    """
    current = Current(table, str(folders[0]))
    matrix = build(folders, current, verdict.load_known(table.known), table.accepted)
    verdict.judge(matrix)
    return matrix


def build(folders: list[Path], current: Current, known: verdict.Known, accepted: Path) -> dict[str, Any]:
    """The matrix of these folders, not yet judged. A first folder that does not exist is an empty one."""
    kept = [folder for position, folder in enumerate(folders) if position or folder.is_dir()]
    matrix = merge.build(reading.read(kept), current, known)
    atlas.add_changes(matrix["codegen"], accepted)
    return {**matrix, "changes": None, "cell_against_cell": None, "status": 0, "status_reasons": []}


def read_matrix(path: Path, current: Current, known: verdict.Known, accepted: Path) -> dict[str, Any]:
    """An earlier run: its ``matrix.json``, or a folder of evidence files.

    Raises:
        ValueError: no such path, or not a matrix of a schema this report knows; names the path.
    """
    if path.is_dir():
        if (path / "matrix.json").is_file():
            return read_matrix(path / "matrix.json", current, known, accepted)
        found = build([path], current, known, accepted)
        if not any(cell["levels"] for cell in found["cells"].values()) and not found["codegen"]["releases"]:
            raise ValueError(f"--against {path} holds no results")
        return found
    try:
        found = reading.load_json(path.read_text(encoding="utf-8"))
        jsonschema.validate(found, schema())
    except FileNotFoundError:
        raise ValueError(f"--against {path}: there is no such file or folder") from None
    except jsonschema.ValidationError as error:
        raise ValueError(f"--against {path} is no {merge.SCHEMA}: {error.json_path}: {error.message[:200]}") from None
    except ValueError as error:
        raise ValueError(f"--against {path} is not JSON: {error}") from None
    return dict(found)


@cache
def schema() -> dict[str, Any]:
    """The schema of ``matrix.json``."""
    return dict(json.loads(Path(__file__).with_name("matrix.schema.json").read_text(encoding="utf-8")))


def _cell_and_level(text: str) -> tuple[str, str]:
    cell, _, level = text.rpartition(":")
    if not cell or level not in LEVELS:
        raise ValueError(f"--require {text!r}: it is CELL:LEVEL, with a level of {', '.join(LEVELS)}")
    return cell, level
