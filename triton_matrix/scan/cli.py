"""The verb ``scan``: from a package's name to the Tritons that its kernels work with, with no question and no file."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import cells, commands, files, locks, pairs, targets
from ..codegen.batches import Settings
from ..codegen.cli import target_names
from ..evidence import atlas_file, atlas_runs
from ..init import choice
from ..launches import guess, launch_file
from ..lint import kernels as lint
from ..lint import output, portable
from ..lint.finding import Finding
from ..releases import compile_runs, summary
from ..releases.codegen_cli import OF_CELLS, choose
from ..releases.run_file import Declared
from . import answer, bounds, capturing, interpreter
from .bounds import Kernel
from .package import Scanned, bring

FAIL_ON = ("worse", "compile", "range")
WORSE_SHOWN = 12  # lines of what got worse
COMPILE_S = 60.0  # of one configuration


@commands.exit_status("scan")
def main(argv: list[str]) -> int:
    """Say which Tritons a package's kernels work with. It asks nothing and writes nothing into WHAT.

    Exit status 0: there is an answer. 1: --fail-on names what was found, or a release has no answer. 2: cannot ask.
    """
    options = _parser().parse_args(argv)
    if options.seconds < 0:
        raise ValueError(f"--seconds is {options.seconds:g}; allowed is a number from 0 on; with 0 nothing is captured")
    known = {pair.triton for pair in pairs.known()}
    for each in filter(None, (options.triton or "").split(",")):
        if each not in known:
            raise ValueError(f"--triton is {each!r}; allowed are {', '.join(pair.triton for pair in pairs.known())}")
    names = tuple(target_names(options.target or list(OF_CELLS)))
    commands.uv()
    start = time.perf_counter()
    envs = (options.envs or _cache() / "releases").resolve()
    envs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scanned = bring(options.what, Path(scratch) / "source")
        python = interpreter.newer(scanned.project, bool(guess.kernels(scanned.root)[1]))
        if python:
            return interpreter.again(python, argv, envs)
        releases, unasked = interpreter.releases(scanned.project, options.python)
        asked = choose(releases, options.triton, None, None)
        if not asked:
            raise ValueError(f"--triton is {options.triton!r}; {'; '.join(unasked)}")
        out = (options.out or _reports(options.what) / "scan" / scanned.title).resolve()
        with locks.held(out.parent / f".{out.name}.lock", f"the scan in {out}"):
            shutil.rmtree(out / "source", ignore_errors=True)
            shutil.rmtree(out / "launches", ignore_errors=True)
            out.mkdir(parents=True, exist_ok=True)
            root = Path(shutil.move(str(scanned.root), str(out / "source")))
            scan = Scan(Scanned(root, *_rest(scanned)), out, options, names, envs)
            return scan.run(asked, unasked, start)


def _rest(scanned: Scanned) -> tuple[Any, ...]:
    return scanned.project, scanned.version, scanned.requirement


def _reports(what: str) -> Path:
    """``reports`` in the current folder, unless that lies in the package: nothing is written there."""
    here = Path.cwd()
    if Path(what).is_dir() and here.is_relative_to(Path(what).resolve()):
        return _cache()
    return here / "reports"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "triton-matrix"


@dataclass
class Scan:
    """One scan and its steps."""

    scanned: Scanned
    out: Path
    options: argparse.Namespace
    names: tuple[str, ...]
    envs: Path

    def run(self, asked: Sequence[cells.Release], unasked: Sequence[str], start: float) -> int:
        """All steps; the exit status.

        Args:
            unasked: sentences on releases that cannot be asked.
            start: when it began, as of ``time.perf_counter``.
        """
        root, options = self.scanned.root, self.options
        found, unread = guess.kernels(root)
        if not found:
            raise ValueError(
                f"WHAT is {options.what!r}; no file of {self.scanned.title} defines a kernel with @triton.jit"
            )
        said = [*unasked, *(sentence.replace(f"{root}/", "") for sentence in unread.values())]
        launches = self.out / "launches"
        if options.seconds:
            said += capturing.capture(self.scanned, self.envs, launches / "captured", options.seconds, options.torch)
        kernels = self._launched(found, launches)
        releases = [row.triton for row in asked]
        backends = tuple(dict.fromkeys(name.partition(":")[0] for name in self.names))
        linted = {(each, of): self._lint(each, each, (of,), said) for each in releases for of in backends}
        outcomes = self._compiled(asked, launches)
        atlases = [atlas_file.read(outcome.path) for outcome in outcomes if not outcome.problem]
        bounds.learn(kernels, {atlas["triton"]: atlas["entries"] for atlas in atlases}, linted)
        summary.tell_problems(outcomes, "scan")
        if not atlases:
            return 2
        everything = self._lint(releases[0], releases[-1], backends, said)
        status = self._tell(kernels, releases, said, everything, atlases, time.perf_counter() - start)
        return max(status, int(any(outcome.problem for outcome in outcomes)))

    def _launched(self, found: Sequence[guess.Kernel], launches: Path) -> list[Kernel]:
        """Every kernel, with how its launches came; those that have none get a guessed one, in ``launches``."""
        how: dict[str, str] = {}
        for file in sorted((launches / "captured").rglob("*.toml")):
            how[launch_file.read(file)["kernel"]] = "captured"
        for file in sorted((self.scanned.root / cells.LAUNCHES).rglob("*.toml")):
            content = launch_file.read(file)
            how[content["kernel"]] = "brought"
            line = next(each for each in file.read_text(encoding="utf-8").splitlines() if each.startswith("kernel"))
            text = file.read_text(encoding="utf-8").replace(line, f"kernel = {json.dumps(content['kernel'])}", 1)
            files.write_text(launches / "brought" / file.name, text)
        how = {_resolved(reference): each for reference, each in how.items()}
        kernels = []
        for number, kernel in enumerate(found):
            place = f"{kernel.file.relative_to(self.scanned.root).as_posix()}:{kernel.line}"
            kernels.append(Kernel(kernel.reference, place, how.pop(kernel.reference, bounds.GUESSED)))
            if kernels[-1].how == bounds.GUESSED:
                files.write_text(launches / "guessed" / f"{number:04}.toml", kernel.launch)
        for reference, each in how.items():
            file = Path(reference.rpartition(":")[0])
            inside = file.is_relative_to(self.scanned.root)
            kernels.append(Kernel(reference, str(file.relative_to(self.scanned.root) if inside else file), each))
        return kernels

    def _lint(self, oldest: str, newest: str, backends: tuple[str, ...], said: list[str]) -> list[Finding]:
        """What the linter says of the package's own files; why not of all of them goes to ``said``."""
        found, unread = lint.check([self.scanned.root], portable.language(oldest, newest, backends))
        said += [each for each in (each.replace(f"{self.scanned.root}/", "") for each in unread) if each not in said]
        return [each for each in found if not _beside(Path(each.path), self.scanned.root)]

    def _compiled(self, asked: Sequence[cells.Release], launches: Path) -> list[compile_runs.Outcome]:
        out = self.out / "codegen"
        extra = tuple(self.options.with_ or ())
        settings = Settings(None, None, self.options.configs, 120, COMPILE_S)
        request = compile_runs.Request(
            launches, None, self.scanned.root, self.names, extra, self.envs, out, False, settings
        )
        releases = [row.triton for row in asked]
        run = atlas_runs.open_run(out, releases, self.names, self.scanned.root, None, None, whole=False)
        declared = Declared(out, run)
        outcomes = compile_runs.run(list(asked), request, self.options.jobs, declared)
        declared.close()
        return outcomes

    def _tell(
        self,
        kernels: Sequence[Kernel],
        releases: Sequence[str],
        said: Sequence[str],
        findings: Sequence[Finding],
        atlases: Sequence[dict[str, Any]],
        seconds: float,
    ) -> int:
        root = self.scanned.root
        backends = list(dict.fromkeys(name.partition(":")[0] for name in self.names))
        found = [bounds.of(kernels, backend, releases) for backend in backends]
        limits, _ = choice.limits_of(self.scanned.project)
        declared = ", ".join(map(str, limits)) or "nothing on torch or Triton"
        known = {pair.triton: pair for pair in pairs.known()}
        wider = [release for release in found[0].bad if choice.allows(limits, known[release])]
        portable = [each for each in findings if each.rule in ("not-portable", "compile-option-parameter")]
        worse = self._worse(kernels, atlases)
        lines = answer.ranges(found, declared, wider, kernels)
        parts: list[tuple[str, Any]] = [
            (f"{answer.summary(kernels)}, {', '.join(self.names)}", answer.rows(kernels, backends, releases)),
            ("how it was learned", said or ["nothing to say"]),
        ]
        unknown = answer.unknown(kernels, backends, releases)
        parts += [("not known", unknown)] if unknown else []
        if portable:
            parts.append(("the linter", output.text(portable, (), False).replace(f"{root}/", "").splitlines()))
        shown = [
            *worse[:WORSE_SHOWN],
            *([f"and {len(worse) - WORSE_SHOWN} more in scan.json"] if len(worse) > WORSE_SHOWN else []),
        ]
        parts += [("worse code from one release to the next", shown)] if worse else []
        parts.append(("the range", [*lines, f"{seconds:.0f} s"]))
        about = {
            "package": self.scanned.project.name,
            "version": self.scanned.version,
            "seconds": round(seconds, 1),
            "releases": list(releases),
            "targets": list(self.names),
            "declared": declared,
            "declared_allows_bad": wider,
            "pyproject": f"triton{found[0].specifier}" if found[0].specifier else "",
            "said": list(said),
            "worse": worse,
        }
        files.write_json(self.out / "scan.json", answer.as_json(about, kernels, found))
        files.write_text(self.out / "index.html", answer.page(f"{self.scanned.title}: Tritons", parts))
        print(answer.text(parts))
        print(f"{self.out / 'index.html'}, scan.json beside it", file=sys.stderr)
        fails = any(kernel.how != bounds.GUESSED and kernel.on(b, bounds.FAILS) for kernel in kernels for b in backends)
        hit = {"worse": bool(worse), "compile": fails, "range": bool(wider)}
        return 1 if self.options.fail_on and hit[self.options.fail_on] else 0

    def _worse(self, kernels: Sequence[Kernel], atlases: Sequence[dict[str, Any]]) -> list[str]:
        """What got worse of launches that the package makes; guesses say nothing of that."""
        real = {kernel.name for kernel in kernels if kernel.how in ("captured", "brought")}
        found = [
            f"{' -> '.join(step.ends)} {change.label.partition('[')[0]} {change.target}: {change.what}"
            for step in summary.steps(atlases, ())
            for change in step.found
            if change.kind == "worse" and change.label.partition("[")[0] in real
        ]
        return list(dict.fromkeys(found))


def _beside(path: Path, root: Path) -> bool:
    return bool(guess.BESIDE & set(path.relative_to(root).parts))


def _resolved(reference: str) -> str:
    path, _, name = reference.rpartition(":")
    return f"{Path(path).resolve()}:{name}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix scan", description=main.__doc__)
    add = parser.add_argument
    add("what", metavar="WHAT", help="a folder, a wheel, a source archive, or NAME[==VERSION] from the index")
    add("--seconds", type=float, default=120, metavar="S", help="for its tests or examples (default: 120; 0: none run)")
    add("--triton", metavar="A,B,...", help="only these releases (default: all that are known)")
    add("--target", action="append", metavar="TARGET", help=targets.HELP)
    add(
        "--configs", type=int, default=1, metavar="N", help="of a tuned kernel, the first N configurations (default: 1)"
    )
    add("--torch", metavar="VERSION", help="of the environment that captures (default: the newest that is allowed)")
    add(
        "--python", default="3.0", metavar="VERSION", help="the oldest to compile in (default: what the package allows)"
    )
    add("--with", dest="with_", action="append", metavar="REQUIREMENT", help="install this too where kernels compile")
    add("--fail-on", choices=FAIL_ON, help="exit status 1 where this is found")
    add("--out", type=Path, metavar="DIR", help="folder of the answer (default: reports/scan/NAME-VERSION)")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments (default: in the user's cache)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="releases side by side")
    return parser
