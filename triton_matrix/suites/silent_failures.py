"""Failures that pytest only warns of, or does not hear of: they fail the test, or where that has ended the level.

A test that returns a value or a coroutine, an exception in a thread (joined or late, also after the last test), one
in the end of an object of the package or the suites, an `atexit` function or a coroutine of theirs that nobody waited
for, and a failure that a plugin reports as passed. A test that expects one says so itself, with a `filterwarnings`
mark that ignores pytest's own warning of it. What the package's settings say of warnings changes nothing here.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import unittest
import warnings
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

import pytest

THREAD, UNRAISABLE = "PytestUnhandledThreadExceptionWarning", "PytestUnraisableExceptionWarning"
RETURNED, COROUTINE = "PytestReturnNotNoneWarning", "PytestUnhandledCoroutineWarning"
LINE = 200  # characters of what an exception says
NOT_AWAITED = "coroutine .* was never awaited"


class UnheardFailure(Exception):
    """An exception that pytest would not have failed the test for; it is the cause of this one."""


class Unheard:
    """The hooks.

    Args:
        tell: takes ``unheard=sentence``.
        own: the folders and files of the package and its suites.
    """

    def __init__(self, config: pytest.Config, tell: Callable[..., None], own: list[Path]) -> None:
        self._tell, self._own, self._process = tell, [os.path.realpath(path) for path in own], os.getpid()
        self._item: Optional[pytest.Item] = None  # whose phase it is
        self._last = "the first test"
        self._caught: list[tuple[str, Optional[BaseException]]] = []
        self._started_in: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()
        self._expected: set[str] = set()  # tests that expect an exception in a thread
        self._outer_thread: Callable[[Any], Any] = threading.excepthook
        self._outer_unraisable: Callable[[Any], Any] = sys.unraisablehook
        config.add_cleanup(self._listen)  # the first to be added is the last to be called: to the end of the process
        _fail_what_returns(unittest.TestCase)

    def pytest_sessionstart(self) -> None:
        """Listen, over what pytest's own plugins have set in the meantime."""
        self._listen()

    def _listen(self) -> None:
        if threading.excepthook != self._in_thread:
            self._outer_thread, threading.excepthook = threading.excepthook, self._in_thread
        if sys.unraisablehook != self._unraisable:
            self._outer_unraisable, sys.unraisablehook = sys.unraisablehook, self._unraisable

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """A phase of a test."""
        if ignores(item, THREAD):
            self._expected.add(item.nodeid)
        return (yield from self._phase(item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Likewise."""
        return (yield from self._phase(item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Likewise."""
        return (yield from self._phase(item))

    def _phase(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Fail the phase for what is heard in it. Trylast: pytest up to 8.3 sets hooks of its own for a phase."""
        before = threading.excepthook, sys.unraisablehook
        outer = self._outer_thread, self._outer_unraisable
        self._item, self._last = item, item.nodeid
        self._listen()
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", NOT_AWAITED, RuntimeWarning)
                result = yield
        except BaseException:
            self._caught.clear()  # it fails anyway
            raise
        finally:
            self._item = None
            threading.excepthook, sys.unraisablehook = before
            self._outer_thread, self._outer_unraisable = outer
            for thread in threading.enumerate():
                self._started_in.setdefault(thread, item.nodeid)
        if self._caught:
            caught, self._caught = self._caught, []
            raise UnheardFailure("; ".join(sentence for sentence, _ in caught)) from caught[0][1]
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """A test that returns something did not assert it, and one that is a coroutine did not run."""
        with warnings.catch_warnings():
            for name in (RETURNED, COROUTINE):
                category = getattr(pytest, name, None)
                if category and not ignores(pyfuncitem, name):
                    warnings.simplefilter("error", category)
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """A failure that a plugin, or a conftest, reports as passed."""
        report: Any = yield
        if call.excinfo is not None and report.passed and not hasattr(report, "wasxfail"):
            self._tell(unheard=f"{item.nodeid} failed in its {call.when}, and a plugin reported it as passed")
        return report

    def _in_thread(self, args: threading.ExceptHookArgs) -> None:
        thread = args.thread
        test = self._started_in.get(thread, self._last) if thread else self._last
        if test in self._expected or issubclass(args.exc_type, SystemExit):
            self._outer_thread(args)
            return
        name = thread.name if thread else "a thread"
        self._hear(test, f"an exception in {name}: {_said(args.exc_type, args.exc_value)}", args.exc_value)

    def _unraisable(self, args: Any) -> None:
        mine = self._is_own(args.object) or self._raised_in_own(args.exc_traceback)
        ignored = self._item is not None and ignores(self._item, UNRAISABLE)
        if not mine or ignored or sys.is_finalizing():
            self._outer_unraisable(args)
            return
        what = args.err_msg or "an exception that nobody can catch, in"
        what = f"{what} {getattr(args.object, '__qualname__', type(args.object).__qualname__)}"
        self._hear(self._last, f"{what}: {_said(args.exc_type, args.exc_value)}", args.exc_value)

    def _hear(self, test: str, sentence: str, error: Optional[BaseException]) -> None:
        if os.getpid() != self._process:  # of a child that a test forked: its own affair
            return
        if self._item is not None and self._item.nodeid == test:
            self._caught.append((sentence, error))
        else:
            self._tell(unheard=f"{sentence}; it is of {test}, which had ended")

    def _is_own(self, thing: Any) -> bool:
        """Whether a function, a coroutine or an object of a class is defined in the package or the suites."""
        code = next((getattr(thing, name) for name in ("__code__", "cr_code", "ag_code") if hasattr(thing, name)), None)
        if code is None and hasattr(thing, "__func__"):
            code = getattr(thing.__func__, "__code__", None)
        if code is not None:
            return self._holds(code.co_filename)
        return self._holds(str(getattr(sys.modules.get(type(thing).__module__), "__file__", None) or ""))

    def _raised_in_own(self, traceback: Optional[TracebackType]) -> bool:
        while traceback is not None:
            if self._holds(traceback.tb_frame.f_code.co_filename):
                return True
            traceback = traceback.tb_next
        return False

    def _holds(self, file: str) -> bool:
        path = os.path.realpath(file)
        return any(path == own or path.startswith(own + os.sep) for own in self._own)


def ignores(item: pytest.Item, category: str) -> bool:
    """Whether a mark of the test says that it expects this warning of pytest's."""
    said = [str(word) for mark in item.iter_markers("filterwarnings") for word in mark.args]
    return any(word.startswith(("ignore", "default", "once", "always")) and category in word for word in said)


def _said(kind: Optional[type], error: Optional[BaseException]) -> str:
    """The exception and the first line of its text."""
    line = next(iter(str(error or "").splitlines()), "")[:LINE]
    return f"{kind.__name__ if kind else 'unknown'}: {line}".rstrip(": ")


def _fail_what_returns(case: Any) -> None:
    """Let a method of unittest's test case that returns something fail; from 3.11 on that is a warning."""
    if getattr(case._callTestMethod, "fails_what_returns", False):
        return

    def call(self: Any, method: Callable[[], Any]) -> None:
        returned = method()
        if inspect.iscoroutine(returned):
            returned.close()  # nobody waits for it
        if returned is not None:
            self.fail(f"it returned {type(returned).__name__}, and a test returns nothing: it may not have run")

    call.fails_what_returns = True  # type: ignore[attr-defined]
    case._callTestMethod = call
