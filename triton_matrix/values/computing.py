"""Launches in many releases: a child for each, all on the same programs, and none lost where one of them ends it."""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import commands, compiler_variables, reads
from ..base.children import Children
from ..base.reads import Reads
from ..codegen.worker import IMPORT_SECONDS
from ..launches.import_names import digest_with_siblings
from .outcomes import ENDED, LOST, READ, SECONDS, Change, Outcome, change_of, read

HANGS = 20  # times its budget of CPU time that a launch may take here: a machine may do other things too
TIMED_OUT = 124
CHILD, COMPARE = Path(__file__).with_name("child.py"), Path(__file__).with_name("compare.py")
PACKAGE = CHILD.parents[2]  # the folder that triton_matrix is imported from


def compute(
    pythons: Mapping[str, str],
    launches: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    torch: Optional[Mapping[str, str]] = None,
    jobs: int = 2,
    ended: Callable[[str, int, str], None] = lambda *told: None,
    **settings: Any,
) -> dict[str, dict[str, Outcome]]:
    """Compute launches in releases.

    A launch that some release has no time for is computed again in all of them, on as many programs as that one did:
    what is compared has run the same programs everywhere.

    Args:
        pythons: release -> the Python that has it.
        launches: as :func:`description.prepared` takes them; each has a name of its own.
        folder: where the children's files go, a folder each.
        torch: release -> the torch that modules are told of where it is not installed.
        ended: is called as each release has answered: how many launches had to be computed, and why it has no answer.
        settings: of the children's request: ``target``, ``source_root``, ``most``, ``seconds``, ``without``,
            ``arrays``, ``kept``, ``path`` (folders to import from).

    Returns:
        release -> launch -> what became of it; a release whose child ended outside of every launch is left out.

    Raises:
        ValueError: two launches share a name.
    """
    names = [launch["name"] for launch in launches]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two launches are called {twice!r}; each needs a name of its own")
    children = Children()

    def ask(
        release: str, asked: Sequence[Mapping[str, Any]], turn: str, seconds: float
    ) -> Optional[dict[str, Outcome]]:
        request = {"code": code_digest(), **settings, "launches": list(asked), "torch": (torch or {}).get(release)}
        request["seconds"] = seconds
        timeout_s = 60 + HANGS * seconds * len(asked)
        try:
            outcomes = _of_one(pythons[release], request, folder / release / turn, timeout_s, children)
        except commands.ToolError as problem:
            ended(release, 0, str(problem))
            return None
        ended(release, read_of(folder / release / turn)[0], "")
        return outcomes

    def all_releases(
        some: Iterable[str], asked: Sequence[Mapping[str, Any]], turn: str, seconds: float
    ) -> dict[str, dict[str, Outcome]]:
        with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
            futures = {release: pool.submit(ask, release, asked, turn, seconds) for release in some}
            try:
                by_release = {release: future.result() for release, future in futures.items()}
            except BaseException:  # it is interrupted: nothing more begins, and what runs ends
                for future in futures.values():
                    future.cancel()
                children.end()
                raise
        return {release: rows for release, rows in by_release.items() if rows is not None}

    seconds = float(settings.get("seconds", SECONDS))
    answers = all_releases(pythons, launches, "first", seconds)
    again = []
    for launch in launches:
        ran = [len(rows[launch["name"]].programs) for rows in answers.values() if rows[launch["name"]].status == "late"]
        ran = [count for count in ran if count > 1]
        if ran:
            again.append({**launch, "most": min(ran)})
    if again:  # the same programs everywhere: they took about that long, and may take a little longer now
        for release, rows in all_releases(list(answers), again, "again", 2 * seconds).items():
            answers[release].update(rows)
    return answers


@functools.cache
def code_digest() -> str:
    """Digest of this room's code and of all that it uses: what it computes may be another with another one."""
    both = [digest_with_siblings(each) for each in (CHILD, COMPARE)]
    return hashlib.sha256("".join(both).encode()).hexdigest()


def read_of(folder: Path) -> tuple[int, Reads]:
    """How many launches the children in a folder had to compute, and what the kernels' modules read."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob(READ))]
    return sum(each["computed"] for each in records), reads.merged(each["read"] for each in records)


def shared(
    python: str, shares: Sequence[Sequence[Mapping[str, Any]]], folder: Path, **settings: Any
) -> dict[str, Outcome]:
    """Compute launches in one Python, a process for each share of them, side by side; launch -> what became of it.

    Args:
        settings: as of :func:`compute`, and ``level``.

    Raises:
        commands.ToolError: as of :func:`compute`.
    """
    children = Children()

    def ask(number: int) -> dict[str, Outcome]:
        request = {**settings, "launches": list(shares[number])}
        timeout_s = IMPORT_SECONDS + SECONDS * len(shares[number])
        return _of_one(python, request, folder / str(number), timeout_s, children)

    with concurrent.futures.ThreadPoolExecutor(max(1, len(shares))) as pool:
        try:
            return {name: outcome for rows in pool.map(ask, range(len(shares))) for name, outcome in rows.items()}
        except BaseException:
            children.end()
            raise


def _of_one(
    python: str, request: Mapping[str, Any], folder: Path, timeout_s: float, children: Optional[Children] = None
) -> dict[str, Outcome]:
    """One Python's outcomes; a launch that ends its child has crashed, and the rest go on in another one."""
    left, outcomes, turn = list(request["launches"]), {}, 0
    while left:
        out = folder / str(turn)
        out.mkdir(parents=True)
        asked = out / "request.json"
        asked.write_text(json.dumps({**request, "launches": left}), encoding="utf-8")
        command = [python, "-W", "ignore", str(CHILD), str(asked), str(out)]
        try:
            done = commands.captured(command, env=_environ(request, out), timeout_s=timeout_s, children=children)
            status, said = done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            status, said = TIMED_OUT, f"took more than {timeout_s:g} s together"
        arrays = Path(request["arrays"]) if request.get("arrays") else None
        rows = read(out, arrays) if (out / "rows.jsonl").is_file() else {}
        if status == TIMED_OUT:  # which is no fault of the launch that was under way
            for name, outcome in rows.items():
                if outcome.row["reason"] == ENDED:
                    row = {"launch": name, "status": "late", "reason": f"this release's launches {said}"}
                    rows[name] = Outcome(name, row, outcome.folder)
        last = "\n".join(said.strip().splitlines()[-commands.TAIL_LINES :])
        crashed = any(outcome.status == "crashed" for outcome in rows.values())
        if (status not in (0, LOST, TIMED_OUT) and not crashed) or not rows:
            raise commands.ToolError(command, status, last)
        outcomes.update(rows)
        left, turn = [launch for launch in left if launch["name"] not in outcomes], turn + 1
    return outcomes


def changes(python: str, outcomes: Mapping[str, Mapping[str, Outcome]], folder: Path) -> list[Change]:
    """How launches differ between each release and the one before it.

    Args:
        python: one of the releases' Pythons; it compares, since this one may have no numpy.
        outcomes: as of :func:`compute`, oldest release first.
        folder: for the files of this.

    Raises:
        commands.ToolError: what was left of a launch is not whole.
    """
    asked: dict[str, dict[str, Any]] = {}
    for release, rows in outcomes.items():
        for launch, outcome in rows.items():
            asked.setdefault(launch, {})[release] = {"row": dict(outcome.row), "folder": str(outcome.folder)}
    return _compared(python, {"launches": asked}, folder)


def pairs(python: str, asked: Sequence[Mapping[str, Any]], folder: Path) -> list[Change]:
    """How each of two outcomes differ, as :mod:`compare` takes pairs of them; arguments as of :func:`changes`."""
    return _compared(python, {"pairs": list(asked)}, folder)


def _compared(python: str, asked: Mapping[str, Any], folder: Path) -> list[Change]:
    folder.mkdir(parents=True, exist_ok=True)
    request, out = folder / "compare.json", folder / "changes.json"
    request.write_text(json.dumps(asked), encoding="utf-8")
    commands.run([python, "-W", "ignore", str(COMPARE), str(request), str(out)], env=_environ({}, folder))
    return [change_of(each) for each in json.loads(out.read_text(encoding="utf-8"))]


def _environ(request: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """What a child is given: on a device this process' own variables and path, which may put a Triton in front."""
    if request.get("level") != "device":
        path = os.pathsep.join([*request.get("path", ()), str(PACKAGE)])
        return {**compiler_variables.without(os.environ), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(PACKAGE))))
    return {**os.environ, "PYTHONPATH": path, "TRITON_CACHE_DIR": str(folder / "cache")}
