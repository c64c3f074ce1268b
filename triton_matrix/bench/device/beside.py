"""What other cells' launches wrote on this kind of GPU: each cell has a Triton of its own, and a folder of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ...base import reads, versions
from ...evidence import atlas_file, schemas


@dataclass(frozen=True)
class Other:
    """A launch as another cell ran it.

    Attributes:
        cell, release: whose it is.
        row: as comparing takes it.
    """

    cell: str
    release: str
    row: Mapping[str, Any]


class Beside:
    """The files of other cells that answer the same question, of what stands there now and of the same kind of GPU.

    Args:
        folders: cell -> the folder of its files; it may not be there.
        arrays: where lies what launches wrote.
        root: what relative paths of the sources start from.
        like: a file of this run.
    """

    def __init__(self, folders: Mapping[str, Path], arrays: Path, root: Path, like: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self._rows: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}  # release, cell -> label -> entry
        for cell, folder in folders.items():
            for path in sorted(folder.glob("[0-9]*.json")):
                with contextlib.suppress(atlas_file.RecordError):
                    content = atlas_file.read(path, schemas.DEVICE)
                    if _alike(content, like) and not reads.changed(content["read"], root):
                        entries = {each["label"]: each for each in content["entries"] if "storages" in each}
                        self._rows[path.stem, cell] = entries

    def before(self, label: str, release: str) -> Optional[Other]:
        """A launch in the newest Triton that is no newer than ``release``; None where no cell has one."""
        return self._first(label, [each for each in self._in_order() if _key(each) <= versions.key(release)][::-1])

    def after(self, label: str, release: str) -> Optional[Other]:
        """A launch in the oldest Triton that is newer than ``release``; None where no cell has one."""
        return self._first(label, [each for each in self._in_order() if _key(each) > versions.key(release)])

    def _in_order(self) -> list[tuple[str, str]]:
        return sorted(self._rows, key=_key)

    def _first(self, label: str, names: list[tuple[str, str]]) -> Optional[Other]:
        for release, cell in names:
            entry = self._rows[release, cell].get(label)
            if entry is not None and entry["status"] == "ok" and self._is_kept(entry):
                return Other(cell, release, row_of(entry))
        return None

    def _is_kept(self, entry: Mapping[str, Any]) -> bool:
        written = (each["digest"] for each in entry["storages"] if each["written"])
        return all((self._arrays / f"{digest}.npz").is_file() for digest in written)


def row_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The row that comparing takes, of a file's entry: a GPU runs all programs, and does not tell what it wrote."""
    total = entry["metrics"]["programs"]
    about = {"status": "computed", "reason": "", "programs": [[0]], "total": total, "whole": True}
    return {**about, "scale": entry.get("scale", 0.0), "storages": entry["storages"]}


def _alike(content: Mapping[str, Any], like: Mapping[str, Any]) -> bool:
    gpus = [[gpu["name"] for gpu in each["gpus"]] for each in (content, like)]
    return gpus[0] == gpus[1] and atlas_file.question(content) == atlas_file.question(like)


def _key(name: tuple[str, str]) -> Any:
    return versions.key(name[0])
