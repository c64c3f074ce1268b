"""Tritons between releases, in order: the wheels of a folder, or what an index has, such as nightlies by their date."""

from __future__ import annotations

import datetime
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from packaging import tags, utils
from packaging.version import Version

from ..base import cells, pairs, tritons
from ..base.display_text import masked

_JSON = "application/vnd.pypi.simple.v1+json"
_SECONDS = 60


@dataclass(frozen=True)
class Wheel:
    """A wheel of a folder or an index.

    Attributes:
        name, version: of its distribution.
        pythons: ``cp311``, ``cp3`` of what runs in any later one.
        date: of its file or upload, ISO; "" where nothing says it.
        path: of a folder's.
    """

    name: str
    version: Version
    pythons: tuple[str, ...]
    date: str
    path: Optional[Path] = None

    @property
    def order(self) -> Any:
        """Versions in their order; two builds of one version by the day in their local part, else by their date."""
        day = re.search(r"20\d{6}", self.version.local or "")
        return Version(self.version.public), day[0] if day else "", self.date, self.version


def rows(table: cells.Table, where: str) -> list[cells.Release]:
    """The Tritons in order, each a row of its own.

    Args:
        where: a folder of wheels, or the address of a simple index.

    Raises:
        ValueError: it is neither, or has fewer than two Tritons for this platform.
    """
    folder = Path(where)
    if folder.is_dir():
        files = sorted(folder.glob("*.whl"))
        candidates = [wheel for path in files if (wheel := _of(path.name, _modified(path), path))]
    elif re.match(r"(https?|file)://", where):
        candidates = list(_of_index(where.rstrip("/")))
    else:
        raise ValueError(f"--wheels is {where!r}; allowed is a folder of wheels, or the http:// address of an index")
    by_version: dict[tuple[str, Version], list[Wheel]] = {}
    for wheel in candidates:
        by_version.setdefault((wheel.name, wheel.version), []).append(wheel)
    ordered = sorted((_best(table, wheels) for wheels in by_version.values()), key=lambda wheel: wheel.order)
    made = [_row(table, wheel, where) for wheel in ordered]
    if len(made) < 2:
        has = ", ".join(row.name for row in made) or "no Triton"
        raise ValueError(f"--wheels is {masked(where)!r}, which has {has} for this platform; two or more are needed")
    return made


def _row(table: cells.Table, wheel: Wheel, where: str) -> cells.Release:
    if wheel.path is not None:
        return tritons.row(table, str(wheel.path))
    return tritons.row(table, f"{wheel.name}=={wheel.version}", where.rstrip("/"))


def _best(table: cells.Table, wheels: list[Wheel]) -> Wheel:
    """Of one version's wheels the one for the Python that a release of that time usually has here."""
    pair = pairs.nearest(wheels[0].version.base_version)
    wanted = f"cp{str(pair.python()).replace('.', '')}" if pair else ""
    return next((wheel for wheel in wheels if wanted in wheel.pythons), wheels[-1])


def _of(file: str, date: str, path: Optional[Path] = None) -> Optional[Wheel]:
    """The wheel that a file's name says; None of what is no Triton, or of another platform."""
    try:
        name, version, _, said = utils.parse_wheel_filename(file)
    except utils.InvalidWheelFilename:
        return None
    here = set(tags.platform_tags())
    fitting = [tag.interpreter for tag in said if tag.platform in here or tag.platform == "any"]
    if name not in pairs.DISTRIBUTIONS or not fitting:
        return None
    return Wheel(str(name), version, tuple(sorted(fitting)), date, path)


def _of_index(index: str) -> Iterable[Wheel]:
    """The first distribution's wheels that the index has, with their upload dates where it says them.

    Raises:
        ValueError: the index cannot be reached.
    """
    for name in pairs.DISTRIBUTIONS:
        request = urllib.request.Request(f"{index}/{name}/", headers={"Accept": f"{_JSON}, text/html;q=0.5"})
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as page:
                text, kind = page.read().decode("utf-8", errors="replace"), str(page.headers.get("Content-Type"))
        except urllib.error.HTTPError as problem:
            if problem.code in (403, 404):
                continue
            raise ValueError(f"the index {masked(index)} answers {problem.code} {problem.reason} for {name}") from None
        except OSError as problem:
            raise ValueError(f"the index {masked(index)} cannot be reached ({problem})") from None
        wheels = [wheel for file, date in _listed(text, kind) if (wheel := _of(file, date))]
        if wheels:
            return wheels
    return []


def _listed(text: str, kind: str) -> list[tuple[str, str]]:
    """File names and upload dates of an index's page."""
    if kind.startswith(_JSON):
        return [(each["filename"], str(each.get("upload-time", ""))) for each in json.loads(text)["files"]]
    links = re.findall(r'href="([^"#]+)', text)
    return [(urllib.parse.unquote(link).rsplit("/", 1)[-1], "") for link in links]


def _modified(path: Path) -> str:
    return datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc).isoformat()
