"""Compute launches with the Triton of this Python, in its interpreter: ``python child.py REQUEST.json OUT_DIR``.

Python 3.9, numpy and Triton are enough; torch is not needed. REQUEST says what to compute (see :func:`main`); OUT_DIR
gets ``rows.jsonl``, a line for each launch as it begins and one as it ends, and an ``.npz`` of what each wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__" and not __package__:  # run by its path: find the package that it is part of
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "triton_matrix.values"

import numpy as np

from ..base import targets
from ..launches import loading
from . import device, filling, running
from .dtypes import DTYPES
from .executor import Executor
from .outcomes import ABOUT, LOST, ROWS
from .repairs import REPAIRS
from .tensors import Storage, Tensor

KEPT = 1 << 18  # elements of a storage that are kept; of more, a share by lot and the digest of all
Compute = Callable[[Any], running.Computed]
_KEYS = ("launches", "level", "target", "torch", "source_root", "without", "most", "seconds")


def main(request: Path, out: Path) -> int:
    """Compute the launches that a file asks for.

    Args:
        request: JSON: ``launches`` (:func:`description.prepared`), ``level`` (``interpreter`` or ``device``),
            ``target`` and ``torch`` (what the kernels' modules are told where they ask at import), ``source_root``,
            ``without`` (names of repairs to leave out, default none), ``most`` (programs of a launch, default 64),
            ``seconds`` (of a launch, default 20). On a device a launch is computed whole, with its options.

    Returns:
        0: each launch has its row; 2: the request cannot be; LOST: the GPU was lost, and the rest needs a new process.
    """
    try:
        asked = _asked(request)
        level = asked.get("level", "interpreter")
        compute = _on_device() if level == "device" else _interpreted(asked)
    except ValueError as problem:
        print(f"{request.name}: {problem}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    with (out / ROWS).open("a", encoding="utf-8") as rows:
        for number, launch in enumerate(asked["launches"]):
            _say(rows, {"begin": launch["name"]})
            row = _row(compute, launch, out, number)
            _say(rows, row)
            if level == "device" and row["status"] == "error":
                try:
                    device.check()
                except device.Lost as lost:
                    print(lost, file=sys.stderr)
                    return LOST
    (out / ABOUT).write_text(json.dumps(_about(level)), encoding="utf-8")
    return 0


def _about(level: str) -> dict[str, Any]:
    """What computed: versions, and the GPU where torch drives one."""
    about = {"python": platform.python_version(), "numpy": np.__version__}
    about["triton"] = str(sys.modules["triton"].__version__)
    torch = sys.modules.get("torch")
    if level == "device" and torch is not None:
        about |= {"torch": str(torch.__version__), "gpu": torch.cuda.get_device_name()}
    return about


def _interpreted(asked: Mapping[str, Any]) -> Compute:
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported
    left_out = asked.get("without", ())
    executor = Executor([repair for repair in REPAIRS if repair.row.name not in left_out])
    root = asked.get("source_root")
    loader = loading.Loader(targets.parse(asked.get("target", "cuda:90")), root and Path(root), asked.get("torch"))
    most, seconds = asked.get("most", 64), asked.get("seconds", 20.0)
    return lambda launch: running.compute(executor, loader.load(launch["kernel"]), launch, most, seconds, loader.load)


def _on_device() -> Compute:
    os.environ.pop("TRITON_INTERPRET", None)
    device.require()
    return lambda launch: device.compute(loading.load(launch["kernel"]), launch, loading.load)


def _asked(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in content:
        if key not in _KEYS:
            raise ValueError(f"the request has {key!r}; allowed are {', '.join(_KEYS)}")
    unknown = set(content.get("without", ())) - {repair.row.name for repair in REPAIRS}
    if unknown:
        raise ValueError(f"without has {min(unknown)!r}; allowed are the names of repairs")
    for launch in content["launches"]:
        if not isinstance(launch.get("name"), str) or not isinstance(launch.get("kernel"), str):
            raise ValueError(f"a launch is {str(launch)[:100]}; each needs a name and a kernel")
    return dict(content)


def _say(rows: Any, content: Mapping[str, Any]) -> None:
    rows.write(json.dumps(content) + "\n")
    rows.flush()


def _row(compute: Compute, launch: Any, out: Path, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {"launch": launch["name"]}
    try:
        done = compute(launch)
    except (ValueError, loading.KernelError, loading.ImportFailure) as problem:
        return {**row, "status": "error", "reason": str(problem)}
    row |= {
        "status": done.status,
        "reason": done.reason,
        "programs": done.programs,
        "total": done.total,
        "repairs": done.repairs,
        "outside": done.outside,
        "seconds": round(done.seconds, 4),
    }
    if done.status in ("computed", "late"):
        name = f"{number}.npz"
        row |= {"whole": done.whole, "file": name, "storages": _write(out / name, done.tensors, launch["name"])}
    return row


def _write(path: Path, tensors: Mapping[str, Tensor], name: str) -> list[dict[str, Any]]:
    """Keep what was written into each storage; gives a row for each."""
    arrays: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for storage, names in _by_storage(tensors):
        tensor = tensors[names[0]]
        bits = storage.of(tensor.element)
        places = np.flatnonzero(storage.written[: bits.nbytes].reshape(len(bits), -1).any(axis=1))
        about = {"args": names, "dtype": tensor.element.name, "read": storage.read, "written": len(places)}
        about |= {"shape": tensor.shape, "strides": tensor.strides, "offset": tensor.offset}
        if len(places):
            about["digest"] = hashlib.sha256(places.tobytes() + bits[places].tobytes()).hexdigest()
            places = _share(places)
            arrays |= {f"{names[0]}.places": places, f"{names[0]}.bits": bits[places]}
        rows.append({**about, "kept": len(places)})
    np.savez(path, **arrays)
    return rows


def _by_storage(tensors: Mapping[str, Tensor]) -> list[tuple[Storage, list[str]]]:
    found: list[tuple[Storage, list[str]]] = []
    for name, tensor in tensors.items():
        same = next((names for storage, names in found if storage is tensor.storage), None)
        if same is None:
            found.append((tensor.storage, [name]))
        else:
            same.append(name)
    return found


def _share(places: Any) -> Any:
    """The places to keep: all, or those that a hash of the place picks, which is the same in every release."""
    if len(places) <= KEPT:
        return places
    every = -(-len(places) // KEPT)
    lot = filling.filled({"kind": "integers", "low": 0, "high": every}, int(places[-1]) + 1, DTYPES["i64"])
    return places[lot[places] == 0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
