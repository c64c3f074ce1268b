"""Environments beside the cells' own: made on the first call, reused while what was asked for stays the same.

A stamp in the environment says what it was made from. It is written last, so a half-made environment has none and is
made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

from ..base import cells, commands, display_text, files, locks, pairs, records, sources
from . import builds, contents, harness, interpreters
from .pins import name_of

STAMP = "triton-matrix-requirements.txt"
_CONTENT = "content of "
_LOCAL = re.compile(r"(?P<before>(?:.*@\s*)?(?:file://)?)(?P<path>[^@\[\]]+)(?P<extras>\[.*\])?")
_IMPORTED = (  # by nearly every process that the verbs start; last what not every release has
    "triton.compiler.code_generator",
    "triton.runtime.interpreter",
    "packaging.version",
    "triton_matrix.__main__",
    "triton_matrix.codegen.cli",
    "triton.experimental.gluon.language",
)
_NO_RELEASE = re.compile(r"there (?:is|are) no versions? of|was not found in the package registry")
WAIT_S = 1800.0  # for another that makes the same environment: 5 GB of torch over a slow network


class NoSuchRelease(ValueError):
    """The index has no such release; one sentence."""


def make(
    home: Path,
    python: str,
    requirements: Sequence[str],
    *,
    pins: Iterable[Path] = (),
    overrides: Sequence[str] = (),
    fresh: Iterable[str] = (),
) -> Path:
    """The Python of an environment with exactly this in it, and this harness.

    Args:
        home: the environment's folder.
        python: ``major.minor``; uv brings one that is not installed.
        requirements: what is installed with its own requirements.
        pins: constraint files that are installed first and as they stand.
        overrides: requirements that replace what others ask for, such as ``triton==3.3.1`` beside a torch that pins
            another.
        fresh: installed last, without its requirements, and anew at each call where it is a local path.

    Raises:
        commands.ToolError: uv failed.
        ValueError: there is no uv, or another process is making the same environment and does not end.
    """
    with locks.held(home.parent / f".{home.name}.lock", f"the environment {home}", WAIT_S):
        return _make(home, python, requirements, list(pins), overrides, list(fresh))


def of_release(row: cells.Release, extra: Sequence[str], folder: Path) -> Path:
    """The Python of an environment with just this Triton and what it needs.

    Args:
        extra: requirements to install beside Triton; all requests for a release share one environment. What lies at a
            local path is installed anew where it is not what it was.
        folder: the environments' folder; the release names the environment in it, and its Python where it is not the
            usual one.

    Raises:
        NoSuchRelease: the index does not have it.
        commands.ToolError, ValueError: as of :func:`make`.
    """
    # packaging: kernel files compare versions with it, and it needs nothing itself
    own = row.requirement
    requirements = [own, "packaging", *row.requires]
    usual = row.python == pairs.row_of(row.triton)["python"]
    name = row.environment if usual else f"{row.environment}-py{row.python.replace('.', '')}"
    home = folder / (f"{name}-with" if extra else name)
    try:
        if extra:
            return _with_extras(home, row.python, requirements, extra, row.index)
        with locks.held(home.parent / f".{home.name}.lock", f"the environment {home}", WAIT_S):
            return _make(home, row.python, requirements, [], (), [], row.index)
    except commands.ToolError as problem:
        if _NO_RELEASE.search(problem.tail) and own.partition("==")[0] in problem.tail:
            where = display_text.masked(row.index) if row.index else "the index"
            shutil.rmtree(home, ignore_errors=True)
            asked = own.removeprefix("triton==")
            raise NoSuchRelease(f"triton is {asked!r}, and {where} has no such release") from None
        raise


def _with_extras(
    home: Path, python: str, requirements: Sequence[str], extra: Sequence[str], index: Optional[str] = None
) -> Path:
    """One environment for all extras that a release was ever asked for; a new one is added to those there are.

    Where two requests name the same distribution differently, the later one holds. Where all of them do not go
    together, the environment is made anew with those asked for now.
    """
    extra = [_located(each) for each in extra]
    with locks.held(home.parent / f".{home.name}.lock", f"the environment {home}", WAIT_S):
        stamp = home / STAMP
        had = stamp.read_text(encoding="utf-8").splitlines() if stamp.is_file() else []
        base = [f"python=={python}", *requirements]
        kept = had[len(base) :] if had[: len(base)] == base else []
        kept = [each for each in kept if not each.startswith(_CONTENT) and (each[0] != os.sep or Path(each).exists())]
        union = {name_of(each) or each: each for each in (*kept, *extra)}
        if not kept or set(extra) <= set(kept):
            return _make(home, python, [*requirements, *(kept or extra)], [], (), [], index)
        wanted = [*requirements, *union.values()]
        interpreter = home / "bin" / "python"
        try:
            stamp.unlink()
            install = [commands.uv(), "pip", "install", "--quiet", "--python", str(interpreter)]
            commands.run([*install, *wanted])
            _build_anew(install, set(wanted) - set(kept))
            lines = [f"python=={python}", *wanted, *_contents(wanted)]
            files.write_text(stamp, "\n".join(lines) + "\n")
        except commands.ToolError:
            wanted = [*requirements, *extra]
        return _make(home, python, wanted, [], (), [], index)


def _path_of(requirement: str) -> Optional[Path]:
    """Where a requirement lies on this machine, absolute; None for what an index or an address brings."""
    match = _LOCAL.fullmatch(requirement)
    path = files.as_given(Path(match["path"])) if match else Path()
    return path if match and (os.sep in match["path"] or match["path"][0] == ".") and path.exists() else None


def _located(requirement: str) -> str:
    """The requirement with the local path that it names made absolute, from wherever it was written."""
    match, path = _LOCAL.fullmatch(requirement), _path_of(requirement)
    return f"{match['before']}{path}{match['extras'] or ''}" if match and path else requirement


def _build_anew(install: Sequence[str], requirements: Iterable[str]) -> None:
    """Install what lies at local paths from there once more: uv keeps what it once built of a folder."""
    for each in filter(_path_of, requirements):
        commands.run([*install, "--no-deps", "--reinstall", each])


def _contents(requirements: Iterable[str]) -> list[str]:
    """A line of the stamp for each local path among the requirements, with the digest of all that a build may read."""
    lines = []
    for path in filter(None, map(_path_of, requirements)):
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        read = [
            each
            for each in inside
            if each.name not in ("build", "dist")
            and not sources.left_behind(each.name)
            and not (each / "pyvenv.cfg").is_file()
        ]
        lines.append(f"{_CONTENT}{path}: {sources.digest(read, path.parent)}")
    return lines


def _make(
    home: Path,
    python: str,
    requirements: Sequence[str],
    pins: list[Path],
    overrides: Sequence[str],
    fresh: list[str],
    index: Optional[str] = None,
) -> Path:
    """As of :func:`make`; the first of the requirements comes from ``index`` alone, where one is given."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in pins]
    asked = [f"python=={python}", *digests, *requirements, *(f"override {each}" for each in overrides), *fresh]
    asked += [f"index {display_text.masked(index)}"] if index else []
    asked += _contents(requirements)
    wanted = "\n".join(asked) + "\n"
    interpreter, stamp = home / "bin" / "python", home / STAMP
    local = [each for each in fresh if Path(each).exists()]
    made = interpreter.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted
    edited = list(records.altered(folders=home.glob("lib/python*/site-packages"))) if made else []
    made = made and not edited
    pip, again = [commands.uv(), "pip"], [f"--refresh-package={name}" for name in edited]
    install = [*pip, "install", "--quiet", *again, "--python", str(interpreter)]
    if not made:
        shutil.rmtree(home, ignore_errors=True)  # of an earlier request, or half made
        base_python = interpreters.find_python(python) or python
        try:
            commands.run([commands.uv(), "venv", "--quiet", "--python", base_python, str(home)])
        except commands.ToolError:
            if base_python != python:
                raise
            raise ValueError(interpreters.no_python(python)) from None
        for path in pins:
            commands.run([*pip, "sync", "--quiet", *again, "--python", str(interpreter), str(path)])
        if overrides:
            files.write_text(home / "overrides.txt", "\n".join(overrides) + "\n")
            install += ["--overrides", str(home / "overrides.txt")]
        if index:
            only = ["--index", index, "--default-index", index, "--no-deps"]
            commands.run([*install, *only, requirements[0]], env=builds.without_other_builds())
        if requirements:
            commands.run([*install, *requirements])
        _build_anew(install, requirements)
    for each in fresh if not made else local:
        commands.run([*install, "--no-deps", *(["--reinstall"] if each in local else []), each])
    if not made or harness.other_in(home):
        harness.install(str(interpreter))
        _keep_bytecode(interpreter)
    if not made:
        contents.check(str(interpreter))
    files.write_text(stamp, wanted)
    return interpreter


def _keep_bytecode(python: Path) -> None:
    """Leave the bytecode of what processes of this environment import: without it each takes a third longer.

    Those that the verbs start leave none: a kernel's folder is the user's.
    """
    with contextlib.suppress(commands.ToolError):  # what is wrong with it is said where it is asked
        # -I: whatever the shell says of writing bytecode
        commands.run([str(python), "-I", "-c", f"import {', '.join(_IMPORTED)}"])
