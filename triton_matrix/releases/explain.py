"""The verb ``explain``: at which stage of the compiler a change between two Triton releases enters.

Both releases compile the kernel, and each finishes what the other left of every stage: that proves where the change is
made. docs/explain.md shows answers.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, files, targets, tritons
from ..environments import stamped
from ..evidence import toolchain
from .codegen_cli import choose
from .explaining import compiling, judging, telling


@commands.exit_status("explain")
def main(argv: list[str]) -> int:
    """Say at which stage of the compiler a change between two Triton releases enters.

    Exit status 0: it is said. 1: the two do not differ, or a tool failed. 2: it cannot be asked.
    """
    options = _parser().parse_args(argv)
    table = cells.load_at(options.root)
    rows = [tritons.row(table, text) for text in (options.from_, options.to)]
    choose({row.name: row for row in rows}, None, rows[0].name, rows[1].name)
    asked, imported = request(options, table)
    envs = (options.envs or table.root / ".nox" / "codegen").resolve()
    commands.uv()
    pythons = {row.name: stamped.of_release(row, tuple(options.with_), envs) for row in rows}
    with tempfile.TemporaryDirectory(prefix="triton-matrix-explain-") as scratch:
        folder = options.keep or Path(scratch)
        try:
            both, metric, verdict = explained(asked, pythons, folder.resolve(), imported, options.metric)
        except judging.NoChange as problem:
            print(f"triton {rows[0].name} and {rows[1].name} do not differ: {problem}")
            return 1
        document = telling.document(both, metric, verdict, toolchain.now())
        out = options.json or table.reports / "explain" / f"{file_name(document)}.json"
        files.write_json(out, document)
        print(telling.render(both, metric, verdict, options.markdown))
    return 0


def explained(
    asked: Mapping[str, Any],
    pythons: Mapping[str, Path],
    folder: Path,
    imported: Optional[Path] = None,
    metric: Optional[str] = None,
) -> tuple[compiling.Both, str, judging.Verdict]:
    """Compile, swap and judge. Arguments are those of :func:`compiling.compile_both`.

    Raises:
        judging.NoChange: the two releases do not differ.
        ValueError, commands.ToolError: as of ``compile_both`` and ``choose_metric``.
    """
    both = compiling.compile_both(asked, pythons, folder, imported)
    before, after = both.own.items()
    try:
        looked_at = judging.choose_metric(before[1], after[1], metric)
    except judging.NoChange as problem:
        raise judging.NoChange("; ".join(filter(None, [str(problem), telling.own_source(both)]))) from None
    backend = str(both.configuration["target"]).partition(":")[0]
    same, stops = compiling.same_stages(both), compiling.stops(both)
    return both, looked_at, judging.judge(backend, looked_at, before, after, both.swaps, same, stops)


def request(options: argparse.Namespace, table: cells.Table) -> tuple[dict[str, Any], Optional[Path]]:
    """What ``codegen.stages`` is asked, and the folder that the kernel is imported from.

    Raises:
        ValueError: no such target or launch file, or nothing names a kernel.
    """
    target = targets.parse(options.target).name
    file = options.launches or (Path(options.kernel) if options.kernel and options.kernel.endswith(".toml") else None)
    if file is not None:
        if not file.is_file():
            raise ValueError(f"there is no launch file {file}")
        label = options.kernel if options.launches else options.label
        return {"launches": str(file.resolve()), "target": target, "label": label}, None
    if not options.kernel:
        raise ValueError("name a KERNEL of the atlas or give --launches FILE.toml")
    if not table.package.atlas:
        raise ValueError(f"{table.path.name} [package] names no atlas; give --launches")
    label = options.label or options.kernel.removesuffix(f" {target}")
    asked = {"atlas": table.package.atlas, "root": str(table.root), "target": target, "label": label}
    return asked, table.root


def file_name(document: Mapping[str, Any]) -> str:
    """A name for the answer's file: what was asked, in letters that every file system takes."""
    parts = [document["configuration"]["label"], document["configuration"]["target"], document["from"], document["to"]]
    return "-".join(
        "".join(letter if letter.isalnum() or letter in "._=" else "_" for letter in part) for part in parts
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix explain", description=main.__doc__)
    add = parser.add_argument
    add("kernel", nargs="?", metavar="KERNEL_OR_LAUNCH", help="a label or id of the atlas, or a launch file FILE.toml")
    add(
        "--launches",
        type=Path,
        metavar="FILE.toml",
        help="the launch; KERNEL then names one of its configurations",
    )
    add("--label", metavar="LABEL", help="which of several configurations")
    add("--target", required=True, metavar="TARGET", help=f"of {', '.join(targets.TARGETS)}")
    add("--from", dest="from_", required=True, metavar="A", help="the earlier release")
    add("--to", required=True, metavar="B", help="the later one")
    add("--metric", help="what to look at (default: what got worse in the most telling way)")
    add("--with", dest="with_", action="append", default=[], metavar="REQUIREMENT", help="install this too")
    add("--json", type=Path, metavar="FILE", help="default: reports/explain/<what was asked>.json")
    add("--keep", type=Path, metavar="DIR", help="leave every stage's text here")
    add("--markdown", action="store_true", help="print Markdown tables")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/codegen)")
    cells.add_root(parser)
    return parser
