"""What lies below the suites and looks like a test, and is not collected: a reader should know, and it may be meant.

Files that ``collect_ignore``, a plugin or ``norecursedirs`` leave out, classes that pytest cannot make, functions that
a conftest takes away, tests whose list of parameters is empty or that are defined again, and assertions of a tuple.
"""

from __future__ import annotations

import ast
import fnmatch
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

NAMED = 3  # files named in a sentence
NO_PARAMETERS = "got empty parameter set"  # how pytest begins its reason


class LeftOut:
    """The hooks.

    Args:
        tell: takes ``note=sentence``.
        root: the repo root, which paths are shown from.
        suites: the files and folders that pytest was given.
    """

    def __init__(self, tell: Callable[..., None], root: Path, suites: list[Path]) -> None:
        self._tell, self._root, self._suites = tell, root, suites
        self._collected: set[str] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: Any) -> Generator[None, Any, Any]:
        """A function or class that looks like a test, and of which nothing is made."""
        made: Any = yield
        looks = collector.istestfunction(obj, name) or collector.istestclass(obj, name)
        if (made is None or made == []) and looks and getattr(obj, "__test__", True):
            self._tell(note=f"{collector.nodeid}::{name} looks like a test, and nothing was collected of it")
        return made

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        """A file that is collected; a class that pytest cannot make, since it has an ``__init__``."""
        report: Any = yield
        if isinstance(collector, pytest.File):
            self._collected.add(os.path.realpath(collector.path))
            for sentence in _void(collector.path) if isinstance(collector, pytest.Module) else ():
                self._tell(note=f"{os.path.relpath(collector.path, self._root)}{sentence}")
        elif isinstance(collector, pytest.Class) and report.passed and not report.result:
            tests = _tests_of(collector)
            if tests:
                self._tell(note=f"{collector.nodeid} is a class that pytest cannot make, so {tests[0]} did not run")
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Files that were not collected, and tests whose parameters are an empty list, which pytest skips."""
        patterns: Any = session.config.getini("python_files")
        files = sorted({file for suite in self._suites for file in _test_files(suite, patterns)})
        missing = [os.path.relpath(file, self._root) for file in files if os.path.realpath(file) not in self._collected]
        if missing:
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            few = "1 file of tests was" if len(missing) == 1 else f"{len(missing)} files of tests were"
            self._tell(note=f"{few} not collected: {', '.join(missing[:NAMED])}{more}")
        empty = {item.nodeid.partition("[")[0] for item in session.items if _has_no_parameters(item)}
        for test in sorted(empty):
            self._tell(note=f"{test} did not run: the list of its parameters is empty")


def _void(path: Path) -> Iterator[str]:
    """What of a file's tests says nothing, to be said after its name: asserted tuples, tests defined again below."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):  # importing it says so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
            yield f":{node.lineno} asserts a tuple, which is always true"
        if isinstance(node, (ast.Module, ast.ClassDef)):
            defined = [each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
            last = {each.name: each for each in defined}
            for each in defined:
                if each.name.startswith("test") and each is not last[each.name]:
                    yield f":{each.lineno} defines {each.name}, which is defined again below, so this one did not run"


def _has_no_parameters(item: pytest.Item) -> bool:
    reasons = (mark.kwargs.get("reason", next(iter(mark.args), "")) for mark in item.iter_markers("skip"))
    return any(str(reason).startswith(NO_PARAMETERS) for reason in reasons)


def _tests_of(collector: Any) -> list[str]:
    return [name for name in dir(collector.obj) if collector.istestfunction(getattr(collector.obj, name, None), name)]


def _test_files(suite: Path, patterns: list[str]) -> Iterator[str]:
    """The files of a suite that hold tests, by their names. A suite that is a file is one."""
    if suite.is_file():
        yield str(suite)
    for folder, below, names in os.walk(suite):
        below[:] = [name for name in below if not name.startswith(".") and name != "__pycache__"]
        if "pyvenv.cfg" in names:  # an environment, with other packages' tests
            below.clear()
            continue
        yield from (os.path.join(folder, name) for name in names if _is_test(name, patterns))


def _is_test(name: str, patterns: list[str]) -> bool:
    return name.endswith(".py") and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
