"""``reports/history/``: what every row said at every commit, one line a row, run and commit, and whole matrices.

``history.jsonl`` is merged by union: a line is known by its row, its commit and the date of its run, and none is ever
edited. ``matrix-<commit>.json.gz`` is what ``report --against COMMIT`` reads. Both are bounded, and the oldest go.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import files
from . import schemas

FOLDER, NAME = "history", "history.jsonl"
LINES_OF_A_ROW, MATRICES = 500, 30
SHORTEST = 4  # letters of a commit that name it
_WHOLE = 12  # letters of a commit in the name of a matrix


class HistoryError(ValueError):
    """What is remembered cannot be read; one sentence."""


@dataclass(frozen=True)
class Point:
    """One row in one run at one commit.

    Attributes:
        row: ``triton3x interpreter``, ``codegen 3.9.0``, or ``ambient-3.6.0 large-bf16-...-forward`` of a bench.
        commit: of the checkout that the result is of.
        date: of the run, ISO, UTC.
        verdict: of the row; "" of a timing.
        values: figures by name: ``passed``, ``worse``, ``median_s``, ``share_of_copy``.
        about: what a reader of other tools asks: ``triton``, ``torch``, ``gpu``, ``dtype``, ``direction``, ...
    """

    row: str
    commit: str
    date: str
    verdict: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Two lines of one key are the same line."""
        return self.row, self.commit, self.date


def read(folder: Path) -> list[Point]:
    """What a folder of evidence remembers, oldest first; nothing where it has no history.

    Raises:
        HistoryError: a line is none of ours; names the file and the line.
    """
    path = folder / FOLDER / NAME
    if not path.is_file():
        return []
    points = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            content = json.loads(line)
            if content.pop("schema") != schemas.HISTORY:
                raise ValueError("another schema")
            points.append(Point(**content))
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise HistoryError(f"{path} line {number} is no {schemas.HISTORY}: {problem}") from None
    return ordered(points)


def ordered(points: Iterable[Point]) -> list[Point]:
    """Each point once, oldest first, and of each row no more than are kept."""
    once = {point.key: point for point in points}
    newest_first = sorted(once.values(), key=lambda point: (point.date, point.key), reverse=True)
    counts: dict[str, int] = {}
    kept = []
    for point in newest_first:
        counts[point.row] = counts.get(point.row, 0) + 1
        if counts[point.row] <= LINES_OF_A_ROW:
            kept.append(point)
    return kept[::-1]


def add(folder: Path, points: Iterable[Point]) -> list[Point]:
    """Put points into a folder's history; gives all of it. What is there already stays as it is.

    Raises:
        HistoryError: as of :func:`read`. OSError: it cannot be written.
    """
    had = read(folder)
    whole = ordered([*points, *had])
    if whole != had:
        lines = [json.dumps({"schema": schemas.HISTORY, **asdict(point)}, sort_keys=True) for point in whole]
        files.write_text(folder / FOLDER / NAME, "".join(f"{line}\n" for line in lines))
    return whole


def keep_matrix(folder: Path, commit: str, content: Mapping[str, Any]) -> None:
    """Keep a whole matrix for a commit; the oldest ones beyond the bound go. OSError where it cannot be written."""
    place = folder / FOLDER
    packed = gzip.compress(json.dumps(content, separators=(",", ":"), sort_keys=True).encode(), mtime=0)
    with files.replacing(place / f"matrix-{commit[:_WHOLE]}.json.gz") as scratch:
        scratch.write_bytes(packed)
    there = sorted(place.glob("matrix-*.json.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in there[MATRICES:]:
        path.unlink(missing_ok=True)


def matrix_of(folder: Path, commit: str) -> Optional[dict[str, Any]]:
    """The matrix kept for a commit, named by its first letters; None where nothing could mean one.

    Raises:
        HistoryError: it is not there, or several are called so; the sentence lists those there are.
    """
    letters = commit.lower()
    if len(letters) < SHORTEST or not set(letters) <= set("0123456789abcdef"):
        return None
    kept = {path.name[len("matrix-") :].partition(".")[0]: path for path in (folder / FOLDER).glob("matrix-*.json.gz")}
    paths = [path for name, path in kept.items() if name.startswith(letters[:_WHOLE])]
    if len(paths) != 1:
        how = "matrices are kept for commits that begin so" if paths else "matrix is kept for it"
        known = f"; kept are {', '.join(sorted(kept))}" if kept else ""
        raise HistoryError(f"commit {commit!r}: {len(paths) or 'no'} {how} in {folder / FOLDER}{known}")
    try:
        content: dict[str, Any] = json.loads(gzip.decompress(paths[0].read_bytes()))
    except (OSError, ValueError, EOFError) as problem:
        raise HistoryError(f"{paths[0]} cannot be read: {problem}") from None
    return content
