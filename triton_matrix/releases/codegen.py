"""The verb ``codegen``: the atlas, or a spec, in every Triton release, each in an environment of its own.

Standard library and uv only, so that it runs in whatever Python runs nox. What it calls inside an environment is the
verb ``compile`` of this same package.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, compiler_variables, locks, versions
from ..codegen import accepted, targets
from ..codegen import spec as spec_files
from ..codegen.cli import add_loading_options, settings_of, target_names
from ..codegen.many import Settings
from ..environments import stamped
from ..evidence import atlas_file
from .children import Children
from .progress import Progress
from .summary import Outcome, accept, report_atlas, report_pair, report_spec, tell

OF_CELLS = ("cuda:90", "hip:gfx942")  # a GPU of each platform, for plain `nox`
UNAVAILABLE = 3


@dataclass(frozen=True)
class Request:
    """What is asked of every release.

    Attributes:
        spec: the spec file or a folder of such, or None for the atlas of the package's kernels.
        atlas: the hook that gives the atlas's configurations, ``FILE.py:FUNCTION`` below ``root``.
        root: the repo root. It is imported from for the atlas, which is of its sources; not for a spec.
        names: the targets.
        extra: requirements to install beside Triton.
        envs: folder of the environments and of the kept results.
        out: folder of the atlas files.
        settings: how kernels are loaded and compiled; its ``torch_version`` is each release's own.
    """

    spec: Optional[Path]
    atlas: Optional[str]
    root: Path
    names: tuple[str, ...]
    extra: tuple[str, ...]
    envs: Path
    out: Path
    no_cache: bool
    settings: Settings = field(default_factory=Settings)


@commands.exit_status("codegen")
def main(argv: list[str]) -> int:
    """Exit status 0; 1: something got worse and is not accepted, or a release fails; 2: cannot ask any release.

    With --cells also 3: no release could be had on this machine or network.
    """
    options = _parser().parse_args(argv)
    table = cells.load_at(options.root)
    rows = choose(table.releases, options.triton, options.from_, options.to)
    if options.cells:
        pinned = {cell.triton for cell in table.cells.values()}
        rows = [row for row in rows if row.triton in pinned]
    names = tuple(target_names(options.target or (list(OF_CELLS) if options.cells else None)))
    spec = options.spec and options.spec.resolve()
    accepted_path = options.accepted or table.accepted
    if not spec and not table.package.atlas:
        raise ValueError(f"{table.path.name} [package] names no atlas; name a kernel with --spec, or see docs/adopt.md")
    if spec:
        for file in spec_files.files_of(spec):
            content = spec_files.read(file)
            spec_files.expand(content, [names[0]])
            for remark in spec_files.remarks(content):
                print(f"{file.name}: {remark}", file=sys.stderr)
    entries = accepted.read(accepted_path) if not spec else []
    for entry in entries:
        if entry.from_ not in table.releases or entry.to not in table.releases:
            known = ", ".join(table.releases)
            raise ValueError(f"{accepted_path.name} accepts {entry}; the table's releases are {known}: remove it")
    reasons = _reasons(options.accept or [])
    reports = table.root / "reports" / "codegen"
    request = Request(
        spec=spec,
        atlas=table.package.atlas,
        root=table.root,
        names=names,
        extra=tuple(options.with_ or ()),
        envs=(options.envs or table.root / ".nox" / "codegen").resolve(),
        out=(options.out or (reports / "specs" / spec.stem if spec else reports)).resolve(),
        no_cache=options.no_cache,
        settings=settings_of(options, None),
    )
    commands.uv()
    with locks.held(request.out / ".codegen.lock", f"the atlas in {request.out}"):
        return _compared(rows, request, options, entries, reasons, accepted_path, list(table.releases))


def _compared(
    rows: list[cells.Release],
    request: Request,
    options: argparse.Namespace,
    entries: list[accepted.Accepted],
    reasons: dict[str, str],
    accepted_path: Path,
    known: list[str],
) -> int:
    """Ask the releases, and say what they answer; nobody else writes to the folder meanwhile."""
    variables = compiler_variables.left_out(os.environ)
    if variables:
        print(f"codegen: {variables}", file=sys.stderr)
    start = time.perf_counter()
    outcomes = run(rows, request, options.jobs)
    named = bool(options.triton or options.from_)
    asked = [outcome for outcome in outcomes if not outcome.unavailable]
    if not any(outcome.path.is_file() for outcome in asked):
        by_problem: dict[str, list[str]] = {}
        for outcome in outcomes:
            by_problem.setdefault(outcome.problem, []).append(outcome.release)
        for sentence, releases in by_problem.items():  # what all of them say is said once
            print(f"codegen: triton {', '.join(releases)}: {sentence}", file=sys.stderr)
        return UNAVAILABLE if options.cells and not asked else 2
    failed = [outcome for outcome in outcomes if outcome.problem and (named or not outcome.unavailable)]
    atlases = [atlas_file.read(outcome.path) for outcome in outcomes if not outcome.problem]
    if all(item["status"] == "n/a" for atlas in atlases for item in atlas["entries"]):
        reasons_ = dict.fromkeys(item["reason"] for atlas in atlases for item in atlas["entries"])
        raise ValueError("\n".join(["every configuration is n/a in every release that was asked", *reasons_]))
    judged = accepted.of_compiled(entries, [item for atlas in atlases for item in atlas["entries"]])
    took = time.perf_counter() - start
    if options.from_ and len(atlases) == 2:
        return report_pair(atlases[0], atlases[-1], judged, options.markdown)
    if request.spec or options.from_:
        status = report_spec(atlases, options.markdown, known, failed)
        return tell(outcomes, failed, status)
    summary = request.out / "summary.md" if set(request.names) >= set(targets.DEFAULT) and not named else None
    if reasons:
        whole = not (named or options.cells) and len(atlases) == len(rows)
        entries = accept(atlases, entries, reasons, whole)
        accepted.write(accepted_path, entries)
        judged = accepted.of_compiled(entries, [item for atlas in atlases for item in atlas["entries"]])
    return tell(outcomes, failed, report_atlas(outcomes, atlases, judged, took, options.markdown, summary, known))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix codegen",
        description="Compile the package's kernels, or a spec's, with every released Triton; say what changed.",
    )
    parser.add_argument("--spec", type=Path, metavar="PATH", help="what this spec, or a folder of them, says")
    parser.add_argument("--triton", metavar="A,B,...", help="only these releases")
    parser.add_argument(
        "--cells",
        action="store_true",
        help=f"only the releases of the table's cells, for {' and '.join(OF_CELLS)} unless --target says otherwise",
    )
    parser.add_argument("--from", dest="from_", metavar="A", help="compare two releases: the earlier one")
    parser.add_argument("--to", metavar="B", help="the later one")
    parser.add_argument("--target", action="append", metavar="TARGET", help=targets.HELP)
    parser.add_argument("--with", dest="with_", action="append", metavar="REQUIREMENT", help="install this too")
    parser.add_argument("--accepted", type=Path, metavar="FILE", help="default: tests/atlas/accepted.toml")
    parser.add_argument(
        "--accept",
        action="append",
        metavar="CAUSE=REASON",
        help=f"write what got worse into the accepted file, with this reason; causes: {', '.join(accepted.CAUSES)}",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: reports/codegen)")
    parser.add_argument("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/codegen)")
    add_loading_options(parser)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="releases side by side")
    parser.add_argument("--no-cache", action="store_true", help="compile everything again")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--root", type=Path, help="the checkout (default: found from the current folder upwards)")
    return parser


def choose(rows: Any, named: Optional[str], from_: Optional[str], to: Optional[str]) -> list[cells.Release]:
    """The rows asked for, oldest first; raises ValueError for a release that the table does not have."""
    if bool(from_) != bool(to):
        raise ValueError("--from and --to go together")
    if from_ and named:
        raise ValueError("--triton names releases, and so do --from and --to; give one of the two")
    wanted = [from_, to] if from_ else named.split(",") if named else list(rows)
    for version in wanted:
        if version not in rows:
            raise ValueError(f"triton is {version!r}; allowed are {', '.join(rows)} (constraints/cells.toml)")
    if from_ and versions.key(from_) >= versions.key(str(to)):
        raise ValueError(f"--from is {from_}, --to is {to}; --from must be the earlier release")
    return [rows[version] for version in rows if version in wanted]


def _reasons(given: list[str]) -> dict[str, str]:
    """--accept options by cause; raises ValueError for one that is not CAUSE=REASON."""
    reasons = {}
    for item in given:
        cause, _, reason = item.partition("=")
        if cause not in accepted.CAUSES or not reason.strip():
            raise ValueError(
                f"--accept is {item!r}; allowed is CAUSE=REASON, cause one of {', '.join(accepted.CAUSES)}"
            )
        reasons[cause] = reason.strip()
    return reasons


def run(rows: list[cells.Release], request: Request, jobs: int) -> list[Outcome]:
    """One outcome per release, in order. Releases run side by side, newest first: those know the most targets."""
    children = Children()
    with Progress(len(rows)) as progress, concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
        futures = {row.triton: pool.submit(_one_release, row, request, progress, children) for row in reversed(rows)}
        try:
            return [futures[row.triton].result() for row in rows]
        except BaseException:  # it is interrupted: nothing more begins, and what runs ends
            for future in futures.values():
                future.cancel()
            children.end()
            raise


def _one_release(row: cells.Release, request: Request, progress: Progress, children: Children) -> Outcome:
    path = request.out / f"{row.triton}.json"
    earlier = None
    with contextlib.suppress(atlas_file.RecordError):
        earlier = None if request.spec else atlas_file.read(path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # what does not run now must not look as if it had
    start = time.perf_counter()
    try:
        progress.say(row.triton, "environment")
        python = stamped.of_release(row, request.extra, request.envs)
    except (commands.ToolError, ValueError) as problem:
        progress.finish(row.triton, "unavailable")
        return Outcome(row.triton, path, problem=f"unavailable: {problem}", unavailable=True)
    read_end, write_end = os.pipe()  # of the progress alone: what a kernel's module prints does not come here
    command = [str(python), "-m", "triton_matrix", "compile", "--quiet", "--progress", str(write_end)]
    command += ["--release", row.triton]  # a PYTHONPATH may bring another
    command += ["--json", str(path), "--target", ",".join(request.names), *_loading(row, request.settings)]
    if request.spec:
        command += ["--spec", str(request.spec)]
    else:
        command += ["--atlas", str(request.atlas), "--root", str(request.root)]
    command += ["--no-cache"] if request.no_cache else ["--cache", str(request.envs / "results")]
    imported = [] if request.spec else [str(request.root)]
    imported += [str(Path(each).resolve()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    env = {
        **compiler_variables.without(os.environ),
        "PYTHONPATH": os.pathsep.join(imported),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    compiled = total = 0
    errors: list[str] = []
    with subprocess.Popen(
        command,
        env=env,
        cwd=request.envs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=(write_end,),
        preexec_fn=commands.end_with_parent(),  # what is left of a killed run must not write its file later
    ) as process:
        children.started(process)
        os.close(write_end)
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()))
        reader.start()
        with open(read_end, encoding="utf-8") as lines:
            for line in lines:
                word, *numbers = line.split()
                if word == "progress":
                    progress.count(row.triton, int(numbers[0]), int(numbers[1]))
                elif word == "compiled":
                    compiled, total = int(numbers[0]), int(numbers[1])
        reader.join()
    children.ended(process)
    said = "".join(errors).strip()
    if process.returncode in (0, 1) and path.is_file():
        if earlier:
            atlas_file.keep_other_targets(path, earlier, request.names)
        kept = f"{total - compiled} kept from before" if total > compiled else ""
        now = f"{compiled} compiled in {time.perf_counter() - start:.1f} s" if compiled else ""
        progress.finish(row.triton, ", ".join(filter(None, [now, kept])))
        return Outcome(row.triton, path, compiled=compiled, remark=said)
    progress.finish(row.triton, "cannot be asked")
    if process.returncode == 2:
        return Outcome(row.triton, path, problem=said)
    return Outcome(row.triton, path, problem=str(commands.ToolError(command, process.returncode, said[-600:])))


def _loading(row: cells.Release, settings: Settings) -> list[str]:
    """The options of the verb ``compile`` that say how kernels are loaded in this release."""
    options = ["--torch", row.torch, "--import-seconds", str(settings.import_seconds)]
    options += ["--compile-seconds", str(settings.compile_seconds)]
    options += ["--configs", str(settings.configs)] if settings.configs else []
    return [*options, *(["--source-root", str(settings.source_root)] if settings.source_root else [])]
