"""What is captured, line by line: whole at any time, however the process that writes it ends."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .selection import Selection

_LINES = "journal.jsonl"
MOST_VALUELESS = 8  # sentences on values that were not there
EVERY_S = 1.0  # how often counts are written while launches come


class Journal:
    """Written by the process that launches, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = (folder / _LINES).open("a", encoding="utf-8")
        self._problems: set[str] = set()
        self._last = 0.0

    def problem(self, sentence: str) -> None:
        """Note why a launch is not written; each sentence once."""
        if sentence not in self._problems:
            self._problems.add(sentence)
            self._say({"problem": sentence})

    def valueless(self, sentence: str) -> None:
        """Note where the command needed a value that a tensor on ``meta`` does not hold; each sentence once."""
        if sentence not in self._problems and len(self._problems) < MOST_VALUELESS:
            self._problems.add(sentence)
            self._say({"problem": sentence, "valueless": True})

    def launch(self, key: str, launch: dict[str, Any], files: dict[str, bytes], selection: Selection) -> None:
        """Note a launch that is kept, and those that it took the place of."""
        for name, content in files.items():
            (self._folder / name).write_bytes(content)
        self._say({"key": key, "launch": launch, "files": sorted(files)})
        while selection.dropped:
            self._say({"drop": selection.dropped.pop()})
        self.counts(selection, whole=False)

    def written(self, key: str, args: dict[str, bool]) -> None:
        """Note which arguments a launch wrote to."""
        self._say({"key": key, "written": args})

    def counts(self, selection: Selection, whole: bool = True) -> None:
        """Note how often each launch came; ``whole``: now, else at most every second."""
        if whole or time.monotonic() - self._last > EVERY_S:
            self._last = time.monotonic()
            self._say({"total": selection.total, "counts": selection.counts, "left_out": selection.left_out})

    def _say(self, content: dict[str, Any]) -> None:
        self._lines.write(json.dumps(content) + "\n")
        self._lines.flush()


@dataclass
class Captured:
    """What a journal says.

    Attributes:
        launches: key -> the fields of a recorder's Launch.
        files: key -> names of the files in the journal's folder that the launch needs.
        written: key -> argument -> whether the launch wrote to it.
        total: how many launches came, as far as it was written down; so are counts and left_out.
        counts: key -> how often it came.
        left_out: kernel -> distinct launches of it that are not kept.
        problems: a sentence for each launch that no file can say, and for values that were not there.
        valueless: whether some are of values that were not there.
    """

    launches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    written: dict[str, dict[str, bool]] = field(default_factory=dict)
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    valueless: bool = False


def read(folder: Path) -> Captured:
    """What was captured until the process ended; its last line may be half a one.

    Raises:
        OSError: it ended before it began to record.
    """
    captured = Captured()
    for line in (folder / _LINES).read_text(encoding="utf-8").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            break
        if "launch" in said:
            captured.launches[said["key"]], captured.files[said["key"]] = said["launch"], said["files"]
        elif "written" in said:
            captured.written[said["key"]] = said["written"]
        elif "drop" in said:
            captured.launches.pop(said["drop"], None)
        elif "problem" in said:
            captured.problems.append(said["problem"])
            captured.valueless |= "valueless" in said
        else:
            captured.total, captured.counts, captured.left_out = said["total"], said["counts"], said["left_out"]
    return captured


def counted(folder: Path) -> tuple[int, int, int]:
    """Of a journal that is being written: launches that were ever kept, kernels of them, and launches in all."""
    try:
        captured = read(folder)
    except OSError:
        return 0, 0, 0
    return len(captured.files), len({launch["kernel"] for launch in captured.launches.values()}), captured.total
