"""``tune``: launches swept over compile options and constexprs, each Triton's best kept; and whether it still is."""

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

from ...base import cells, commands, files, locks, patterns, per_gpu, tables, versions
from ...evidence import toolchain
from ...launches import launch_list
from ...launches.launch_list import Launched
from .. import regression
from . import cli, run, sweeps, terminal, varying, workers
from .rounds import TURNS, Times, taken
from .sweeps import Sweep
from .varying import Limits, Options
from .workers import Failed, Worker, all_at_once

HANG_S = 60.0  # a turn that takes longer is ended
OFF = 0.03  # of the best, from which on a stored optimum is no longer one
HOOK = "hook:"
VARIED = "num_warps,num_stages"


@commands.exit_status("tune")
def main(argv: list[str]) -> int:
    """Sweep launches over compile options and constexprs on this machine's GPU, in every Triton at hand.

    Each configuration that was measured is kept in a file, and not measured again for the same launch, GPU, Triton and
    kernel source. --check FILE measures the bests of that file and their neighbours again. Exit status 0; 1: one is no
    longer within 3 % of the best, beyond the noise and in two rounds; 2: the question has no answer.
    """
    options = _parser().parse_args(argv)
    table = cells.load_at(options.root)
    values = varying.parse(options.vary)
    if not options.seconds > 0 or options.most < 1 or not options.budget > 0:
        raise ValueError(
            f"seconds is {options.seconds:g}, most {options.most}, budget {options.budget:g}; all are above 0"
        )
    if options.check and (options.launches or options.hook):
        raise ValueError("check is given with launches; the file says itself which they are")
    until = time.monotonic() + options.seconds
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triton-matrix-tune-")))
        if options.check:
            stored = sweeps.read(files.as_given(options.check))
            known = _stored_launches(stored, table)
        else:
            launches = _only(_asked(options, table), options.only)
            out = _out(options, table)
            stack.enter_context(locks.held(out.parent / f".{out.name}.lock", f"the file {out}"))
        given = [files.as_given(path) for path in options.triton_path]
        there = stack.enter_context(workers.started(given, scratch / "workers"))
        gpu = cli.of_gpu(next(iter(there.values())))["gpu"]
        stack.enter_context(per_gpu.timing(gpu["uuid"] or str(gpu.get("device", 0))))
        limits = Limits(run.COMPILE_S, HANG_S, options.budget / TURNS, until)
        root = str(files.as_given(options.source_root)) if options.source_root else None
        bench = _Bench(table, there, gpu, limits, root)
        if options.check:
            return bench.check(stored, known)
        return bench.sweep(launches, values, options.most, out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix tune",
        description=main.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("launches", nargs="*", type=Path, metavar="PATH", help="launch files or folders (default: the package's atlas)")
    cells.add_root(parser)
    add("--hook", metavar="FILE.py:FUNCTION", help="take the launches that this hook gives, as an atlas's does")
    add("--only", metavar="REGEX", help="only launches whose names it is found in")
    add("--vary", default=VARIED, metavar="num_warps,BLOCK=64:128", help=f"default: {VARIED}")
    add("--triton-path", type=Path, action="append", default=[], metavar="DIR", help="an unpacked Triton, to tune too")
    add("--source-root", type=Path, metavar="DIR", help="where the kernels' absolute imports start (default: found)")
    add("--seconds", type=float, default=600.0, metavar="S", help="begin nothing after so long (default: 600)")
    add("--most", type=int, default=64, metavar="N", help="configurations of a launch, nearest first (default: 64)")
    add("--budget", type=float, default=0.1, help="seconds of rounds per configuration (default: 0.1)")
    add("--out", type=Path, metavar="FILE", help="default: reports/tune/launches/NAME.json")
    add("--check", type=Path, metavar="FILE", help="measure the bests of this file and their neighbours again")
    return parser


def _out(options: argparse.Namespace, table: cells.Table) -> Path:
    if options.out:
        return files.as_given(options.out)
    name = options.launches[0].stem if options.launches else (options.hook or "atlas").rpartition(":")[2]
    return table.reports / "tune" / "launches" / f"{name}.json"


def _asked(options: argparse.Namespace, table: cells.Table) -> list[tuple[str, Launched]]:
    """The launches, each with its place as of :class:`Sweep`."""
    if options.launches and options.hook:
        raise ValueError("hook is given with launches; one of them says which launches are tuned")
    places = [os.path.relpath(files.as_given(path), table.root) for path in options.launches]
    return _of_places(places or [f"{HOOK}{options.hook}" if options.hook else ""], table)


def _of_places(places: Sequence[str], table: cells.Table) -> list[tuple[str, Launched]]:
    launches: list[tuple[str, Launched]] = []
    for place in places:
        if place.startswith(HOOK):
            with tempfile.TemporaryDirectory() as scratch:
                there, _ = launch_list.of_hook(place[len(HOOK) :], table.root, sys.executable, Path(scratch))
        elif place:
            there = launch_list.of_files([table.root / place])
        else:
            there, _ = cli.launches_of([], table)
        launches += [(place, each) for each in there]
    return launches


def _only(launches: list[tuple[str, Launched]], pattern: Optional[str]) -> list[tuple[str, Launched]]:
    """Those whose labels a regular expression is found in; ValueError where it is none, or there are none."""
    wanted = patterns.compiled("only", pattern)
    chosen = [(place, each) for place, each in launches if wanted.search(each.label)]
    if not chosen:
        raise ValueError(f"only is {pattern!r}, which is found in the name of none of {len(launches)} launches")
    return chosen


def _stored_launches(stored: Sequence[Sweep], table: cells.Table) -> dict[str, Launched]:
    """Label -> launch, of the places that a file names. One that is there no more, or was edited, is not there."""
    launches = _of_places(list(dict.fromkeys(each.place for each in stored)), table)
    return {launch.label: launch for _, launch in launches if not launch.refused}


class _Bench:
    """Workers on one GPU, and what is asked of them."""

    def __init__(
        self,
        table: cells.Table,
        there: Mapping[str, Worker],
        gpu: Mapping[str, Any],
        limits: Limits,
        source_root: Optional[str],
    ) -> None:
        self._table, self._workers, self._gpu, self._limits = table, there, gpu, limits
        self._source_root, self._root = source_root, ""

    def sweep(self, launches: Sequence[tuple[str, Launched]], values: varying.Values, most: int, out: Path) -> int:
        """Measure what the file does not hold yet; 0, or 2 where no configuration of any launch ran."""
        kept = {each.key: each for each in (sweeps.read(out) if out.is_file() else ())}
        _check_names([launch for _, launch in launches], values)
        ran: list[Sweep] = []
        for number, (place, launch) in enumerate(launches, 1):
            if launch.refused:
                print(f"n/a: {launch.label}: {launch.refused}")
                continue
            if time.monotonic() > self._limits.until:
                print(f"the time is over after {number - 1} of {len(launches)} launches; the same command goes on")
                break
            of_launch, new = self._of_launch(place, launch, values, most, kept)
            kept |= {each.key: each for each in of_launch}
            ran += of_launch
            if new:
                sweeps.write(out, list(kept.values()), self._table.root)
            print(f"[{number}/{len(launches)}] {launch.label}: {new} measured", file=sys.stderr, flush=True)
        print(_shown(ran))
        print(f"wrote {out}" if out.is_file() else "nothing was measured")
        return 0 if any(each.best for each in ran) else 2

    def _of_launch(
        self,
        place: str,
        launch: Launched,
        values: varying.Values,
        most: int,
        kept: Mapping[tuple[str, str, str], Sweep],
    ) -> tuple[list[Sweep], int]:
        """The launch's sweep in each Triton that runs it, and how many configurations were measured for them."""
        ready = self._ready(launch)
        own = varying.own_values(launch.asked, values)
        asked = varying.configurations(own, values)
        swept = []
        for release, source in ready.items():
            old = kept.get((launch.label, self._gpu["name"], release))
            if old is None or old.source != source:
                old = self._new(place, launch, release, source, own)
            old.asked = len(asked)
            swept.append(old)
        before = sum(len(each.points) for each in swept)
        missing: dict[tuple[Options, ...], list[Sweep]] = {}
        for each in swept:
            there = {point.key for point in each.points}
            lacking = tuple(options for options in asked[:most] if options not in there)
            missing.setdefault(lacking, []).append(each)
        for lacking, of in missing.items():  # Tritons that lack the same take turns
            some = {each.triton: self._workers[each.triton] for each in of}
            points = varying.measured(some, lacking, launch.asked, self._limits)
            for each in of:
                each.take(points[each.triton])
        return swept, sum(len(each.points) for each in swept) - before

    def _new(self, place: str, launch: Launched, release: str, source: str, own: dict[str, int]) -> Sweep:
        about, (commit, dirty) = self._workers[release].versions, toolchain.git_state(self._table.root)
        gpu = (str(self._gpu["name"]), str(self._gpu["arch"]), str(self._gpu["driver"]))
        when = (toolchain.now(), commit, dirty)
        return Sweep(launch.label, place, source, *gpu, release, about["torch"], about["python"], *when, own)

    def _ready(self, launch: Launched) -> dict[str, str]:
        """Open the launch in each worker and compute it once: release -> digest of its kernel's source."""
        asked = {key: value for key, value in launch.asked.items() if key != "reference"}
        left, digests = dict(self._workers), {}
        root = run.root_of(launch.asked["kernel"])
        if self._root and root != self._root:  # packages of one name are not loaded into one process
            for worker in left.values():
                worker.close()
        self._root = root
        opened = all_at_once(left, run.LOAD_S, do="open", launch=asked, source_root=self._source_root)
        for release, answer in opened.items():
            if not isinstance(answer, Failed):
                try:
                    left[release].ask(run.COMPILE_S, do="compute")  # compiles first
                    digests[release] = sweeps.source_of(answer["read"], asked, self._table.root)
                except Failed as problem:
                    answer = problem
            if isinstance(answer, Failed):
                print(f"{launch.label}: triton {release}: {answer}")
        return digests

    def check(self, stored: Sequence[Sweep], launches: Mapping[str, Launched]) -> int:
        """Say where a stored best is no longer one."""
        here = [each for each in stored if each.gpu == self._gpu["name"] and each.best]
        labels = list(dict.fromkeys(each.launch for each in here))
        off, compared, lacking = 0, 0, len({each.launch for each in stored} - set(labels))
        if lacking:
            print(f"{lacking} launches of the file were not tuned on a {self._gpu['name']}")
        for label in labels:
            launch = launches.get(label)
            if launch is None or time.monotonic() > self._limits.until:
                print(f"{label}: {'the time is over' if launch else 'its file is gone or was edited'}; not checked")
                lacking += 1
                continue
            for release in self._ready(launch):
                counts = _that_counts([each for each in here if each.launch == label], release)
                sentence = self._off(counts, release)
                compared += sentence is not None
                off += bool(sentence)
                best = f"triton {release}: {terminal.shown(counts.best.key)} is still the best" if counts.best else ""
                print(f"{label}: {sentence or (best if sentence == '' else f'triton {release}: nothing ran')}")
        print(f"{compared} bests compared on triton {', '.join(self._workers)}, {off} no longer within {OFF:.0%}")
        return 1 if off else 2 if lacking or not compared else 0

    def _off(self, sweep: Sweep, release: str) -> Optional[str]:
        """How a stored best is off on a Triton; "" where it is not, None where nothing ran to say so."""
        assert sweep.best is not None
        best = sweep.best.key
        asked = [best, *sweep.neighbours(best)]
        worker, rounds = self._workers[release], list[dict[Options, Times]]()
        said = f"{terminal.shown(best)}, the best on triton {sweep.triton}"
        for options in asked:
            with contextlib.suppress(Failed):  # which its turn then says
                worker.ask(self._limits.compile_s, do="compile", options=dict(options), metrics=False)
        for _ in range(2):
            turns = {each: varying.turn(worker, each, self._limits) for each in asked}
            times = {each: of for each, of in taken(turns).items() if isinstance(of, Times)}
            if not times:
                return None
            if best not in times:
                return f"{said}, does not run on {release}; now {terminal.shown(_fastest(times))}"
            rounds.append(times)
            if not _slower(times, best):
                return ""
            asked = [best, _fastest(times)]
        change = _slower(rounds[-1], best)
        assert change is not None
        now = _fastest(rounds[-1])
        pair = f"{rounds[-1][best].median * 1e6:.1f} us, {rounds[-1][now].median * 1e6:.1f}"
        how = f"{1 + change.slowdown:.2f} x {terminal.shown(now)} on {release}"
        return f"{said}, is {how} ({pair}; beyond {change.limit or 0:.1%}), measured twice"


def _check_names(launches: Sequence[Launched], values: varying.Values) -> None:
    """ValueError where a name that is varied is of no launch."""
    known = {name for launch in launches for name in varying.own_values(launch.asked, values)}
    for name in values:
        if name not in known:
            raise ValueError(f"vary has {name!r}, which no launch has as a constexpr or an option with a whole number")


def _that_counts(of_launch: Sequence[Sweep], release: str) -> Sweep:
    """The sweep whose best a Triton is held against: its own, else that of the newest before it, else the oldest."""
    ordered = sorted(of_launch, key=lambda each: versions.key(each.triton))
    older = [each for each in ordered if versions.key(each.triton) <= versions.key(release)]
    return older[-1] if older else ordered[0]


def _fastest(times: Mapping[Options, Times]) -> Options:
    return min(times, key=lambda each: times[each].median)


def _slower(times: Mapping[Options, Times], best: Options) -> Optional[regression.Change]:
    """That a configuration takes longer than the fastest, beyond 3 % and the noise."""
    fastest = times[_fastest(times)]
    return next(iter(regression.slower({"": times[best].entry}, {"": fastest.entry}, OFF)), None)


def _shown(swept: Sequence[Sweep]) -> str:
    """The best of each sweep, beside the launch's own."""
    headings = ["launch", "triton", "best", "median us", "as launched", "measured"]
    rows = []
    for sweep in swept:
        own = next((each.median for each in sweep.points if each.options == sweep.own), None)
        best = sweep.best
        none = "none runs" if sweep.points else "not begun: the time was over"
        figures = [terminal.shown(best.key), f"{(best.median or 0) * 1e6:.1f}"] if best else [none, tables.DASH]
        launched = f"{own * 1e6:.1f}" if own else tables.DASH
        rows.append([sweep.launch, sweep.triton, *figures, launched, f"{len(sweep.points)} of {sweep.asked}"])
    return tables.render(headings, rows, labels=3)
