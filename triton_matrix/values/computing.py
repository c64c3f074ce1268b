"""Launches in many releases: a child for each, all on the same programs, and none lost where one of them ends it."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import commands, compiler_variables
from .outcomes import LOST, Change, Outcome, change_of, read

CHILD, COMPARE = Path(__file__).with_name("child.py"), Path(__file__).with_name("compare.py")
PACKAGE = CHILD.parents[2]  # the folder that triton_matrix is imported from


def compute(
    pythons: Mapping[str, str],
    launches: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    torch: Optional[Mapping[str, str]] = None,
    jobs: int = 2,
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
        settings: of the children's request: ``target``, ``source_root``, ``most``, ``seconds``, ``without``.

    Returns:
        release -> launch -> what became of it.

    Raises:
        commands.ToolError: a child ended outside of every launch.
        ValueError: two launches share a name.
    """
    names = [launch["name"] for launch in launches]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two launches are called {twice!r}; each needs a name of its own")
    seconds = float(settings.get("seconds", 20))

    def ask(release: str, asked: Sequence[Mapping[str, Any]], turn: str) -> dict[str, Outcome]:
        request = {**settings, "launches": list(asked), "torch": (torch or {}).get(release)}
        return _of_one(pythons[release], request, folder / release / turn, 60 + seconds * len(asked))

    def all_releases(asked: Sequence[Mapping[str, Any]], turn: str) -> dict[str, dict[str, Outcome]]:
        with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
            found = pool.map(lambda release: ask(release, asked, turn), pythons)
            return dict(zip(pythons, found))

    found = all_releases(launches, "first")
    again = []
    for launch in launches:
        ran = [len(rows[launch["name"]].programs) for rows in found.values() if rows[launch["name"]].status == "late"]
        if ran and min(ran) > 1:
            again.append({**launch, "most": min(ran)})
    if again:
        for release, rows in all_releases(again, "again").items():
            found[release].update(rows)
    return found


def shared(
    python: str, shares: Sequence[Sequence[Mapping[str, Any]]], folder: Path, **settings: Any
) -> dict[str, Outcome]:
    """Compute launches in one Python, a process for each share of them, side by side; launch -> what became of it.

    Args:
        settings: as of :func:`compute`, and ``level``.

    Raises:
        commands.ToolError: as of :func:`compute`.
    """

    def ask(number: int) -> dict[str, Outcome]:
        request = {**settings, "launches": list(shares[number])}
        return _of_one(python, request, folder / str(number), 120 + 20.0 * len(shares[number]))

    with concurrent.futures.ThreadPoolExecutor(max(1, len(shares))) as pool:
        return {name: outcome for rows in pool.map(ask, range(len(shares))) for name, outcome in rows.items()}


def _of_one(python: str, request: Mapping[str, Any], folder: Path, timeout_s: float) -> dict[str, Outcome]:
    """One Python's outcomes; a launch that ends its child has crashed, and the rest go on in another one."""
    left, found, turn = list(request["launches"]), {}, 0
    while left:
        out = folder / str(turn)
        out.mkdir(parents=True)
        asked = out / "request.json"
        asked.write_text(json.dumps({**request, "launches": left}), encoding="utf-8")
        command = [python, "-W", "ignore", str(CHILD), str(asked), str(out)]
        try:
            done = commands.captured(command, env=_environ(request, out), timeout_s=timeout_s)
            status, said = done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            status, said = 124, f"it took more than {timeout_s:g} s"
        rows = read(out) if (out / "rows.jsonl").is_file() else {}
        last = "\n".join(said.strip().splitlines()[-commands.TAIL_LINES :])
        crashed = any(outcome.status == "crashed" for outcome in rows.values())
        if (status not in (0, LOST) and not crashed) or not rows:
            raise commands.ToolError(command, status, last)
        found.update(rows)
        left, turn = [launch for launch in left if launch["name"] not in found], turn + 1
    return found


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
    folder.mkdir(parents=True, exist_ok=True)
    request, out = folder / "compare.json", folder / "changes.json"
    request.write_text(json.dumps(asked), encoding="utf-8")
    commands.run([python, "-W", "ignore", str(COMPARE), str(request), str(out)], env=_environ({}, folder))
    return [change_of(each) for each in json.loads(out.read_text(encoding="utf-8"))]


def _environ(request: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """What a child is given: on a device this process' own variables and path, which may put a Triton in front."""
    if request.get("level") != "device":
        return {**compiler_variables.without(os.environ), "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(PACKAGE))))
    return {**os.environ, "PYTHONPATH": path, "TRITON_CACHE_DIR": str(folder / "cache")}
