"""What launches wrote: a file for each content, called by its digest, so that releases that agree share one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .tensors import Storage, Tensor

RUN = 16  # neighbours that are kept together
KEPT = 1 << 18  # elements of a storage that are kept; of more, a share by lot and the digest of all


def keep(tensors: Mapping[str, Tensor], folder: Path) -> list[dict[str, Any]]:
    """Keep what was written into each storage that is not scratch; gives a row for each."""
    rows: list[dict[str, Any]] = []
    for storage, names in _by_storage(tensors):
        tensor = tensors[names[0]]
        if all(tensors[name].scratch for name in names):
            storage.written[:] = False
        bits = storage.of(tensor.element)
        written = storage.written[: bits.nbytes].reshape(len(bits), bits.itemsize)
        places: Any = range(len(bits)) if written.all() else np.flatnonzero(written.any(axis=1))
        about: dict[str, Any] = {"args": names, "dtype": tensor.element.name, "read": storage.read}
        about |= {"shape": tensor.shape, "strides": tensor.strides, "offset": tensor.offset, "written": len(places)}
        if len(places):
            about["digest"] = _digest(tensor.element.name, places, bits)
            about["kept"] = write(folder, about["digest"], places, bits)
        rows.append(about)
    return rows


def _digest(dtype: str, places: Any, bits: Any) -> str:
    """Of what was written where; where all was, ``places`` is a range, and nothing of that size is made of it."""
    digest = hashlib.sha256(dtype.encode())
    digest.update(repr(places).encode() if isinstance(places, range) else places.tobytes())
    digest.update(bits if isinstance(places, range) else bits[places])
    return digest.hexdigest()


def _by_storage(tensors: Mapping[str, Tensor]) -> list[tuple[Storage, list[str]]]:
    groups: list[tuple[Storage, list[str]]] = []
    for name, tensor in tensors.items():
        same: Optional[list[str]] = next((names for storage, names in groups if storage is tensor.storage), None)
        if same is None:
            groups.append((tensor.storage, [name]))
        else:
            same.append(name)
    return groups


def write(folder: Path, digest: str, places: Any, bits: Any) -> int:
    """Keep the elements of ``bits`` at ``places``, ascending; gives how many are kept."""
    places = _share(places)
    path = _path(folder, digest)
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.npz")
        in_a_row = int(places[-1] - places[0]) + 1 == len(places)
        np.savez(partial, places=places[:1] if in_a_row else places, bits=bits[places])
        os.replace(partial, path)
    return len(places)


def read(folder: Path, digest: str) -> tuple[Any, Any]:
    """Places and bits; OSError, ValueError or KeyError where the file is not there or not whole."""
    with np.load(_path(folder, digest)) as content:
        places, bits = content["places"], content["bits"]
    if len(places) == 1 < len(bits):
        places = np.arange(places[0], places[0] + len(bits))
    return places, bits


def is_there(folder: Path, storage: Mapping[str, Any]) -> bool:
    """Whether what a storage's row names is kept, as far as a name can tell."""
    return not storage["written"] or _path(folder, storage["digest"]).is_file()


def _path(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.npz"


def _share(places: Any) -> Any:
    """The places to keep: all, or runs that a hash of the place picks, which are the same in every release."""
    if len(places) <= KEPT:
        return np.asarray(places)
    every = np.uint64(-(-len(places) // KEPT))
    if not isinstance(places, range):
        return places[_hash(places // RUN) % every == 0]
    runs = np.arange(-(-len(places) // RUN))
    picked = (runs[_hash(runs) % every == 0][:, None] * RUN + np.arange(RUN)).reshape(-1)
    return picked[picked < len(places)]


def _hash(numbers: Any) -> Any:
    """32 bits of each number that say nothing of its neighbours or of its remainders (the finaliser of splitmix64)."""
    mixed = numbers.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed >> np.uint64(32)
