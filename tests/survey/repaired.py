"""Which launches interpreters compute as they are, and which with their executors repaired: ``repaired DIR ...``.

Each folder holds the launch files of a package, as `capture` writes them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from triton_matrix import values
from triton_matrix.base import cells, tables
from triton_matrix.environments import stamped
from triton_matrix.launches import launch_list
from triton_matrix.launches.launch_list import Launched
from triton_matrix.values.outcomes import Outcome
from triton_matrix.values.repairs import REPAIRS

Answers = Mapping[str, Mapping[str, Outcome]]  # release -> launch -> outcome


def main(argv: list[str]) -> int:
    """Exit status 0: told."""
    parser = argparse.ArgumentParser(prog="python -m survey.repaired", description=main.__doc__)
    add = parser.add_argument
    add("folders", nargs="+", type=Path, help="folders of launches")
    add("--envs", type=Path, default=Path(".nox/codegen"), help="folder of the releases' environments")
    add("--root", type=Path, default=Path.cwd(), help="the repo root (default: the current folder)")
    add("--triton", metavar="A,B,...", help="only these releases")
    add("--seconds", type=float, default=4.0, help="a launch may take so long")
    options = parser.parse_args(argv)
    releases = cells.load(options.root / "constraints" / "cells.toml").releases
    chosen = [releases[name] for name in options.triton.split(",")] if options.triton else [*releases.values()]
    pythons = {row.triton: str(stamped.of_release(row, (), options.envs.resolve())) for row in chosen}
    torch = {row.triton: row.torch for row in chosen}
    rows = []
    for folder in options.folders:
        launches = [each for each in launch_list.of_files([folder]) if not each.refused]
        asked = [each.asked for each in launches]
        said = []
        for without in ([repair.row.name for repair in REPAIRS], []):
            with tempfile.TemporaryDirectory() as scratch:
                found = values.compute(
                    pythons, asked, Path(scratch), torch=torch, seconds=options.seconds, without=without
                )
            said.append(found)
        rows.append([folder.name, len(asked), *_shares(launches, *said)])
        print(tables.render(["package", "launches", "as they are", "repaired"], rows[-1:], markdown=True), flush=True)
        for reason, count in _reasons(said[1]).most_common(12):
            print(f"    {count} {reason}")
    print(tables.render(["package", "launches", "as they are", "repaired"], rows, markdown=True))
    return 0


def _shares(launches: Sequence[Launched], *said: Answers) -> Iterator[str]:
    """How many launches at least two releases compute: then something can be judged; and how many of all answers."""
    for found in said:
        there = [sum(rows[each.label].status == "computed" for rows in found.values()) for each in launches]
        yield f"{sum(count > 1 for count in there)} ({sum(there)} of {len(launches) * len(found)})"


def _reasons(found: Answers) -> Counter[str]:
    return Counter(
        f"{outcome.status}: {outcome.row['reason'][:140]}"
        for rows in found.values()
        for outcome in rows.values()
        if outcome.status != "computed"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
