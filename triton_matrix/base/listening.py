"""Notes what running Python code reads from outside: files, folders, links, what is not there, environment variables.

Python tells of opened files and listed folders itself (``sys.addaudithook``). Of ``os.stat`` and its kin, and of
``os.environ``, it tells nothing: functions and a class that note and pass on take their places, for good.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import pathlib
import platform
import site
import sys
import sysconfig
import threading
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, Callable, Optional

from . import reads
from .reads import Reads


def _folders(*paths: Optional[str]) -> tuple[str, ...]:
    return tuple({folder + os.sep for folder in paths if folder})


_PATHS = sysconfig.get_paths()
_ZIPPED = f"{os.path.dirname(_PATHS['stdlib'])}{os.sep}python{sysconfig.get_config_var('py_version_nodot')}.zip"
_LIBRARY = _folders(_PATHS["stdlib"], _PATHS["platstdlib"], os.path.dirname(os.path.realpath(os.__file__)), _ZIPPED)
INSTALLED = _folders(_PATHS["purelib"], _PATHS["platlib"], *site.getsitepackages(), site.getusersitepackages())
HARNESS = str(Path(__file__).parents[1]) + os.sep
_KIND = ("exists", "isfile", "isdir", "is_file", "is_dir")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn", "socket.connect")
# what a forked child reads, and what SQLite does in C, is noted by nobody
_UNHEARD = ("os.fork", "os.forkpty", "sqlite3.connect")


class Notes:
    """What is noted, and of what.

    Args:
        of: whether a path, which is absolute, is one to note.
        by: whether what code asks counts: the question, and the file of the nearest code that is neither Python's own
            nor this harness's, "" where there is none.

    Attributes:
        reads: all that was read so far.
    """

    def __init__(self, of: Callable[[str], bool], by: Callable[[str, str], bool]) -> None:
        self._of, self.by = of, by
        self.reads: Reads = {}
        self._made: set[tuple[str, str]] = set()

    def note(self, question: str, subject: str) -> None:
        """Note the answer of now, unless it was noted before or is this process's own doing."""
        answers = self.reads.setdefault(question, {})
        if subject not in answers and (question, subject) not in self._made:
            answers[subject] = reads.answer(question, subject)

    def note_path(self, question: str, path: str) -> None:
        """The same of a path, where it is one to note."""
        if self._of(path):
            self.note(question, path)

    def made(self, question: str, subject: str) -> None:
        """This process sets a variable, or makes or removes a path: what it reads there later is no news."""
        self._made.add((question, subject))

    def inputs(self) -> Reads:
        """What was read and not changed by this process, before or later."""
        paths = {name for question, name in self._made if question == "content"}
        folders = {os.path.dirname(path) for path in paths}
        return {
            question: {
                name: said
                for name, said in answers.items()
                if name not in paths and not (question == "names" and name in folders)
            }
            for question, answers in self.reads.items()
        }


@contextlib.contextmanager
def listening(notes: Notes) -> Iterator[Notes]:
    """Note what is read inside the block, by all threads.

    Modules that are not installed are compiled from their sources meanwhile: Python would take a bytecode file for its
    source where the time, in whole seconds, and the size agree.
    """
    _install()
    platform._uname_cache = None  # type: ignore[attr-defined]  # what it was told before nobody noted
    before, _current[0] = _current[0], notes
    try:
        yield notes
    finally:
        _current[0] = before


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Note nothing of what this thread reads inside the block."""
    before, _busy.now = getattr(_busy, "now", False), True
    try:
        yield
    finally:
        _busy.now = before


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Note nothing of what is read inside the block, which takes as long there as if nobody listened."""
    before, _current[0] = _current[0], None
    environment = type(os.environ)
    os.environ.__class__ = _PLAIN
    try:
        yield
    finally:
        os.environ.__class__ = environment
        _current[0] = before


def looked_for(path: str, question: str = "import") -> None:
    """Something of a path is looked for in a way that Python does not tell."""
    _note_path(question, path)


def is_library(path: str) -> bool:
    """Whether a path belongs to Python, to an installed distribution or to this harness."""
    return path.startswith((*_LIBRARY, *INSTALLED, HARNESS, "/dev/"))


_current: list[Optional[Notes]] = [None]
_PLAIN: Any = type(os.environ)
_busy = threading.local()


@contextlib.contextmanager
def _noting(question: str) -> Iterator[Optional[Notes]]:
    """The notes of now, where the code that asks counts. What noting itself reads is not noted."""
    notes = None if getattr(_busy, "now", False) else _current[0]
    with quietly():
        yield notes if notes and notes.by(question, _asker()) else None


def _asker() -> str:
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        ours = name.startswith(("<frozen", HARNESS)) or name == "<string>"
        if not ours and (name.startswith(INSTALLED) or not name.startswith(_LIBRARY)):
            return str(name)
        frame = frame.f_back
    return ""


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if _current[0] is None:
        return
    if event == "open":
        _hear_open(args[0], args[2])
    elif event in ("os.listdir", "os.scandir"):
        if not sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):  # it looks for certain names only
            _note_path("names", os.getcwd() if args[0] is None else args[0])
    elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link"):
        for path in args[:2]:
            _made(path)
    elif event == "import":
        _note_path("content", args[1])  # of a compiled module
    elif event == "ctypes.dlopen" and isinstance(args[0], str):
        if os.path.isabs(args[0]):
            _note_path("content", args[0])
        else:
            _note("program", args[0])
    elif event == "socket.gethostname":
        _note("machine", "name")
    elif event in _PROGRAMS or event in _UNHEARD:
        _note("program", event)


def _hear_open(path: Any, flags: int) -> None:
    access = flags & os.O_ACCMODE
    if access != os.O_WRONLY and not flags & os.O_TRUNC:
        _note_path("content", path)
    if access != os.O_RDONLY:
        _made(path)


def _note(question: str, subject: str) -> None:
    with _noting(question) as notes:
        if notes:
            notes.note(question, subject)


def _note_path(question: str, path: Any) -> None:
    with _noting(question) as notes:
        text = _text(path) if notes else ""
        if notes and text:
            if text.endswith(".pyc"):
                with contextlib.suppress(ValueError, NotImplementedError):
                    text = importlib.util.source_from_cache(text)
            notes.note_path(question, text)


def _made(path: Any) -> None:
    notes, text = _current[0], _text(path)
    if notes and text and not getattr(_busy, "now", False):
        notes.made("content", text)


def _text(path: Any) -> str:
    """A path, absolute; "" for what is none, such as an open file's number."""
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else ""


@functools.cache
def _install() -> None:
    sys.addaudithook(_hear)  # it cannot be taken away again
    os.environ.__class__ = _Environ
    for name, question in (("stat", "kind"), ("access", "kind"), ("lstat", "link"), ("readlink", "link")):
        _take_place(name, question)
    uname = os.uname

    def telling_uname() -> Any:
        _note("machine", "name")
        return uname()

    os.uname = telling_uname
    path_stats = SourceFileLoader.path_stats

    def path_stats_of_installed(self: SourceFileLoader, path: str) -> Any:
        if _current[0] is not None and not is_library(path):
            raise OSError  # so that no bytecode is looked for
        return path_stats(self, path)

    SourceFileLoader.path_stats = path_stats_of_installed  # type: ignore[method-assign]


def _take_place(name: str, question: str) -> None:
    function = getattr(os, name)

    @functools.wraps(function)
    def telling(*args: Any, **kwargs: Any) -> Any:
        if _current[0] is not None and kwargs.get("dir_fd") is None:
            path = args[0] if args else kwargs.get("path")
            _note_path(question if kwargs.get("follow_symlinks", True) else "link", path)
            if name == "stat" and not _asks_for_kind():
                _note_path("size", path)
        return function(*args, **kwargs)

    for can in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
        if function in can:
            can.add(telling)
    setattr(os, name, telling)
    accessor = getattr(pathlib, "_NormalAccessor", None)  # until Python 3.10 it keeps its own references
    if accessor is not None and getattr(accessor, name, None) is function:
        setattr(accessor, name, staticmethod(telling))


def _asks_for_kind() -> bool:
    """Whether ``os.stat`` is called to see if there is a file or a folder, and for nothing more."""
    frame: Any = sys._getframe(2)
    for _ in range(2):  # pathlib has a method in between
        if frame is not None and frame.f_code.co_name in _KIND and frame.f_code.co_filename.startswith(_LIBRARY):
            return True
        frame = frame and frame.f_back
    return False


class _Environ(_PLAIN):  # type: ignore[misc]
    """The environment, telling which variables are looked at."""

    def __getitem__(self, key: str) -> str:
        if _current[0] is not None and isinstance(key, str):
            _note("variable", key)
        return str(super().__getitem__(key))

    def __iter__(self) -> Iterator[str]:
        if _current[0] is not None:
            _note("variable", reads.ALL)
        return iter(super().__iter__())

    def __setitem__(self, key: str, value: str) -> None:
        super().__setitem__(key, value)
        if _current[0] is not None:
            _current[0].made("variable", key)
