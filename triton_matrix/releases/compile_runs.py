"""Ask several releases side by side, each in an environment of its own, and keep what they answer."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import mmap
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, compiler_variables
from ..base.children import Children
from ..codegen.batches import Settings
from ..environments import stamped
from ..evidence import atlas_file, atlas_runs
from .progress import Progress
from .run_file import Declared
from .shares import Shares


@dataclass(frozen=True)
class Request:
    """What is asked of every release.

    Attributes:
        launches: the launch file or a folder of such, or None for the atlas of the package's kernels.
        atlas: the hook that gives the atlas's configurations, ``FILE.py:FUNCTION`` below ``root``.
        root: the repo root. It is imported from for the atlas, which is of its sources; not for a launch file.
        names: the targets.
        extra: requirements to install beside Triton.
        envs: folder of the environments and of the kept results.
        out: folder of the atlas files.
        settings: how kernels are loaded and compiled; its ``torch_version`` is each release's own. Its ``seconds``
            are shared among the releases.
    """

    launches: Optional[Path]
    atlas: Optional[str]
    root: Path
    names: tuple[str, ...]
    extra: tuple[str, ...]
    envs: Path
    out: Path
    no_cache: bool
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Outcome:
    """How one release went.

    Attributes:
        path: its atlas file, of this run unless there is a ``problem``.
        compiled: configurations that had to be compiled; the others were kept from an earlier run.
        problem: one sentence when it has no answer.
        unavailable: this machine cannot provide the release.
        remark: what the release printed on its error stream.
    """

    release: str
    path: Path
    compiled: int = 0
    problem: str = ""
    unavailable: bool = False
    remark: str = ""

    @property
    def how(self) -> str:
        """As the run's file says it."""
        if self.unavailable:
            return atlas_runs.UNAVAILABLE
        return atlas_runs.FAILED if self.problem else atlas_runs.DONE


@dataclass
class _Told:
    """What a compiling process told while it ran."""

    targets: dict[str, list[str]] = field(default_factory=dict)
    compiled: int = 0
    kept: int = 0  # from an earlier run
    left: int = 0  # not begun, since the time was over
    error: str = ""
    status: int = 0


def run(rows: list[cells.Release], request: Request, jobs: int, declared: Optional[Declared] = None) -> list[Outcome]:
    """One outcome per release, in order. Releases run side by side, newest first: those know the most targets.

    Args:
        declared: the run that this is, which is told how each release goes.
    """
    children = Children()
    side_by_side = max(1, min(jobs, len(rows)))
    shares = Shares(request.settings.seconds, len(rows), side_by_side)
    with Progress(len(rows)) as progress, concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:

        def ask(row: cells.Release) -> Outcome:
            try:
                outcome = _one_release(row, request, progress, children, declared, shares)
            except OSError as problem:  # a full disk: the other releases may have room
                progress.finish(row.name, "cannot be asked")
                outcome = Outcome(row.name, _path(row, request), problem=f"its answer cannot be kept: {problem}")
            if declared:
                declared.ended(row.name, outcome.how, outcome.problem)
            return outcome

        futures = {row.name: pool.submit(ask, row) for row in reversed(rows)}
        try:
            return [futures[row.name].result() for row in rows]
        except BaseException:  # it is interrupted: nothing more begins, and what runs ends
            for future in futures.values():
                future.cancel()
            children.end()
            raise


def _path(row: cells.Release, request: Request) -> Path:
    return request.out / f"{row.name}.json"


def _one_release(
    row: cells.Release,
    request: Request,
    progress: Progress,
    children: Children,
    declared: Optional[Declared],
    shares: Shares,
) -> Outcome:
    path = _path(row, request)
    partial = path.with_name(f".{path.name}.partial")  # the last whole file stays until this one is known to be whole
    start = time.perf_counter()
    try:
        progress.say(row.name, "environment")
        python = stamped.of_release(row, request.extra, request.envs)
        _check_switches(row, python)
    except (commands.ToolError, ValueError) as problem:
        shares.unwanted()
        progress.finish(row.name, "unavailable")
        return Outcome(row.name, path, problem=f"unavailable: {problem}", unavailable=True)
    command = [str(python), *_command(row, request, partial)]
    partial.unlink(missing_ok=True)  # of a run that was killed
    try:
        with shares.taken() as seconds:
            command += [] if seconds is None else ["--seconds", f"{seconds:.1f}"]
            told = _compiled(command, row.name, request, progress, children, declared)
        if told.status == 2:
            why = told.error
        elif told.status not in (0, 1) or not partial.is_file():
            why = str(commands.ToolError(command, told.status, told.error[-600:]))
        else:
            why = _keep(partial, row, told.targets, request, declared)
    finally:
        partial.unlink(missing_ok=True)
    now = f"{told.compiled} compiled in {time.perf_counter() - start:.1f} s" if told.compiled else ""
    kept = f"{told.kept} kept from before" if told.kept else ""
    left = f"{told.left} not reached" if told.left else ""
    progress.finish(row.name, "cannot be asked" if why else ", ".join(filter(None, [now, kept, left])))
    return Outcome(row.name, path, compiled=told.compiled, problem=why, remark="" if why else told.error)


def _check_switches(row: cells.Release, python: Path) -> None:
    """ValueError where this Triton reads none of the variables that the row sets: it would be the same one again."""
    for name, _ in row.switches:
        folder = next(python.parents[1].glob("lib/python*/site-packages/triton"))
        files = [path for path in folder.rglob("*") if path.suffix in (".py", ".so")]
        if not any(path.stat().st_size and _holds(path, name.encode()) for path in files):
            raise ValueError(f"this Triton does not read {name}, which the variant {row.variant} sets")


def _holds(path: Path, text: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def _keep(
    partial: Path, row: cells.Release, targets: Mapping[str, list[str]], request: Request, declared: Optional[Declared]
) -> str:
    """Let a release's new file take the place of its last one, with that one's entries for targets that were not asked.

    Returns:
        why it is not kept; "" where it is.
    """
    try:
        content = atlas_file.read(partial)
    except atlas_file.RecordError as problem:
        return str(problem)
    missing = atlas_runs.absent({name: targets.get(name) for name in request.names}, content)
    if missing:
        return f"its file has nothing of {missing[0]}, which was asked for"
    of = (content.get("sources"), content.get("hook"))
    if declared and not request.launches and of != (declared.run.sources, declared.run.hook):
        return "the sources were changed while it was compiled"
    earlier: Optional[dict[str, Any]] = None
    with contextlib.suppress(atlas_file.RecordError):
        earlier = None if request.launches else atlas_file.read(_path(row, request))
    content.update(extra=list(request.extra), row=atlas_file.row_of(row))
    atlas_file.write(_path(row, request), atlas_file.with_other_targets(content, earlier))
    return ""


def _compiled(
    command: list[str],
    release: str,
    request: Request,
    progress: Progress,
    children: Children,
    declared: Optional[Declared],
) -> _Told:
    """Run the verb ``compile`` of a release to its end."""
    told = _Told()
    read_end, write_end = os.pipe()  # of the progress alone: what a kernel's module prints does not come here
    errors: list[str] = []
    with (
        commands.group(
            [*command, "--progress", str(write_end)],
            env=_environment(request),
            cwd=request.envs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=(write_end,),
        ) as process,
        children.holding(process),
    ):
        os.close(write_end)
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()))
        reader.start()
        with open(read_end, encoding="utf-8") as lines:
            for line in lines:
                word, _, rest = line.partition(" ")
                if word == "asked":
                    told.targets = json.loads(rest)
                    if declared:
                        declared.asked(release, told.targets)
                elif word == "progress":
                    done, total = rest.split()
                    progress.count(release, int(done), int(total))
                elif word == "compiled":
                    told.compiled, told.kept, told.left = map(int, rest.split())
        reader.join()
    told.error, told.status = "".join(errors).strip(), process.returncode
    return told


def _environment(request: Request) -> dict[str, str]:
    imported = [] if request.launches else [str(request.root)]
    imported += [str(Path(each).resolve()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    return {
        **compiler_variables.without(os.environ),
        "PYTHONPATH": os.pathsep.join(imported),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _command(row: cells.Release, request: Request, out: Path) -> list[str]:
    """The verb ``compile`` with what it is asked."""
    command = ["-m", "triton_matrix", "compile", "--quiet", "--json", str(out), "--target", ",".join(request.names)]
    command += ["--release", row.name]  # a PYTHONPATH may bring another
    command += [word for switch in row.switches for word in ("--switch", "=".join(switch))]
    settings = request.settings
    command += ["--torch", row.torch, "--import-seconds", str(settings.import_seconds)]
    command += ["--compile-seconds", str(settings.compile_seconds)]
    command += ["--guesses"] if settings.guesses else []
    command += ["--configs", str(settings.configs)] if settings.configs else []
    command += ["--source-root", str(settings.source_root)] if settings.source_root else []
    if request.launches:
        command += ["--launches", str(request.launches)]
    else:
        command += ["--atlas", str(request.atlas), "--root", str(request.root)]
    return [*command, *(["--no-cache"] if request.no_cache else ["--cache", str(request.envs / "results")])]
