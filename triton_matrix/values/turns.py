"""Programs of one launch, one after the other; one that waits for another lets it run, as on a device.

A program that waits stands in a thread of its own. Only the thread whose turn it is runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Optional

from .memory import Memory

Program = tuple[int, int, int]


class Turns:
    """Runs programs in their order, as far as they do not wait.

    Attributes:
        done: those that ended, in the order in which they did.
    """

    def __init__(self, programs: Iterable[Program], run: Callable[[Program], None], enter: Callable[[Program], None]):
        """
        Args:
            run: runs a program to its end.
            enter: makes a program the current one: when it begins, and whenever it has the turn again.
        """
        self.done: list[Program] = []
        self._left = list(reversed(list(programs)))
        self._run, self._enter = run, enter
        self._current: Program = (0, 0, 0)
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        # the threads that are not through, by number: whether what each waits for is there
        self._standing: dict[int, Callable[[], bool]] = {}
        self._turn, self._count = -1, 0
        self._ended = False
        self._problem: Optional[BaseException] = None

    def all(self, memory: Memory) -> None:
        """Run every program.

        Raises:
            NotApplicable: all that are left wait for what none of them does.
            Exception: what a program raised.
        """
        memory.wait = self._wait
        try:
            self._work()
            with self._changed:
                self._changed.wait_for(lambda: not self._standing or self._problem is not None)
        finally:
            with self._changed:
                self._ended = memory.closed = True
                self._changed.notify_all()
            for thread in self._threads:
                thread.join()
            memory.wait, memory.closed = None, False
        if self._problem is not None:
            raise self._problem

    def _work(self) -> None:
        """A thread's life: it runs programs until none is left, and gives the turn on."""
        with self._changed:
            me, self._count = self._count, self._count + 1
            self._standing[me] = lambda: True
            self._turn = me
            self._changed.notify_all()
        try:
            while self._left and self._problem is None:
                self._current = program = self._left.pop()
                self._enter(program)
                self._run(program)
                self.done.append(program)
        except BaseException as problem:
            if me == 0:
                raise
            if not self._ended:
                self._problem = problem
        finally:
            with self._changed:
                del self._standing[me]
                self._turn = self._next(next(iter(self._standing), -1))
                self._changed.notify_all()

    def _next(self, otherwise: int) -> int:
        """The thread whose turn it is: the first that has what it waits for."""
        if self._ended:
            return otherwise
        return next((number for number, ready in self._standing.items() if ready()), otherwise)

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Let other programs run until ``ready`` says so, or until none of them can go on."""
        program = self._current
        with self._changed:
            me = self._turn
            self._standing[me] = ready
            if self._left:
                self._turn = -1  # it is the new thread's
                self._threads.append(threading.Thread(target=self._work, daemon=True))
                self._threads[-1].start()
            else:
                self._turn = self._next(me)
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._turn == me or self._ended or (me == 0 and self._problem is not None))
        if self._problem is not None:
            raise self._problem
        self._current = program
        self._enter(program)
