"""The verb ``scan``: from a package's name to the Tritons that its kernels work with, with no question and no file."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, locks, pairs, targets
from ..base.commands import UNAVAILABLE
from ..codegen.cli import target_names
from ..launches import guess
from ..releases.codegen_cli import OF_CELLS, choose
from . import bounds, capturing, interpreter, of_cells
from .package import Scanned, bring
from .run import How, Scan

FAIL_ON = ("worse", "compile", "range")


@commands.exit_status("scan")
def main(argv: list[str]) -> int:
    """Say which Tritons a package's kernels work with. It asks nothing and writes nothing into WHAT.

    Exit status 0: there is an answer. 1: --fail-on names what was found, or a release has no answer. 2: cannot ask.
    3: with --cells, no release can be had here, or there is no kernel.
    """
    options = _parser().parse_args(argv)
    if options.seconds < 0:
        raise ValueError(f"--seconds is {options.seconds:g}; allowed is a number from 0 on; with 0 nothing is captured")
    for name, what in (("guesses", "guess"), ("launches", "launch of the package")):
        value = getattr(options, name)
        if not value >= 0:
            raise ValueError(f"--{name} is {value:g}; allowed is a number from 0 on; with 0 no {what} is compiled")
    if not options.guess_seconds > 0:
        raise ValueError(f"--guess-seconds is {options.guess_seconds:g}; allowed is a positive number")
    if bool(options.what) == options.cells:
        raise ValueError(f"WHAT is {options.what!r}; without it --cells takes the package of the table, with it not")
    names = tuple(target_names(options.target or list(OF_CELLS)))
    commands.uv()
    if options.cells:
        table = cells.load_at(options.root)
        how = _how(options, names, (options.envs or table.root / ".nox" / "codegen").resolve(), table.root)
        return of_cells.scan(table, how, options.seconds)
    known = [pair.triton for pair in pairs.known()]
    for each in filter(None, (options.triton or "").split(",")):
        if each not in known:
            raise ValueError(f"--triton is {each!r}; allowed are {', '.join(known)}")
    envs = (options.envs or _cache() / "releases").resolve()
    envs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scanned = bring(options.what, Path(scratch) / "source")
        python = interpreter.newer(scanned.project, not guess.can_read(scanned.root))
        if python:
            return interpreter.again(python, argv, envs)
        out = (options.out or _reports(options.what) / "scan" / scanned.title).resolve()
        with locks.held(out.parent / f".{out.name}.lock", f"the scan in {out}"):
            for each in ("source", "launches", bounds.GUESSED):
                shutil.rmtree(out / each, ignore_errors=True)
            out.mkdir(parents=True, exist_ok=True)
            root = Path(shutil.move(str(scanned.root), str(out / "source")))
            moved = Scanned(root, scanned.project, scanned.version, scanned.requirement)
            return _of_package(moved, out, _how(options, names, envs, root), options)


def _of_package(scanned: Scanned, out: Path, how: How, options: argparse.Namespace) -> int:
    start = time.perf_counter()
    releases, unasked = interpreter.releases(scanned.project, options.python)
    asked = choose(releases, options.triton, None, None)
    if not asked:
        raise ValueError(f"--triton is {options.triton!r}; {'; '.join(unasked)}")
    definitions = guess.kernels(scanned.root)
    if not definitions[0]:
        raise ValueError(f"WHAT is {options.what!r}; no file of {scanned.title} defines a kernel with @triton.jit")

    def capture(folder: Path) -> list[str]:
        if not options.seconds:
            return []
        return capturing.capture(scanned, how.envs, folder, options.seconds, options.torch)

    status, content = Scan(scanned, out, how, unasked).run(definitions, asked, capture, start)
    hit = bool(content and options.fail_on and _hits(content)[options.fail_on])
    return max(1 if status == UNAVAILABLE else status, int(hit))


def _hits(content: dict[str, Any]) -> dict[str, bool]:
    """What of --fail-on was found."""
    real = [kernel["status"].values() for kernel in content["kernels"] if kernel["how"] in ("captured", "brought")]
    fails = any("fails" in by_release.values() for of_backends in real for by_release in of_backends)
    return {"worse": bool(content["worse"]), "compile": fails, "range": bool(content["declared_allows_bad"])}


def _how(options: argparse.Namespace, names: tuple[str, ...], envs: Path, root: Path) -> How:
    """How kernels are compiled, as the options say.

    Raises:
        ValueError: --source-root is no folder of the package.
    """
    source_root: Optional[Path] = options.source_root and root / options.source_root
    if source_root and not source_root.is_dir():
        raise ValueError(f"--source-root is {str(options.source_root)!r}; allowed is a folder of the package")
    with_ = tuple(options.with_ or ())
    limits = (options.guess_seconds, options.guesses, options.launches)
    return How(names, with_, options.configs, options.jobs, envs, *limits, source_root)


def _reports(what: str) -> Path:
    """``reports`` in the current folder, unless that lies in the package: nothing is written there."""
    here = Path.cwd()
    if Path(what).is_dir() and here.is_relative_to(Path(what).resolve()):
        return _cache()
    return here / "reports"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "triton-matrix"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix scan", description=main.__doc__)
    add = parser.add_argument
    add("what", metavar="WHAT", nargs="?", help="a folder, a wheel, a source archive, or NAME[==VERSION] of an index")
    add("--cells", action="store_true", help="the package of the table here, on its cells' releases, as plain nox asks")
    add("--seconds", type=float, default=120, metavar="S", help="for its tests or examples (default: 120; 0: none run)")
    add(
        "--guesses", type=float, default=600, metavar="S", help="for all guesses together (default: 600; 0: none asked)"
    )
    add("--launches", type=float, default=600, metavar="S", help="for all launches of the package (default: 600)")
    add("--guess-seconds", type=float, default=20, metavar="S", help="for one guess in one release (default: 20)")
    add("--triton", metavar="A,B,...", help="only these releases (default: all that are known)")
    add("--target", action="append", metavar="TARGET", help=targets.HELP)
    add(
        "--configs", type=int, default=1, metavar="N", help="of a tuned kernel, the first N configurations (default: 1)"
    )
    add("--torch", metavar="VERSION", help="of the environment that captures (default: the newest that is allowed)")
    add(
        "--python", default="3.0", metavar="VERSION", help="the oldest to compile in (default: what the package allows)"
    )
    add("--source-root", type=Path, metavar="DIR", help="folder of WHAT where absolute imports start (default: found)")
    add("--with", dest="with_", action="append", metavar="REQUIREMENT", help="install this too where kernels compile")
    add("--fail-on", choices=FAIL_ON, help="exit status 1 where this is found")
    add("--out", type=Path, metavar="DIR", help="folder of the answer (default: reports/scan/NAME-VERSION)")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments (default: in the user's cache)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="releases side by side")
    cells.add_root(parser)
    return parser
