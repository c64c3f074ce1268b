"""The verb ``codegen``: the atlas, or a launch file, in every Triton release, each in an environment of its own.

Standard library and uv only, so that it runs in whatever Python runs nox. What it calls inside an environment is the
verb ``compile`` of this same package.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, compiler_variables, locks, targets, tritons, versions
from ..base.commands import UNAVAILABLE
from ..codegen import accepted
from ..codegen.cli import add_loading_options, settings_of, target_names
from ..environments import stamped
from ..evidence import atlas_file, file_names
from ..launches import launch_file
from .compile_runs import Outcome
from .compile_runs import Request as Request
from .compile_runs import run as run
from .run_file import declare
from .summary import Told, accept, report_atlas, report_launches, report_pair, tell_problems

OF_CELLS = ("cuda:90", "hip:gfx942")  # a GPU of each platform, for plain `nox`


@commands.exit_status("codegen")
def main(argv: list[str]) -> int:
    """Exit status 0; 1: something is worse and not accepted, or a release fails; 2: cannot ask, or compared nothing.

    A release that this machine cannot provide makes it 1; with --cells, where plain ``nox`` goes on without it, 3.
    """
    options = _parser().parse_args(argv)
    table = table_of(options)
    rows = rows_of(options, table)
    if not rows:
        print(f"codegen: no cell of {table.path.name} pins a release of Triton", file=sys.stderr)
        return UNAVAILABLE
    names = tuple(target_names(options.target or (list(OF_CELLS) if options.cells else None)))
    launches = options.launches and options.launches.resolve()
    accepted_path = options.accepted or table.accepted
    if not launches and not table.package.atlas:
        raise ValueError(f"{table.path.name} [package] names no atlas; give --launches, or see docs/adopt.md")
    if launches:
        for file in launch_file.files_of(launches):
            content = launch_file.read(file)
            launch_file.expand(content, [names[0]])
            for remark in launch_file.remarks(content):
                print(f"{file.name}: {remark}", file=sys.stderr)
    has_entries = options.accepted or accepted_path.is_file()  # a package may have accepted nothing
    entries = accepted.read(accepted_path) if has_entries and not launches else []
    for entry in entries:
        if not {versions.plain(entry.from_), versions.plain(entry.to)} <= set(table.releases):
            known = ", ".join(table.releases)
            raise ValueError(f"{accepted_path.name} accepts {entry}; the table's releases are {known}: remove it")
    reasons = accepted.reasons_of(options.accept or [])
    reports = (table.reports / "codegen").resolve()
    request = Request(
        launches=launches,
        atlas=table.package.atlas,
        root=table.root,
        names=names,
        extra=tuple(options.with_),
        envs=(options.envs or table.root / ".nox" / "codegen").resolve(),
        out=(options.out or (reports / "launches" / launches.stem if launches else reports)).resolve(),
        no_cache=options.no_cache,
        settings=settings_of(options, None),
    )
    if launches and request.out == reports:
        raise ValueError(f"--out is {str(reports)!r}, the folder of the package's atlas; name another one for launches")
    commands.uv()
    with locks.held(request.out / ".codegen.lock", f"the atlas in {request.out}"):
        variables = compiler_variables.left_out(os.environ)
        if variables:
            print(f"codegen: {variables}", file=sys.stderr)
        start = time.perf_counter()
        outcomes = _declared_run(rows, request, options, table)
        told = Told(outcomes, time.perf_counter() - start, options.markdown, list(table.releases))
        return _compared(rows, request, options, told, entries, reasons, table)


def _declared_run(
    rows: list[cells.Release], request: Request, options: argparse.Namespace, table: cells.Table
) -> list[Outcome]:
    """Ask the releases, in a run that says so before it begins and is closed when all have ended."""
    whole = not (is_chosen(options) or options.cells or options.target)
    of_launches = request.launches is not None
    declared = declare(request.out, rows, request.names, table, of_launches=of_launches, whole=whole)
    outcomes = run(rows, request, options.jobs, declared)
    declared.close()
    return outcomes


def _compared(
    rows: list[cells.Release],
    request: Request,
    options: argparse.Namespace,
    told: Told,
    entries: list[accepted.Accepted],
    reasons: dict[str, str],
    table: cells.Table,
) -> int:
    """Say what the releases answer; nobody else writes to the folder meanwhile."""
    atlases = [atlas_file.read(outcome.path) for outcome in told.outcomes if not outcome.problem]
    if not atlases:
        tell_problems(told.outcomes)
        return told.without_answer(options.cells)
    if all(item["status"] == "n/a" for atlas in atlases for item in atlas["entries"]):
        reasons_ = dict.fromkeys(item["reason"] for atlas in atlases for item in atlas["entries"])
        raise ValueError("\n".join(["every configuration is n/a in every release that was asked", *reasons_]))
    judged = accepted.of_compiled(entries, [item for atlas in atlases for item in atlas["entries"]])
    if options.from_ and len(atlases) == 2:
        return report_pair(atlases[0], atlases[-1], judged, options.markdown)
    if request.launches or options.from_:
        status = report_launches(told, atlases)
    else:
        if reasons:
            whole = not (is_chosen(options) or options.cells) and len(atlases) == len(rows)
            entries = accept(atlases, entries, reasons, whole)
            accepted.write(options.accepted or table.accepted, entries)
            judged = accepted.of_compiled(entries, [item for atlas in atlases for item in atlas["entries"]])
        of_all = set(request.names) >= set(targets.DEFAULT) and not is_chosen(options)
        summary = request.out / file_names.SUMMARY if of_all else None
        status = report_atlas(told, atlases, judged, summary, table.pinned)
    tell_problems(told.outcomes)
    return told.with_answers(status, options.cells)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix codegen",
        description="Compile the package's kernels, or a launch file's, with every released Triton; say what changed.",
    )
    parser.add_argument(
        "--launches", type=Path, metavar="PATH", help="what this file, or each *.toml of a folder, says"
    )
    add_naming_options(parser)
    tritons.add_variant(parser)
    parser.add_argument(
        "--cells",
        action="store_true",
        help=f"only the releases of the table's cells, for {' and '.join(OF_CELLS)} unless --target says otherwise",
    )
    parser.add_argument("--target", action="append", metavar="TARGET", help=targets.HELP)
    parser.add_argument("--accepted", type=Path, metavar="FILE", help="default: tests/atlas/accepted.toml")
    parser.add_argument(
        "--accept",
        action="append",
        metavar="CAUSE=REASON",
        help=f"write what got worse into the accepted file, with this reason; causes: {', '.join(accepted.CAUSES)}",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: reports/codegen)")
    add_loading_options(parser)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="releases side by side")
    parser.add_argument("--no-cache", action="store_true", help="compile everything again")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    cells.add_root(parser)
    return parser


def add_naming_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which Tritons are asked, and in which environments."""
    add = parser.add_argument
    add("--triton", metavar="A,B,...", help="only these: releases, the table's or others, PATH.whl, or NAME==VERSION")
    add("--index", metavar="URL", help="the only index that those named may come from")
    add("--python", metavar="VERSION", help="in this Python, each as a column of its own; 3.14t has no GIL")
    add("--from", dest="from_", metavar="A", help="compare two: from this one ...")
    add("--to", metavar="B", help="... to that one; an earlier one judges a downgrade")
    add("--with", dest="with_", action="append", default=[], metavar="REQUIREMENT", help="install this too")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/codegen)")


def is_chosen(options: argparse.Namespace) -> bool:
    """Whether it is said which Tritons are asked, so that they are not all."""
    return bool(options.triton or options.from_ or options.python or getattr(options, "variant", None))


def table_of(options: argparse.Namespace) -> cells.Table:
    """The checkout's table, with the Tritons that --triton, --from and --to name beside those of its own.

    The options hold the names of columns afterwards.

    Raises:
        ValueError: as of ``cells.load_at`` and ``tritons.row``, or a release that the index does not have.
    """
    table = cells.load_at(options.root)
    texts = [text for text in [*(options.triton or "").split(","), options.from_, options.to] if text]
    if options.index and not texts:
        raise ValueError("--index says where what --triton, --from and --to name comes from; give one of these too")
    named = {text: tritons.row(table, text, options.index) for text in texts}
    if options.triton:
        options.triton = ",".join(named[text].name for text in options.triton.split(",") if text)
    options.from_, options.to = (text and named[text].name for text in (options.from_, options.to))
    fresh = {text: row for text, row in named.items() if row.name not in table.releases}
    for text, row in fresh.items():
        alike = [other for other, each in named.items() if each.name == row.name and each != row]
        if alike:
            raise ValueError(
                f"triton is {text!r} and {alike[0]!r}, which are both called {row.name}; ask one at a time"
            )
    _check_there(fresh.values(), options, table)
    return tritons.with_rows(table, named.values())


def _check_there(rows: Iterable[cells.Release], options: argparse.Namespace, table: cells.Table) -> None:
    """Raise stamped.NoSuchRelease for what no index has; what this machine cannot provide is told with the others."""
    envs = (options.envs or table.root / ".nox" / "codegen").resolve()
    for row in rows:
        asked = tritons.in_python(row, options.python) if options.python else row
        try:
            commands.uv()
            stamped.of_release(asked or row, tuple(options.with_), envs)
        except stamped.NoSuchRelease:
            raise
        except (commands.ToolError, ValueError):
            continue


def rows_of(options: argparse.Namespace, table: cells.Table) -> list[cells.Release]:
    """The rows that --triton, --from and --to ask for; with --cells those of them that a cell pins, maybe none.

    With --python they are of that Python, with --variant each stands beside itself under the switches; where no Triton
    is named, that is the newest.

    Raises:
        ValueError: as of :func:`choose`, :func:`tritons.in_python` and :func:`tritons.variants`.
    """
    rows = choose(table.releases, options.triton, options.from_, options.to)
    rows = [row for row in rows if not options.cells or row.triton in table.pinned]
    rows = _in_python(rows, options.python) if options.python else rows
    switches = tritons.variants(table, getattr(options, "variant", []))
    if not switches:
        return rows
    if options.from_:
        raise ValueError("--variant compares a Triton with itself, and --from and --to two; give one of the two")
    rows = rows if options.triton or options.cells else rows[-1:]
    return [each for row in rows for each in (row, *(tritons.under(row, switch) for switch in switches))]


def _in_python(rows: list[cells.Release], python: str) -> list[cells.Release]:
    by_name = {row.name: tritons.in_python(row, python) for row in rows}
    lacking = [name for name, row in by_name.items() if row is None]
    said = f"triton {', '.join(lacking)}: there are no wheels for Python {python}"
    if lacking and len(lacking) == len(by_name):
        raise ValueError(f"--python is {python!r}; {said}")
    if lacking:
        print(f"not asked: {said}", file=sys.stderr)
    return [row for row in by_name.values() if row is not None]


def choose(rows: Any, named: Optional[str], from_: Optional[str], to: Optional[str]) -> list[cells.Release]:
    """The rows asked for: ``from_`` and ``to`` as they are named, which may be a downgrade, else the oldest first.

    Raises:
        ValueError: ends that are not two.
    """
    if bool(from_) != bool(to):
        raise ValueError("--from and --to go together")
    if from_ and named:
        raise ValueError("--triton names releases, and so do --from and --to; give one of the two")
    wanted = [str(from_), str(to)] if from_ else named.split(",") if named else list(rows)
    if from_ and from_ == to:
        raise ValueError(f"--from and --to are both {from_}; they are two releases")
    return [rows[version] for version in (wanted if from_ else rows) if version in wanted]
