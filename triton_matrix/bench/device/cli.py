"""``bench --launches``: launches on this machine's GPU, in every Triton at hand."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ... import values
from ...base import cells, files, locks, per_gpu, reads, tritons
from ...codegen import accepted, compare
from ...codegen.accepted import Accepted
from ...evidence import atlas_runs, toolchain
from ...evidence.atlas_runs import Asked, AtlasRun
from ...launches import launch_list
from ...launches.launch_list import Launched
from ...values import kept, outcomes
from .. import bandwidth
from ..table import wrapped
from . import accepting, document, dots, run, terminal, varying, workers
from .beside import Beside
from .interpreted import Evidence
from .judging import Held, Table, judge
from .run import Found, Settings
from .workers import Failed, Worker

VERB = "device"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the verb ``bench`` that are for launches."""
    group = parser.add_argument_group("launches")
    add = group.add_argument
    add("--launches", nargs="*", type=Path, metavar="PATH", help="run launches (default: of the package's atlas)")
    add("--triton-path", type=Path, action="append", default=[], metavar="DIR", help="an unpacked Triton, to run too")
    tritons.add_variant(group)
    add("--vary", metavar="num_warps,BLOCK=64:128", help="find each Triton's best configuration; say where it moved")
    add("--seconds", type=float, default=60.0, metavar="S", help="a launch that takes longer is ended (default: 60)")
    add("--source-root", type=Path, metavar="DIR", help="where the kernels' absolute imports start (default: found)")
    add("--values", type=Path, metavar="DIR", help="what interpreters computed (default: where `values` puts it)")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments of `values` (default: .nox/codegen)")
    add(
        "--accept",
        action="append",
        default=[],
        metavar="CAUSE=REASON",
        help="write what is wrong into the accepted file; causes: compile, run, values",
    )


def main(options: argparse.Namespace) -> int:
    """Exit status 0; 1: a launch does not run, computes otherwise, is slower, or its optimum moved; 2: cannot ask."""
    table = cells.load_at(options.root)
    table.cell(options.cell)
    varied = varying.parse(options.vary or "")
    if not options.seconds > 0 or not options.budget > 0:
        raise ValueError(f"seconds is {options.seconds}, budget {options.budget}; allowed are numbers above 0")
    reasons = accepted.reasons_of(options.accept)
    if reasons and options.launches:
        raise ValueError("--accept is of the package's own launches; give --launches without a path")
    paths = [files.as_given(path) for path in options.launches]
    launches, read = launches_of(paths, table)
    reports = files.as_given(options.reports or table.root / "reports")
    below = Path("launches", paths[0].stem) if paths else Path()
    # each cell's own Triton is another one: their files lie apart
    folders = {name: reports / VERB / (name if name != "ambient" else "") / below for name in table.cells}
    folder = folders.pop(options.cell)
    with contextlib.ExitStack() as stack:
        stack.enter_context(locks.held(folder / ".device.lock", f"the launches in {folder}"))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triton-matrix-device-")))
        triton = [files.as_given(path) for path in options.triton_path]
        variants = tritons.variants(table, options.variant)
        there = stack.enter_context(workers.started(triton, scratch / "workers", variants))
        gpu = _gpu(there)
        stack.enter_context(per_gpu.timing(gpu["uuid"] or str(gpu.get("device", 0))))
        copies = {name: of_gpu(worker)["copy"] for name, worker in there.items()}
        root = (paths[0] if paths[0].is_dir() else paths[0].parent) if paths else table.root
        source_root = str(files.as_given(options.source_root)) if options.source_root else None
        interpreters = options.values or table.root / "reports" / "values" / below
        envs = files.as_given(options.envs or table.root / ".nox" / "codegen")
        arrays = envs / "values" / "arrays"  # of all cells and interpreters: they are held against one another
        evidence = Evidence(files.as_given(interpreters), arrays, root)
        turn = options.budget / run.TURNS
        settings = run.Settings(options.seconds, turn, source_root, varied, evidence.written, arrays)
        bench = _Bench(table, launches, read, root, folder, there, gpu, copies, of_launches=bool(paths))
        print(f"level device, {gpu['name']}, triton {', '.join(there)}: {_asked(launches, varied)}", flush=True)
        status = bench.run(settings, evidence, folders, scratch, reasons)
        kept.within(arrays, bench.written)
        return status


def _references(
    launches: Sequence[Launched], root: Optional[Path], source_root: Optional[str], arrays: Path, folder: Path
) -> dict[str, outcomes.Outcome]:
    """What launches' references say, of those that name one.

    Args:
        root: of the package whose launches they are; None where a user named them.
    """
    asked = [each.asked for each in launches if not each.refused and each.asked.get("reference")]
    if not asked:
        return {}
    given = filter(None, [str(root) if root else "", *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    settings: dict[str, Any] = {"level": "reference", "source_root": source_root, "arrays": str(arrays)}
    problem: list[str] = []
    answers = values.compute(
        {"": sys.executable},
        asked,
        folder,
        ended=lambda release, computed, why: problem.append(why),
        path=[str(Path(each).resolve()) for each in given],
        **settings,
    )
    if "" not in answers:
        raise ValueError(f"the references cannot be asked: {problem[0]}")
    return answers[""]


def _asked(launches: Sequence[Launched], values: varying.Values) -> str:
    said = _count(len(launches))
    if values:
        each = " x ".join(f"{name} {', '.join(map(str, of))}" for name, of in values.items())
        said += f", each as launched and with {each}"
    return said


def _count(launches: int) -> str:
    return "1 launch" if launches == 1 else f"{launches} launches"


def launches_of(paths: Sequence[Path], table: cells.Table) -> tuple[list[Launched], reads.Reads]:
    """What is asked about, and what a hook that gives it reads.

    Raises:
        ValueError: nothing says which launches, or one of them cannot be.
    """
    atlas = table.package.atlas
    if paths or (atlas and (table.root / atlas).is_dir()):
        return launch_list.of_files(paths or [table.root / str(atlas)]), {}
    if not atlas:
        raise ValueError(f"{table.path.name} [package] names no atlas, and --launches names no launch")
    with tempfile.TemporaryDirectory() as scratch:
        launches, read = launch_list.of_hook(atlas, table.root, sys.executable, Path(scratch))
    if not launches:
        raise ValueError(f"atlas is {atlas!r}; no launch of it has a grid and values")
    return launches, read


def of_gpu(worker: Worker) -> dict[str, Any]:
    """A worker's GPU and the copy on it; ValueError where it has none to use."""
    try:
        answer = worker.ask(workers.START_S, do="gpu")
    except Failed as problem:
        raise ValueError(f"triton {worker.name}: the GPU cannot be used: {problem}") from None
    if "none" in answer:
        raise ValueError(answer["none"])
    return answer


def _gpu(there: Mapping[str, Worker]) -> dict[str, Any]:
    """What every worker runs on."""
    return dict(of_gpu(next(iter(there.values())))["gpu"])


class _Bench:
    """A run over launches: declared, run, judged, kept and told."""

    def __init__(
        self,
        table: cells.Table,
        launches: Sequence[Launched],
        read: reads.Reads,
        root: Path,
        folder: Path,
        there: Mapping[str, Worker],
        gpu: Mapping[str, Any],
        copies: Mapping[str, Optional[float]],
        *,
        of_launches: bool,
    ) -> None:
        self._launches, self._read, self._root, self._folder = launches, read, root, folder
        self._workers, self._gpu, self._copies, self._of_launches = there, gpu, copies, of_launches
        self._about = document.about(table.root, of_launches=of_launches)
        self._table = table
        self._peaks: Mapping[str, dots.Peak] = {}
        self.written: set[str] = set()  # digests that this run's files name

    def run(
        self,
        settings: run.Settings,
        evidence: Evidence,
        others: Mapping[str, Path],
        scratch: Path,
        reasons: Mapping[str, str],
    ) -> int:
        """Run what is declared; returns the exit status.

        Args:
            others: cell -> the folder of its files.
            reasons: cause -> why what is wrong is accepted from now on.
        """
        start = time.perf_counter()
        root = None if self._of_launches else self._table.root  # asked first: what cannot be costs no GPU time
        references = _references(self._launches, root, settings.source_root, settings.arrays, scratch / "reference")
        declared = self._declare()
        results = Found(read={release: [] for release in self._workers})
        cut = self._ran(settings, results)
        read = reads.merged([self._read, *(each for of in results.read.values() for each in of)])
        beside = Beside(others, settings.arrays, self._root, document.like(self._about, self._gpu, read))
        held = Held(evidence, references, beside, accepting.target_of(self._gpu["arch"]))
        judged = judge(
            self._launches, results, sys.executable, held, settings.arrays, self._gpu["arch"], scratch / "compared"
        )
        cut = cut or self._weighed(judged, evidence, settings.source_root, scratch / "dots")
        unused = self._accept(judged, held.target, {} if cut else reasons)
        self._keep(judged, results)
        count = len(results.rows)
        self._close(declared, f"it was interrupted after {_count(count)}" if cut else "")
        for line in terminal.lines(judged, self._copies, results.varied) if judged else ():
            print("\n".join(wrapped(line)))
        if cut:
            print(f"bench: interrupted after {count} of {_count(len(self._launches))}", file=sys.stderr)
            raise cut
        for line in compare.unused_lines(unused):
            print(line)
        return max(self._status(judged, evidence, time.perf_counter() - start), bool(unused))

    def _ran(self, settings: Settings, results: Found) -> Optional[BaseException]:
        """Run the launches; gives what interrupted it. What was found is kept, and is then not all that was asked."""

        def done(label: str) -> None:
            print(f"[{len(results.rows)}/{len(self._launches)}] {label}", file=sys.stderr, flush=True)

        try:
            run.run(self._launches, self._workers, settings, results, done)
        except (KeyboardInterrupt, SystemExit) as interrupt:
            return interrupt
        return None

    def _weighed(
        self, table: Table, evidence: Evidence, source_root: Optional[str], folder: Path
    ) -> Optional[BaseException]:
        """Say how near launches with dots are to what bounds them; gives what interrupted it."""
        timed = [
            (label, release, judged, judged.row.times.median)
            for label, of in table.items()
            for release, judged in of.items()
            if judged.row.dots and judged.row.times is not None
        ]
        labels = {label for label, *_ in timed}
        asked = [each for each in self._launches if each.label in labels]
        if not asked:
            return None
        print(f"counting what the dots of {_count(len(asked))} compute", file=sys.stderr, flush=True)
        try:
            counted = dots.count(asked, self._workers, evidence, source_root, folder)
            peaks = dots.peaks(counted, self._workers)
        except (KeyboardInterrupt, SystemExit) as interrupt:
            return interrupt
        for label, release, judged, seconds in timed:
            of_copy = bandwidth.rates(document.moved(judged), seconds, self._copies[release])["share_of_copy"]
            judged.row.share = dots.share(counted[label], peaks[release], seconds, of_copy)
            judged.remarks.append(judged.row.share.sentence())
        self._peaks = peaks
        return None

    def _close(self, declared: AtlasRun, reason: str) -> None:
        """Say that the run is over, and why it is no whole one."""
        for release in self._workers:
            declared.releases[release].outcome = atlas_runs.FAILED if reason else atlas_runs.DONE
            declared.releases[release].reason = reason
        declared.closed = toolchain.now()
        atlas_runs.write(self._folder, declared)

    def _keep(self, judged: Table, results: Found) -> None:
        """Write each release's file."""
        for release, worker in self._workers.items():
            content = document.make(
                {**self._about, "triton": release, "switches": worker.switches},
                worker.versions,
                self._gpu,
                self._copies[release],
                self._peaks.get(release),
                [each for each in self._launches if each.refused or each.label in judged],
                {label: rows[release] for label, rows in judged.items()},
                results.varied,
                reads.merged([self._read, *results.read[release]]),
                self._root,
            )
            document.write(self._folder, content)
            storages = [each for entry in content["entries"] for each in entry.get("storages", ())]
            self.written |= {each["digest"] for each in storages if each["written"]}

    def _accept(self, judged: Table, target: str, reasons: Mapping[str, str]) -> list[Accepted]:
        """Mark what the accepted file accepts, once the reasons given are in it; gives what no longer occurs."""
        path = self._table.accepted
        if self._of_launches:
            return []
        entries = accepted.read(path) if path.is_file() else []
        unused = accepting.mark(judged, entries, target)
        if reasons:
            accepted.write(path, accepting.accept(judged, entries, unused, reasons))
            unused = accepting.mark(judged, accepted.read(path), target)
        return unused

    def _declare(self) -> AtlasRun:
        """Say what is asked, before anything runs."""
        sources, hook = (None, None) if self._of_launches else (self._about["sources"], self._about["hook"])
        target, labels = self._gpu["arch"], [each.label for each in self._launches]
        declared = atlas_runs.open_run(
            self._folder, list(self._workers), [target], self._table.root, sources, hook, whole=True, verb=VERB
        )
        declared.releases = {release: Asked({target: labels}) for release in self._workers}
        atlas_runs.write(self._folder, declared)
        return declared

    def _status(self, table: Table, evidence: Evidence, seconds: float) -> int:
        refused = [each for each in self._launches if each.refused]
        for each in refused:
            print(f"n/a: {each.label}: {each.refused}")
        if evidence.stale:
            print(f"what interpreters computed is stale and not used: triton {', '.join(evidence.stale)}")
        rows = [judged for of in table.values() for judged in of.values()]
        ran, bad = sum(each.row.failed is None for each in rows), sum(each.is_bad for each in rows)
        compared = sum(each.compared for each in rows)
        held = sum(each.interpreted is not None for each in rows)
        print(
            f"\n{_count(len(table))} on triton {', '.join(self._workers)}: {ran} of {len(rows)} ran,"
            f" {compared} compared, {held} with an interpreter, {bad} bad, {seconds:.0f} s\nwrote {self._folder}"
        )
        if bad:
            return 1
        if not ran or (len(self._workers) > 1 and not compared):
            print("bench: no launch ran" if not ran else "bench: no launch is compared", file=sys.stderr)
            return 2
        return 0
