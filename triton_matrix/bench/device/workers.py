"""One process a Triton, asked in turns. What ends it or takes too long costs the launch, and not the run."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ...base import commands, env_vars, versions
from ...base.cells import Variant

WORKER = Path(__file__).with_name("worker.py")
PACKAGE = WORKER.parents[3]  # the folder that triton_matrix is imported from
START_S, END_S = 180, 30  # to import torch and Triton; to end a process on the GPU


class Failed(Exception):
    """A launch could not be compiled, computed or timed; one sentence.

    Attributes:
        at: ``load``, ``compile`` or ``launch``.
        ended: whether the process that served it is gone, and another one stands there.
    """

    def __init__(self, said: str, at: str, *, ended: bool = False) -> None:
        super().__init__(said)
        self.at, self.ended = at, ended


class Worker:
    """The process of one Triton, as :mod:`worker` says.

    Attributes:
        path: the folder of its Triton; None is the one that this Python has.
        switches: the variables of the variant that it runs under.
        versions: what it imports: ``python``, ``torch``, ``triton``.
    """

    def __init__(
        self, path: Optional[Path], folder: Path, stack: contextlib.ExitStack, variant: Optional[Variant] = None
    ) -> None:
        """
        Args:
            folder: for its cache and for what it says on its error stream.
            stack: ends the process.
        """
        self.path, self._folder = path, folder
        self._variant = variant.name if variant else ""
        self.switches = dict(variant.env) if variant else {}
        folder.mkdir(parents=True)
        self._errors = folder / "errors.txt"
        channel, theirs = os.pipe()
        stack.callback(os.close, channel)
        command = [sys.executable, "-W", "ignore", str(WORKER), str(theirs)]
        with self._errors.open("wb") as errors:
            options: dict[str, Any] = {"stdin": -1, "stdout": errors, "stderr": errors, "pass_fds": [theirs]}
            self._process = stack.enter_context(commands.group(command, env=self._environ(), **options))
        os.close(theirs)
        self._channel, self._left = channel, b""
        self._serving = 0
        self.versions: dict[str, str] = {}

    def greet(self) -> None:
        """Wait until it has imported torch and its Triton; ValueError where it cannot."""
        hello = self._hear(START_S)
        if "error" in hello:
            raise ValueError(hello["error"])
        self.versions = hello["versions"]
        self._await()

    @property
    def name(self) -> str:
        """Of its column: the release, without what a build adds to it, and the variant."""
        return "+".join(filter(None, (versions.plain(self.versions["triton"]), self._variant)))

    def ask(self, limit_s: float, **request: Any) -> dict[str, Any]:
        """The answer to a request; which there are and what they give, :class:`served.Served` says.

        Raises:
            Failed: it gives none, or says that it cannot.
        """
        assert self._process.stdin is not None
        at = {"open": "load", "compile": "compile"}.get(str(request["do"]), "launch")
        try:
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()
            answer = self._hear(limit_s)
        except TimeoutError:
            self.end()
            self._await()
            raise Failed(f"took more than {limit_s:g} s and was ended", at, ended=True) from None
        except OSError:
            raise Failed(f"its process is gone: {self._last()}", at, ended=True) from None
        if "ended" in answer:
            self._await()
            raise Failed(f"its process {answer['ended']}", at, ended=True)
        if answer.get("lost"):
            self.close()
            raise Failed(answer["error"], answer["at"], ended=True)
        if "error" in answer:
            raise Failed(answer["error"], answer["at"])
        return answer

    def close(self) -> None:
        """Let the process that serves end: the next file's launches have a new one."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(b'{"do": "close"}\n')
            self._process.stdin.flush()
        self._await()

    def _await(self) -> None:
        """A process serves again."""
        try:
            while "process" not in (said := self._hear(START_S)):
                pass  # how the one before it ended
        except (TimeoutError, OSError):
            raise commands.ToolError([str(WORKER)], 1, f"triton {self.versions['triton']}: {self._last()}") from None
        self._serving = int(said["process"])

    def end(self) -> None:
        """End what serves now; whoever waits for it hears so, and another process serves after it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._serving, signal.SIGKILL)

    def _hear(self, limit_s: float) -> dict[str, Any]:
        """The next line; TimeoutError where none comes in time, OSError where none will."""
        until = time.monotonic() + limit_s
        while b"\n" not in self._left:
            ready, _, _ = select.select([self._channel], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            read = os.read(self._channel, 1 << 16)
            if not read:
                raise OSError(self._last())
            self._left += read
        line, _, self._left = self._left.partition(b"\n")
        return dict(json.loads(line))

    def _last(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _environ(self) -> dict[str, str]:
        front = [str(self.path)] if self.path else []
        path = os.pathsep.join(filter(None, [*front, os.environ.get("PYTHONPATH"), str(PACKAGE)]))
        environ = {name: value for name, value in os.environ.items() if name != env_vars.INTERPRET}
        return {
            **environ,
            **self.switches,
            "PYTHONPATH": path,
            "TRITON_CACHE_DIR": str((self._folder / "cache").absolute()),
        }


def unpacked(paths: Sequence[Path]) -> list[Path]:
    """The folders that ``--triton-path`` names, resolved.

    Raises:
        ValueError: one holds no Triton.
    """
    for path in paths:
        if not (path / "triton" / "__init__.py").is_file():
            raise ValueError(
                f"triton-path is {str(path)!r}, which holds no triton/; allowed is a folder with an unpacked Triton"
            )
    return [path.resolve() for path in paths]


@contextlib.contextmanager
def started(paths: Sequence[Path], folder: Path, variants: Sequence[Variant] = ()) -> Iterator[dict[str, Worker]]:
    """A worker for this Python's Triton and for each in front of it: its column's name -> worker, the oldest first.

    Args:
        paths: of unpacked Tritons.
        folder: for what the workers write.
        variants: switches under which each Triton runs once more.

    Raises:
        ValueError: a path holds no Triton, two have one release, or as of :class:`Worker`.
    """
    in_front: list[Optional[Path]] = [None, *unpacked(paths)]
    asked = list(itertools.product(in_front, (None, *variants)))
    with contextlib.ExitStack() as stack:
        starting = [Worker(path, folder / str(number), stack, variant) for number, (path, variant) in enumerate(asked)]
        workers: dict[str, Worker] = {}
        for worker in starting:
            worker.greet()
            if worker.name in workers:
                raise ValueError(f"triton-path is {str(worker.path)!r}, triton {worker.name}, which is there already")
            workers[worker.name] = worker
        yield {name: workers[name] for name in sorted(workers, key=versions.order)}


def all_at_once(workers: Mapping[str, Worker], limit_s: float, **request: Any) -> dict[str, Any]:
    """Ask several workers at the same time: release -> its answer, or what it raised. Nothing is timed meanwhile."""
    import concurrent.futures

    def one(worker: Worker) -> Any:
        try:
            return worker.ask(limit_s, **request)
        except Failed as problem:
            return problem

    with concurrent.futures.ThreadPoolExecutor(max(1, len(workers))) as pool:
        try:
            return dict(zip(workers, pool.map(one, workers.values())))
        except BaseException:  # interrupted: the pool waits for what was asked, which may take minutes
            for worker in workers.values():
                worker.end()
            raise
