"""Results that were compiled before, kept by all that decides them: settings, release, target, our own code's version,
and what the kernel's module read while it was loaded.

What a module reads is known once it has been loaded. So ``<release>.reads.json`` keeps, by kernel's file, what was read
each time; ``<release>.json`` keeps the rows, by settings and reads. A row is found again where all that was read is as
it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import compiler_variables, env_vars, locks, records
from ..base.files import write_text
from ..base.listening import is_library
from ..base.reads import Reads, changed
from ..base.sources import sha256
from ..launches import import_names
from ..launches.configuration import Configuration
from ..launches.loading import KernelError, file_of
from . import batches
from .batches import Rows, Settings
from .compile import Result

KEPT = 20_000  # rows per release; the oldest go first
WAIT_S = 10  # for another run that writes its results; what is not kept is compiled again
KEPT_READS = 12  # for each kernel's file: what was read on so many occasions; the oldest go first


class Kept:
    """Rows of one Triton release, in two files under ``folder``; ``folder=None`` keeps nothing.

    A row is any JSON. It is kept by the kernel's file, by what was asked and by what the module read; ``asked`` says
    all else that decides it.
    """

    def __init__(self, folder: Optional[Path], release: str, toolchain: Callable[[], str]):
        """``toolchain`` gives a digest of what decides all rows alike; it is asked once, with the first question."""
        self.path = folder / f"{release}.json" if folder else None
        self._toolchain = functools.cache(toolchain)
        self._entries = _content(self.path)
        self._reads = _content(self._reads_path)
        self._files: dict[str, str] = {}  # by kernel
        self._unchanged: dict[str, dict[str, Reads]] = {}  # by file: the reads that are answered alike now, by digest
        self._changed = False

    @property
    def _reads_path(self) -> Optional[Path]:
        return self.path and self.path.with_suffix(".reads.json")

    def rows(self, kernel: str, asked: Any) -> Iterator[tuple[Any, Reads]]:
        """What was kept of this question while all that its kernel's module reads was as it is now, newest first.

        Raises:
            KernelError: its source cannot be read.
        """
        if self.path:
            self._toolchain()  # before Triton is imported: that of 2.3.1 shows distributions inside setuptools
        for digest, reads in self._now(self.file(kernel)).items():
            kept = self._entries.get(self.key_of(kernel, asked, digest))
            if kept:
                yield kept, reads

    def keep(self, kernel: str, asked: Any, row: Any, reads: Reads) -> None:
        """Keep a row, unless what the module read has no answer that lasts."""
        if reads.get("program"):
            return
        file, digest = self.file(kernel), _digest(reads)
        known = self._reads.get(file)
        known = [each for each in known if each != reads] if isinstance(known, list) else []
        self._reads[file] = [*known, reads][-KEPT_READS:]
        self._entries[self.key_of(kernel, asked, digest)] = row
        self._unchanged.pop(file, None)
        self._changed = True

    def save(self) -> None:
        """Write what is new beside what other runs wrote meanwhile; nothing where there is no folder or no room."""
        if not (self.path and self._reads_path and self._changed):
            return
        with (
            contextlib.suppress(ValueError, OSError),
            locks.held(self.path.with_suffix(".lock"), "what is kept", WAIT_S),
        ):
            reads = _content(self._reads_path)
            for file, known in self._reads.items():
                others = reads.pop(file, [])
                others = [each for each in others if each not in known] if isinstance(others, list) else []
                reads[file] = [*others, *known][-KEPT_READS:]
            entries = {name: rows for name, rows in _content(self.path).items() if name not in self._entries}
            entries.update(self._entries)
            write_text(self._reads_path, json.dumps(reads))
            write_text(self.path, json.dumps(dict(list(entries.items())[-KEPT:])))

    def key_of(self, kernel: str, asked: Any, reads: str) -> str:
        """What a row is kept under; ``reads`` is the digest of what the module read."""
        return _digest([self._toolchain(), self.file(kernel), reads, asked])

    def file(self, kernel: str) -> str:
        """The kernel's file; KernelError where it cannot be read."""
        if kernel not in self._files:
            path = file_of(kernel)
            if path is None:
                raise KernelError(f"kernel is {kernel!r}; its module has no Python source")
            import_names.check(path)
            self._files[kernel] = str(path)
        return self._files[kernel]

    def _now(self, file: str) -> dict[str, Reads]:
        """Of all that the module in ``file`` was seen to read: what is as it was, by its digest, the newest first."""
        if file not in self._unchanged:
            known = self._reads.get(file, [])
            current = [each for each in reversed(known) if _is_now(each)] if isinstance(known, list) else []
            self._unchanged[file] = {_digest(each): each for each in current}
        return self._unchanged[file]


class Cache(Kept):
    """What one Triton release made of configurations."""

    def __init__(self, folder: Optional[Path], release: str, settings: Optional[Settings] = None):
        of = settings or Settings()
        said: list[Any] = [str(of.source_root), of.configs, of.torch_version]
        said += [of.compile_seconds] if of.guesses else []  # what takes longer is kept too
        said += ["once"] if of.repeats == 1 and not of.guesses else []
        super().__init__(folder, release, lambda: of_this_python(code_digest(), release, said))

    def key(self, configuration: Configuration, reads: str = "") -> str:
        """As of :meth:`Kept.key_of`."""
        return self.key_of(configuration.kernel, _asked(configuration), reads)

    def get(self, configuration: Configuration) -> Optional[Rows]:
        """The rows kept of ``configuration``, called as it is now; None where there are none that can be read."""
        for kept, reads in self.rows(configuration.kernel, _asked(configuration)):
            with contextlib.suppress(AttributeError, KeyError, TypeError):
                return [_row(configuration, row, reads) for row in kept]
        return None

    def put(self, configuration: Configuration, rows: Rows) -> None:
        """Keep the rows of ``configuration``, unless one of them may be another the next time."""
        if not all(result.lasting for _, result in rows):
            return
        kept = [
            {
                "shown": list(row.settings[len(configuration.settings) :]),
                "constexprs": row.constexprs,
                "options": row.options,
                "result": {name: getattr(result, name) for name in _KEPT_OF_RESULT},
            }
            for row, result in rows
        ]
        self.keep(configuration.kernel, _asked(configuration), kept, rows[0][1].reads)


def _asked(configuration: Configuration) -> list[Any]:
    """What of a configuration decides its result, besides its kernel's file."""
    asked = [configuration.function, configuration.target, configuration.args, configuration.constexprs]
    return [*asked, configuration.options, sorted(configuration.hints)]


def of_this_python(code: str, release: str, settings: Sequence[Any]) -> str:
    """Digest of what decides every result of this Python's Triton: that and all else that is installed, how Python
    runs, the variables, and our own code.

    Args:
        code: digest of our code that makes the results.
    """
    python = [sys.version, sys.flags.optimize, [place for place in sys.path if not is_library(place + os.sep)]]
    return _digest([code, release, *python, *settings, installed(), variables(), triton_files()])


_KEPT_OF_RESULT = ("status", "metrics", "reason", "seconds", "cpu_seconds", "crash", "unanswered", "warnings", "source")


def _content(path: Optional[Path]) -> dict[str, Any]:
    """What a file of the cache holds; nothing where it is not ours, or from a disk that filled up."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _row(configuration: Configuration, kept: dict[str, Any], reads: Reads) -> tuple[Configuration, Result]:
    """A row as it was put; TypeError or KeyError where it is not one."""
    settings = (*configuration.settings, *map(str, kept["shown"]))
    result = Result(**{**kept["result"], "warnings": tuple(kept["result"]["warnings"])}, reads=reads)
    numbers = [*result.metrics.values(), result.seconds, result.cpu_seconds]
    if result.status not in ("ok", "n/a", "error") or not all(type(number) in (int, float) for number in numbers):
        raise TypeError
    constexprs, options = dict(kept["constexprs"]), dict(kept["options"])
    return dataclasses.replace(configuration, settings=settings, constexprs=constexprs, options=options), result


def _is_now(reads: Any) -> bool:
    try:
        return not changed(reads)
    except (AttributeError, TypeError):  # it is none
        return False


def _digest(reads: Any) -> str:
    return hashlib.sha256(json.dumps(reads, sort_keys=True).encode()).hexdigest()


@functools.cache
def installed() -> str:
    """Digest of what is installed besides this harness, file by file: it decides what is stood in for."""
    others = sorted(item for item in records.installed().items() if item[0] != "triton-matrix")
    return _digest(others)


def default_folder() -> Path:
    """``$TRITON_MATRIX_CACHE``, or triton-matrix/codegen in the user's cache folder."""
    own = os.environ.get(env_vars.CACHE)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "triton-matrix" / "codegen"


def variables() -> dict[str, str]:
    """The environment variables that change what Triton compiles; one that names a file with the file's digest."""
    asked = compiler_variables.of_shell(os.environ)
    return {name: f"{value} {sha256(Path(value))}" if os.path.isfile(value) else value for name, value in asked.items()}


@functools.cache
def triton_files() -> str:
    """Digest of names, sizes and times of Triton's files: another build may have the same version."""
    hasher = hashlib.sha256()
    spec = importlib.util.find_spec("triton")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                status = path.stat()
                hasher.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return hasher.hexdigest()


@functools.cache
def code_digest() -> str:
    """Of our own code that compiles: what another version of it made is made again."""
    return import_names.digest_with_siblings(Path(batches.__file__))
