"""Compute launches with the Triton of this Python, in its interpreter: ``python child.py REQUEST.json OUT_DIR``.

Python 3.9, numpy and Triton are enough; torch is not needed. REQUEST says what to compute (see :func:`main`); OUT_DIR
gets ``rows.jsonl``, a line for each launch as it begins and one as it ends, and ``about.json``. What each launch wrote
goes to ``arrays``, a file for each storage, called by its digest.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

if __name__ == "__main__" and not __package__:  # run by its path: find the package that it is part of
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "triton_matrix.values"

import numpy as np

from ..base import env_vars, listening, reads, targets
from ..codegen import cache
from ..codegen.cli import installed_triton
from ..launches import loading
from . import arrays, device, forked, reference, running
from .executor import Executor
from .outcomes import ABOUT, LOST, READ, ROWS, SECONDS
from .repairs import REPAIRS

Compute = Callable[[Any], running.Computed]
_KEYS = ("launches", "level", "target", "torch", "source_root", "without", "most", "seconds")
HOW = ("arrays", "kept", "code", "path")  # of the request, besides what is computed
LASTING = ("computed", "late", "n/a", "error")  # statuses that are the same the next time


def main(request: Path, out: Path) -> int:
    """Compute the launches that a file asks for.

    Args:
        request: JSON: ``launches`` (:func:`description.prepared`), ``level`` (``interpreter``, ``reference`` for what
            the launches' own references say, or ``device``), ``target`` and ``torch`` (what the kernels' modules are
            told where they ask at import), ``source_root``, ``without`` (names of repairs to leave out, default none),
            ``most`` (programs of a launch, default 64), ``seconds`` (of a launch, default 20), ``arrays`` (a folder,
            by default OUT_DIR), ``kept`` (the folder of results that are kept, default none), ``code`` (digest of this
            room's code) and ``path`` (folders that were put in front of Python's own). On a device a launch is computed
            whole, with its options.

    Returns:
        0: each launch has its row; 2: the request cannot be; LOST: the GPU was lost, and the rest needs a new process.
    """
    try:
        asked = _asked(request)
        level = asked.get("level", "interpreter")
        if level == "device":
            device.require()
    except ValueError as problem:
        print(f"{request.name}: {problem}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(asked.get("arrays") or out)
    if level == "device":
        return _on_device(asked["launches"], out, folder)
    computed, read = _interpreted(asked, out, folder)
    _tell_about(out, {})
    (out / READ).write_text(json.dumps({"computed": computed, "read": read}), encoding="utf-8")
    return 0


def _interpreted(asked: Mapping[str, Any], out: Path, folder: Path) -> tuple[int, reads.Reads]:
    """A row for each launch: from what was kept, else computed; gives how many were, and what all modules read."""
    os.environ[env_vars.INTERPRET] = "1"  # read when Triton is imported
    kept = _kept(asked)
    level, settings = asked.get("level", "interpreter"), [asked.get("most", 64), asked.get("seconds", SECONDS)]
    read: list[reads.Reads] = []
    left: dict[str, list[dict[str, Any]]] = {}
    for launch in asked["launches"]:
        try:
            for row, of in kept.rows(_loaded(launch, level), [level, launch, settings]):
                if all(arrays.is_there(folder, storage) for storage in row.get("storages", ())):
                    forked.say(out / ROWS, {**row, "launch": launch["name"]})
                    read.append(of)
                    break
            else:
                left.setdefault(kept.file(_loaded(launch, level)), []).append(launch)
        except ValueError as problem:
            forked.say(out / ROWS, {"launch": launch["name"], "status": "error", "reason": str(problem)})
    if left:
        work = _Work(asked, folder)
        for group in left.values():
            for launch, row, of in forked.each(group, work.start, out / ROWS):
                read.append(of)
                if row["status"] in LASTING and not row.pop("loading", False):
                    kept.keep(_loaded(launch, level), [level, launch, settings], row, of)
        kept.save()
    return sum(map(len, left.values())), reads.merged({id(each): each for each in read}.values())


def _loaded(launch: Mapping[str, Any], level: str) -> str:
    """What is loaded for a launch: its kernel, or its reference."""
    return str(launch["reference"] if level == "reference" else launch["kernel"])


def _kept(asked: Mapping[str, Any]) -> cache.Kept:
    release, folder = installed_triton(), asked.get("kept")
    said = [np.__version__, *(asked.get(name) for name in ("target", "torch", "source_root", "without"))]
    # now: importing Triton may change what this process is asked about
    toolchain = cache.of_this_python(asked.get("code", ""), release, said) if folder else ""
    return cache.Kept(Path(folder) if folder else None, release, lambda: toolchain)


class _Work:
    """Computes launches; made once, so that Triton is imported once."""

    def __init__(self, asked: Mapping[str, Any], folder: Path) -> None:
        left_out = asked.get("without", ())
        self._asked, self._folder = asked, folder
        self._executor: Optional[Executor] = None
        if asked.get("level") != "reference":  # which is no kernel, and needs no interpreter
            self._executor = Executor([repair for repair in REPAIRS if repair.row.name not in left_out])

    def start(self) -> Callable[[Any], dict[str, Any]]:
        """What computes a launch, with modules that are loaded anew; called in a process of its own."""
        asked = self._asked
        root, most, seconds = asked.get("source_root"), asked.get("most", 64), asked.get("seconds", SECONDS)
        target = targets.parse(asked.get("target", "cuda:90"))
        loader = loading.Loader(target, root and Path(root), asked.get("torch"))

        def computed(launch: Any) -> running.Computed:
            if self._executor is None:
                return reference.compute(loader.load(launch["reference"]), launch)
            kernel = loader.load(launch["kernel"])
            forked.loaded()
            return running.compute(self._executor, kernel, launch, most, seconds, loader.load)

        return lambda launch: _row(computed, launch, self._folder)


def _on_device(launches: list[dict[str, Any]], out: Path, folder: Path) -> int:
    os.environ.pop(env_vars.INTERPRET, None)

    def computed(launch: Any) -> running.Computed:
        return device.compute(loading.load(launch["kernel"]), launch, loading.load)

    for launch in launches:
        forked.say(out / ROWS, {"begin": launch["name"]})
        row = _row(computed, launch, folder)
        forked.say(out / ROWS, row)
        if row["status"] == "error":
            try:
                device.check()
            except device.Lost as lost:
                print(lost, file=sys.stderr)
                return LOST
    torch = sys.modules["torch"]
    _tell_about(out, {"torch": str(torch.__version__), "gpu": torch.cuda.get_device_name()})
    return 0


def _tell_about(out: Path, more: Mapping[str, Any]) -> None:
    """Say what computed: versions, and the GPU where there is one."""
    about = {"python": platform.python_version(), "numpy": np.__version__, **more}
    about["triton"] = installed_triton()
    (out / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _asked(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in content:
        if key not in (*_KEYS, *HOW):
            raise ValueError(f"the request has {key!r}; allowed are {', '.join((*_KEYS, *HOW))}")
    unknown = set(content.get("without", ())) - {repair.row.name for repair in REPAIRS}
    if unknown:
        raise ValueError(f"without has {min(unknown)!r}; allowed are the names of repairs")
    for launch in content["launches"]:
        if not isinstance(launch.get("name"), str) or not isinstance(launch.get("kernel"), str):
            raise ValueError(f"a launch is {str(launch)[:100]}; each needs a name and a kernel")
    return dict(content)


def _row(compute: Compute, launch: Any, folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"launch": launch["name"]}
    try:
        done = compute(launch)
    except loading.ImportFailure as problem:
        return {**row, "status": "error", "reason": f"does not load: {problem}", "loading": True}
    except ValueError as problem:
        return {**row, "status": "error", "reason": str(problem), "loading": True}
    row |= {
        "status": done.status,
        "reason": done.reason,
        "programs": done.programs,
        "total": done.total,
        "repairs": done.repairs,
        "outside": done.outside,
        "seconds": round(done.seconds, 4),
    }
    if done.dots is not None:
        row["dots"] = done.dots
    if done.status in ("computed", "late"):
        with listening.quietly():
            row |= {"whole": done.whole, "storages": arrays.keep(done.tensors, folder)}
    return row


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
