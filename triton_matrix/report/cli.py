"""``report``: the evidence files become a table, a Markdown summary, a page and ``reports/matrix.json``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ..base import cells, commands

NEEDS = ("jinja2", "jsonschema", "rich")
OLDEST_PYTHON = (3, 11)


@commands.exit_status("report", {OSError: 2})
def main(argv: list[str]) -> int:
    """Merge evidence files into one answer: what works where, what changed, since which Triton.

    Writes matrix.json, summary.md and index.html into the reports folder and prints a table. Exit status: 0 all passed;
    1 a cell failed or regressed; 2 the question could not be answered.
    """
    options = _parser().parse_args(argv)
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing or sys.version_info < OLDEST_PYTHON:
        here = f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}"
        lacks = f" and lacks {', '.join(missing)}" if missing else ""
        raise ValueError(f"it needs Python 3.11 and {', '.join(NEEDS)}; {here}{lacks}")
    from .answer import answer

    return answer(options)


def _pair(text: str) -> str:
    if text.count(":") != 1:
        raise argparse.ArgumentTypeError(f"{text!r}; it is CELL:CELL")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix report", description=main.__doc__)
    add: Any = parser.add_argument
    cells.add_root(parser)
    add("--reports", type=Path, help="the evidence (default: reports/ in the repo root)")
    add("--add", type=Path, action="append", default=[], metavar="DIR", help="evidence of another machine; repeatable")
    add("--against", type=Path, metavar="WHAT", help="an earlier run: its matrix.json, its evidence, or its commit")
    add("--cells", type=_pair, metavar="CELL:CELL", help="cells to hold against each other (default: oldest:newest)")
    what = "CELL:LEVEL[@PLATFORM]"
    add("--require", action="append", default=[], metavar=what, help="an error where no test of it ran; repeatable")
    forms = f"{what}|CELL:bench[@PLATFORM]|codegen[:RELEASE]"
    add("--expect", action="append", default=[], metavar=forms, help="an error where it left nothing; repeatable")
    add("--job", action="append", default=[], metavar="NAME=RESULT", help="how a job of CI ended; repeatable")
    add("--allow-stale", action="store_true", help="a result of other sources than the checkout has now counts too")
    add("--known", type=Path, help="accepted failures (default: tests/known.toml)")
    add("--accepted", type=Path, help="accepted codegen changes (default: tests/atlas/accepted.toml)")
    add("--out", type=Path, help="where matrix.json, summary.md and index.html go (default: the reports folder)")
    return parser
