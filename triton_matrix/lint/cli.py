"""``lint``: check kernel sources for what breaks on a Triton that the package supports."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Optional

from ..base import cells, commands
from . import baseline, kernels, output
from .source import RULES


@commands.exit_status("lint")
def main(argv: list[str]) -> int:
    """Check kernel sources for what breaks on a Triton that the package supports.

    Exit status 0 nothing new, 1 findings, 2 unreadable input. Rules are compile-option-parameter, not-portable,
    not-interpreted and num-warps-not-passed. A comment on a line or above it allows one there:
    # lint: allow RULE (why).
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix lint", description=main.__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a Python file, or a folder of them")
    oldest = "the oldest Triton that the package supports; by default that of the table found from here up, or 2.3.1"
    parser.add_argument("--oldest", metavar="RELEASE", help=oldest)
    parser.add_argument("--newest", metavar="RELEASE", help="the newest that it supports; by default the newest known")
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
    found = kernels.check(options.paths, options.oldest or _oldest_of_table(), options.newest)
    found = [item for item in found if item.rule in (options.rule or RULES)]
    if options.write_baseline:
        entries = baseline.write(options.write_baseline, found)
        print(f"{options.write_baseline}: {len(found)} findings in {entries} entries")
        return 0
    gone: list[str] = []
    if options.baseline:
        ours = baseline.read(options.baseline)
        asked = {key: count for key, count in ours.items() if key[1] in (options.rule or RULES)}
        found, gone = baseline.split(found, type(ours)(asked), options.baseline)
    said = output.FORMATS[options.format](found, gone, options.all)
    if said:
        print(said)
    return 1 if found else 0


def _oldest_of_table() -> Optional[str]:
    """The oldest release of the table at or above the current folder; None where there is no table."""
    try:
        root = cells.find_root()
    except ValueError:
        return None
    return next(iter(cells.load_at(root).releases), None)
