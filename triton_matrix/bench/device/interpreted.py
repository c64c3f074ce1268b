"""What launches computed in Triton's interpreters, out of the evidence of the verb ``values``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ... import values
from ...base import reads, versions
from ...evidence import atlas_file, schemas
from ...values import entries


@dataclass(frozen=True)
class Interpreted:
    """A launch as an interpreter computed it.

    Attributes:
        release: whose interpreter it was.
        row: as comparing takes it.
        whole: whether all of its programs ran.
    """

    release: str
    row: Mapping[str, Any]
    whole: bool

    def moved(self, number: int) -> int:
        """How often each byte of a storage goes through memory: read, written, both, or not at all."""
        storage = self.row["storages"][number]
        return int(bool(storage["read"])) + int(bool(storage["written"]))


class Evidence:
    """The files in a folder of the verb ``values``, those that are of what stands there now.

    Args:
        folder: of the releases' files; it may not be there.
        arrays: where what was written lies.
        root: what relative paths of the sources start from.

    Attributes:
        arrays: as given.
        stale: releases whose files are of other sources or of another harness, and are not used.
    """

    def __init__(self, folder: Path, arrays: Path, root: Path) -> None:
        self.arrays = arrays
        self.stale: list[str] = []
        self._rows: dict[str, dict[str, Mapping[str, Any]]] = {}  # release -> label -> entry
        for path in sorted(folder.glob("[0-9]*.json")):
            with contextlib.suppress(atlas_file.RecordError):
                content = atlas_file.read(path, schemas.VALUES)
                if content["harness"] != values.code_digest() or reads.changed(content["read"], root):
                    self.stale.append(path.stem)
                    continue
                self._rows[path.stem] = {each["label"]: each for each in content["entries"] if "values" in each}

    def of(self, label: str, release: str) -> Optional[Interpreted]:
        """A launch in a release's own interpreter, else in the newest that has it; None where none has."""
        for name in [versions.plain(release), *sorted(self._rows, key=versions.key, reverse=True)]:
            entry = self._rows.get(name, {}).get(label)
            if entry is not None and self._is_kept(entry):
                row = entries.row_of(entry)
                return Interpreted(name, row, len(row["programs"]) == row["total"])
        return None

    def written(self, label: str) -> list[str]:
        """The arguments that some interpreter wrote, one for each storage."""
        entries_of_label = (rows[label] for rows in self._rows.values() if label in rows)
        return sorted({each["args"][0] for entry in entries_of_label for each in entry["storages"] if each["written"]})

    def dots(self, label: str) -> Optional[tuple[str, Mapping[str, int], int, int]]:
        """What the newest interpreter that computed a launch counted; None where none computed it.

        Its release, operations by kind of input, how many programs they are of, and of how many.
        """
        for release in sorted(self._rows, key=versions.key, reverse=True):
            entry = self._rows[release].get(label)
            if entry is not None:
                about = entry["metrics"]
                return release, entry.get("dots", {}), about["programs"], about["programs_of"]
        return None

    def _is_kept(self, entry: Mapping[str, Any]) -> bool:
        written = (each["digest"] for each in entry["storages"] if each["written"])
        return all((self.arrays / f"{digest}.npz").is_file() for digest in written)
