"""``lint``: check kernel sources for what breaks on a Triton that the package supports."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Optional

from ..base import cells, commands
from . import baseline, kernels, output, portable
from .source import ADVICE, RULES


@commands.exit_status("lint")
def main(argv: list[str]) -> int:
    """Check kernel sources for what breaks on a Triton that the package supports.

    Exit status 0 nothing new, 1 findings, 2 unreadable input, or a file that was not checked. Rules are
    compile-option-parameter, not-portable, not-interpreted and, as advice, num-warps-not-passed. A comment on a line or
    above it allows one there: # lint: allow RULE (why).
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix lint", description=main.__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a Python file, or a folder of them")
    oldest = "the oldest Triton that the package supports; by default that of the table found from here up, or 2.3.1"
    parser.add_argument("--oldest", metavar="RELEASE", help=oldest)
    parser.add_argument("--newest", metavar="RELEASE", help="the newest that it supports; by default the newest known")
    backend = "a backend that the package supports; by default those of the table's cells, or both; may be repeated"
    parser.add_argument("--backend", action="append", choices=portable.BACKENDS, help=backend)
    parser.add_argument("--advice", action="store_true", help="say what breaks nothing too: num-warps-not-passed")
    parser.add_argument("--rule", action="append", choices=RULES, help="look for this rule only; may be repeated")
    parser.add_argument("--format", choices=sorted(output.FORMATS), default="text", help="text by default")
    parser.add_argument("--all", action="store_true", help="in text, name every place of a cause")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--baseline", type=Path, metavar="FILE", help="do not report what this file knows")
    known.add_argument("--write-baseline", type=Path, metavar="FILE", help="write the findings as what is known")
    known.add_argument("--launches", action="store_true", help="list the launches that are seen, and check nothing")
    options = parser.parse_args(argv)
    if options.launches:
        for launch in kernels.seen_launches(options.paths):
            print(launch)
        return 0
    table = _table()
    first = next(iter(table.releases), None) if table else None
    backends = tuple(options.backend or _backends_of(table))
    findings, unread = kernels.check(
        options.paths, portable.language(options.oldest or first, options.newest, backends)
    )
    rules = options.rule or [rule for rule in RULES if options.advice or rule not in ADVICE]
    advice = [item for item in findings if item.rule in ADVICE and item.rule not in rules]
    findings = [item for item in findings if item.rule in rules]
    if unread and options.write_baseline:
        raise ValueError(unread[0])
    if options.write_baseline:
        entries = baseline.write(options.write_baseline, findings)
        print(f"{options.write_baseline}: {len(findings)} findings in {entries} entries")
        return 0
    gone: list[str] = []
    if options.baseline:
        ours = baseline.read(options.baseline)
        asked = {key: count for key, count in ours.items() if key[1] in rules}
        findings, gone = baseline.split(findings, type(ours)(asked), options.baseline)
    said = output.FORMATS[options.format](findings, gone, options.all)
    if said:
        print(said)
    if advice and options.format == "text":
        print(f"and {len(advice)} launches without num_warps, which is advice: --advice names them")
    for sentence in unread:
        print(f"lint: not checked: {sentence}", file=sys.stderr)
    return 2 if unread else 1 if findings else 0


def _table() -> Optional[cells.Table]:
    """The table at or above the current folder; None where there is none."""
    try:
        return cells.load_at(cells.find_root())
    except ValueError:
        return None


def _backends_of(table: Optional[cells.Table]) -> list[str]:
    """Those that a cell of the table runs on; all of them where there is no table."""
    platforms = {platform for cell in table.cells.values() for platform in cell.platforms} if table else set()
    named = {"cuda": "cuda", "rocm": "hip"}
    return [named[platform] for platform in named if platform in platforms] or list(portable.BACKENDS)
