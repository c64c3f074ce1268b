"""``sanitize``: a cell's kernels, or any launches, under each tool of compute-sanitizer."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional

from ...base import commands, compiler_variables, files, locks, patterns, sources, tables
from ...base.cells import Cell, Table, add_cell, load_at
from ...base.commands import UNAVAILABLE
from ...base.levels import SANITIZER
from ...evidence import installed, runs, toolchain, writing
from ...evidence.reading import NEEDS_GPU, NOT_APPLICABLE
from ...launches import launch_list
from ...suites import fit
from ...suites import run as suites
from . import choosing, filing, running, tools
from .running import Row, Watch

EACH = 3  # tests that are to launch a kernel
_PROBE = "import json; from triton_matrix.evidence import toolchain; print('gpus', json.dumps(toolchain.gpus()))"


@commands.exit_status("sanitize")
def main(argv: list[str]) -> int:
    """Run a cell's kernels under compute-sanitizer: memcheck, racecheck, synccheck and initcheck.

    What runs are a few tests of the cell's level device that reach each kernel, or the launches that are given, once.
    Exit status 0: no tool found an error. 1: one did. 2: one says nothing of the kernels, or the question cannot be
    asked. 3: there is no GPU here, or no compute-sanitizer.
    """
    options = _parser().parse_args(argv)
    table = load_at(options.root)
    cell = table.cell(options.cell)
    if not options.seconds > 0 or options.each < 1:
        raise ValueError(f"seconds is {options.seconds:g}, each {options.each}; both are above 0")
    patterns.compiled("tests", options.tests)
    chosen = tuple(dict.fromkeys(options.tool or tools.TOOLS))
    reports = files.as_given(options.reports or table.reports)
    folder = reports / cell.name
    if options.launches:
        folder = reports / SANITIZER / "launches" / options.launches[0].stem / cell.name
    with locks.held(folder.parent / f".{folder.name}.lock", f"the evidence {folder}"):
        return _Sanitizing(options, table, cell, folder, chosen).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix sanitize",
        description=main.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add_cell(parser, "ambient")
    add("--tool", action="append", choices=tools.TOOLS, help="only this tool; it leaves the evidence as it is")
    add("--tests", metavar="REGEX", help="choose only among tests whose ids it is found in")
    add("--each", type=int, default=EACH, metavar="N", help=f"tests that are to launch a kernel (default: {EACH})")
    add("--launches", nargs="+", type=Path, metavar="PATH", help="run these launches, of any package, and no tests")
    add("--source-root", type=Path, metavar="DIR", help="where the kernels' absolute imports start (default: found)")
    add("--seconds", type=float, default=900.0, metavar="S", help="a tool that takes longer is ended (default: 900)")
    add("--compute-sanitizer", type=Path, metavar="FILE", help="default: on PATH, or in the CUDA toolkit")
    return parser


class _Sanitizing:
    """What is asked, from its declaration to the exit status."""

    def __init__(
        self, options: argparse.Namespace, table: Table, cell: Cell, folder: Path, chosen: Sequence[str]
    ) -> None:
        self._options, self._table, self._cell, self._folder, self._tools = options, table, cell, folder, chosen
        self._is_whole = chosen == tools.TOOLS

    def run(self) -> int:
        """Run each tool; the exit status."""
        gpus = _gpus()
        given = self._options.compute_sanitizer and files.as_given(self._options.compute_sanitizer)
        path = tools.find(given)
        lacking = _lacking(gpus, path, given)
        with tempfile.TemporaryDirectory(prefix="triton-matrix-sanitizer-") as scratch:
            if self._options.launches:
                declared, under, what = self._of_launches()
            elif lacking:
                declared = suites.declare(self._asked(), SANITIZER)
            else:
                declared, under, what = self._of_tests()
            if lacking:
                return self._refuse(declared, lacking)
            print(f"cell {self._cell.name}, {gpus[0]['name']}, compute-sanitizer: {what}", flush=True)
            return self._watched(declared, under, Watch(str(path), self._options.seconds, Path(scratch)), gpus)

    def _asked(self) -> suites.Asked:
        every = suites.all_suites(self._table, self._cell.name)
        return suites.Asked(self._table, self._cell, self._folder, every, None, [])

    def _of_tests(self) -> tuple[runs.Run, Callable[..., Row], str]:
        asked = self._asked()
        declared = suites.declare(asked, SANITIZER)
        device = choosing.device_run(self._folder, declared.wheel, declared.inputs)
        tests = choosing.covering(device, self._options.each, self._options.tests)
        kernels = [kernel for kernel, count in device.launched().items() if count]
        other = compiler_variables.replacing(os.environ)
        if other:
            declared.problem = f"other code than this Triton compiles was run: the shell sets {', '.join(other)}"
        declared.kernels = device.kernels
        what = f"{len(tests)} of the {len(device.launches)} tests that launch kernels, {len(kernels)} kernels"
        return declared, running.of_tests(asked, declared, tests, kernels), what

    def _of_launches(self) -> tuple[runs.Run, Callable[..., Row], str]:
        paths = [files.as_given(path) for path in self._options.launches]
        launches = launch_list.of_files(paths)
        for each in launches:
            if each.refused:
                print(f"n/a: {each.label}: {each.refused}")
        if all(each.refused for each in launches):
            raise ValueError(f"launches is {self._options.launches[0]}, which holds no launch that can be run")
        root = paths[0] if paths[0].is_dir() else paths[0].parent
        commit, dirty = toolchain.git_state(self._table.root)
        inputs = runs.Inputs(sources.digest(paths, root), None)
        wheel = installed.wheel(self._table, self._cell, is_subject=False)
        now = toolchain.now()
        declared = runs.Run(uuid.uuid4().hex, self._cell.name, SANITIZER, now, commit, dirty, wheel, inputs, [])
        declared.versions = fit.versions()
        given = self._options.source_root
        source_root = str(files.as_given(given)) if given else None
        return declared, running.of_launches(launches, source_root, root), f"{len(launches)} launches"

    def _refuse(self, declared: runs.Run, why: str) -> int:
        """Say why nothing ran; what a GPU once found stays where it is."""
        print(f"sanitize: {why}", file=sys.stderr)
        if self._is_whole and not self._has_result():
            writing.open_run(self._folder, declared)
            filing.write(self._folder, declared, [], dict.fromkeys(self._tools, why), [], self._table.root)
        return UNAVAILABLE

    def _has_result(self) -> bool:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            path = writing.run_file(self._folder, SANITIZER)
            return bool(json.loads(path.read_text(encoding="utf-8")).get("launches"))
        return False

    def _watched(
        self, declared: runs.Run, under: Callable[..., Row], watch: Watch, gpus: Sequence[dict[str, Any]]
    ) -> int:
        if self._is_whole:
            writing.open_run(self._folder, declared)
        rows = []
        try:
            for tool in self._tools:
                rows.append(under(tool, watch))
                sentence = rows[-1].sentence or f"{tool}: no error"
                print(f"{sentence} ({rows[-1].seconds:.0f} s)", flush=True)
        except BaseException:
            if self._is_whole:
                declared.problem = "it was interrupted"
                writing.close_run(self._folder, declared, -signal.SIGINT, self._table.root, sys.prefix)
            raise
        print(_shown(rows))
        if not self._is_whole:
            print(f"not every tool was asked: the evidence in {self._folder} is left as it was")
            return _status(rows)
        lacking = filing.write(self._folder, declared, rows, {}, gpus, self._table.root)
        print(f"wrote {writing.run_file(self._folder, SANITIZER)}")
        if lacking:
            print(f"sanitize: this is not a whole run: {lacking}", file=sys.stderr)
        return max(_status(rows), 2 if lacking else 0)


def _status(rows: Sequence[Row]) -> int:
    """1 where a tool found errors; 2 where none did, and one says nothing."""
    if any(row.said.errors for row in rows):
        return 1
    return 2 if any(row.sentence for row in rows) else 0


def _shown(rows: Sequence[Row]) -> str:
    headings = ["tool", "errors", "kernels", "launches", "seconds", "the first"]
    lines = []
    for row in rows:
        seen = sum(bool(row.launches.get(kernel)) for kernel in row.wanted)
        errors = tables.DASH if row.said.errors is None else str(row.said.errors)
        counts = [f"{seen} of {len(row.wanted)}", str(sum(row.launches.values())), f"{row.seconds:.0f}"]
        lines.append([row.tool, errors, *counts, row.said.first or row.sentence.partition(": ")[2] or tables.DASH])
    return tables.render(headings, lines)


def _gpus() -> list[dict[str, Any]]:
    """The GPUs that torch sees, asked in a process of its own: this one holds none while a tool runs.

    Raises:
        ValueError: nobody can say.
    """
    told, why = suites.ask_torch(_PROBE, str(running.PACKAGE))
    if why:
        raise ValueError(f"whether there is a GPU cannot be known: {why}")
    return list(json.loads(told))


def _lacking(gpus: Sequence[dict[str, Any]], path: Optional[str], given: Optional[Path]) -> str:
    """What this machine lacks, as the reason of a skip; "" where nothing."""
    if not gpus:
        return f"{NEEDS_GPU}, and torch in {sys.executable} sees none"
    if not gpus[0]["arch"].startswith("cuda:"):
        return f"{NOT_APPLICABLE}compute-sanitizer is NVIDIA's, and the GPU is {gpus[0]['name']}"
    if path is None:
        where = str(given) if given else "on PATH and in the CUDA toolkit ($CUDA_HOME, else /usr/local/cuda)"
        return f"{tools.NAME} is not there: looked for {where}"
    return ""
