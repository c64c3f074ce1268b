"""The verb ``values``: what launches compute in every Triton release, in its interpreter, with no GPU and no torch."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ..base import cells, commands, compiler_variables, locks, versions
from ..base.commands import UNAVAILABLE
from ..base.reads import Reads
from ..codegen import accepted
from ..environments import stamped
from ..evidence import atlas_file, schemas
from ..evidence.atlas_file import INTERPRETER
from ..launches import launch_list
from ..launches.launch_list import Launched
from . import value_runs
from .codegen_cli import add_naming_options, rows_of, table_of
from .run_file import declare
from .summary import Told, tell_problems
from .values_summary import report

NO_LAUNCH = "values: no launch of the package's atlas has a grid and values; [package] values = false says so"
MOST, SECONDS = 64, 10.0  # programs of a launch, and what they may take together


@commands.exit_status("values")
def main(argv: list[str]) -> int:
    """Exit status 0; 1: values differ, or a launch does not run where it did; 2: cannot ask, or compared nothing.

    A release that this machine cannot provide makes it 1; with --cells, where plain ``nox`` goes on without it, 3.
    """
    options = _parser().parse_args(argv)
    table = table_of(options)
    rows = rows_of(options, table)
    if not options.launches and not table.package.atlas:
        raise ValueError(f"{table.path.name} [package] names no atlas, and no launch was given; see docs/values.md")
    for name in ("most", "seconds"):
        if not getattr(options, name) > (1 if name == "most" else 0):
            raise ValueError(f"--{name} is {getattr(options, name)}; allowed is a number above {int(name == 'most')}")
    if not rows:
        print("values: no cell pins a release of Triton", file=sys.stderr)
        return UNAVAILABLE
    launches, read = _launches(options, table, rows)
    if not launches:
        print(NO_LAUNCH, file=sys.stderr)
        return UNAVAILABLE if options.cells else 2
    out = table.reports / "values"
    out = out / "launches" / options.launches[0].resolve().stem if options.launches else out
    root = options.launches[0].resolve() if options.launches else table.root
    request = value_runs.Request(
        launches=launches,
        read=read,
        root=root if root.is_dir() else root.parent,
        of_launches=bool(options.launches),
        envs=(options.envs or table.root / ".nox" / "codegen").resolve(),
        out=(options.out or out).resolve(),
        extra=tuple(options.with_),
        no_cache=options.no_cache,
        settings={"most": options.most, "seconds": options.seconds, "source_root": options.source_root},
    )
    if request.of_launches and request.out == table.reports / "values":
        raise ValueError(f"--out is {str(request.out)!r}, the folder of the package's own launches; name another one")
    has_entries = table.accepted.is_file() and not request.of_launches
    entries = accepted.read(table.accepted) if has_entries else []
    reasons = accepted.reasons_of(options.accept or [])
    commands.uv()
    with locks.held(request.out / ".values.lock", f"the values in {request.out}"):
        variables = compiler_variables.left_out(os.environ)
        if variables:
            print(f"values: {variables}", file=sys.stderr)
        start = time.perf_counter()
        whole = not (options.triton or options.from_ or options.python or options.cells)
        of_launches = request.of_launches
        declared = declare(request.out, rows, [INTERPRETER], table, of_launches=of_launches, whole=whole, verb="values")
        outcomes = value_runs.run(rows, request, options.jobs, declared)
        declared.close()
        told = Told(outcomes, time.perf_counter() - start, options.markdown, list(table.releases))
        atlases = [atlas_file.read(each.path, schemas.VALUES) for each in outcomes if not each.problem]
        if not atlases:
            tell_problems(outcomes, "values")
            return told.without_answer(options.cells)
        status = report(told, atlases, entries, table.accepted if reasons else None, reasons)
    tell_problems(outcomes, "values")
    return told.with_answers(status, options.cells)


def _launches(
    options: argparse.Namespace, table: cells.Table, rows: Sequence[cells.Release]
) -> tuple[list[Launched], Reads]:
    """The launches that are asked about, and what a hook that gives them reads."""
    folder = table.root / str(table.package.atlas)
    if options.launches or folder.is_dir():
        return launch_list.of_files(options.launches or [folder]), {}
    envs = options.envs or table.root / ".nox" / "codegen"
    for row in sorted(rows, key=lambda row: versions.order(row.name), reverse=True):
        try:
            python = stamped.of_release(row, tuple(options.with_), envs.resolve())
        except commands.ToolError:  # the run says so of each release
            continue
        with tempfile.TemporaryDirectory() as scratch:
            return launch_list.of_hook(str(table.package.atlas), table.root, str(python), Path(scratch))
    raise ValueError(f"atlas is {table.package.atlas!r}, which no release here can be asked for")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix values",
        description="Compute launches in the interpreter of every released Triton; say where their values differ.",
    )
    add = parser.add_argument
    add(
        "launches", nargs="*", type=Path, metavar="DIR_OR_FILE", help="launches (default: those of the package's atlas)"
    )
    add_naming_options(parser)
    add("--cells", action="store_true", help="only the releases of the table's cells")
    add("--most", type=int, default=MOST, metavar="N", help=f"of a larger grid, run N programs (default: {MOST})")
    add(
        "--seconds", type=float, default=SECONDS, metavar="S", help="a launch may take so long; then fewer programs run"
    )
    add("--source-root", type=Path, metavar="DIR", help="where the kernels' absolute imports start (default: found)")
    add(
        "--accept",
        action="append",
        metavar="CAUSE=REASON",
        help="write what differs into the accepted file; causes: run, values",
    )
    add("--out", type=Path, metavar="DIR", help="folder of the results (default: reports/values)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="releases side by side")
    add("--no-cache", action="store_true", help="compute everything again")
    add("--markdown", action="store_true", help="print Markdown tables")
    cells.add_root(parser)
    return parser
