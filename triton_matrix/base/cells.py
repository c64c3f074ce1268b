"""The table of cells and releases, read from ``constraints/cells.toml``.

``load()`` gives frozen rows; everything that needs a list of cells or Triton releases (sessions, locks, the atlas,
bisect, the CI matrix) takes it from here, so adding one is adding a row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Optional

from . import files, pairs, versions

PLATFORMS = ("cuda", "rocm", "xpu", "cpu")
LEVELS = ("interpreter", "codegen", "device")
PYTHON = "3.11"  # the one interpreter that spans every known Triton


@dataclass(frozen=True)
class Gap:
    """What a cell cannot run at a level, and why: shown as n/a, never as passed."""

    level: str
    feature: str
    reason: str


@dataclass(frozen=True)
class Cell:
    """One row of the table: a toolchain pinned by one constraint file.

    Attributes:
        name: the row's name; the session is ``tests-<name>`` and the pins are ``constraints/<name>.txt``.
        platforms: where the cell can exist, the preferred one first.
        why: why the cell exists.
        python: the interpreter's ``major.minor``; None means the Python that is running.
        torch: an exact version, ``"nightly"``, or None (whatever is there).
        triton: likewise.
        requires: further requirements that this pair needs.
        index: the only index that torch and its Triton may come from; None means the user's own indexes.
        gaps: what cannot run at a level, with the reason.
    """

    name: str
    platforms: tuple[str, ...]
    why: str
    python: Optional[str] = None
    torch: Optional[str] = None
    triton: Optional[str] = None
    requires: tuple[str, ...] = ()
    index: Optional[str] = None
    gaps: tuple[Gap, ...] = ()

    @property
    def ambient(self) -> bool:
        """True where the cell takes what the running Python has and installs nothing."""
        return self.python is None

    @property
    def nightly(self) -> bool:
        """True where the cell's torch is not a release and its pins age."""
        return self.torch == "nightly"

    def gap(self, level: str, feature: str) -> Optional[str]:
        """The reason why ``feature`` cannot run at ``level`` in this cell, or None where it can."""
        return next((gap.reason for gap in self.gaps if (gap.level, gap.feature) == (level, feature)), None)


@dataclass(frozen=True)
class Release:
    """A released Triton of the codegen atlas: what it needs to compile alone, and the torch that pins it."""

    triton: str
    python: str
    torch: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Package:
    """The package whose kernels the table is for, and the hooks that it brings (docs/adopt.md).

    Attributes:
        name: its distribution's name; by default that of ``pyproject.toml``.
        module: what is imported; by default the name with underscores.
        test: what its suites need beside the package itself.
        platform: a file at the repo root that answers ``detect_platform().platform``,
            ``get_platform_dependencies(platform, triton)`` and ``get_optional_dependencies()``, for a package whose
            wheel differs by platform. Such a package's backend takes the settings ``platform`` and ``triton``.
        atlas: ``path/to/file.py:function``. The function takes names of targets and gives the configurations of the
            atlas as dictionaries; see docs/codegen.md.
        bench: the folder of the bench suite.
        suites: the files or folders of the tests that a cell runs, each a path below the repo root or below tests/.
            By default tests/correctness and tests/incidents where they are there, else tests/ itself.
        needs_gpu: the suites are written for a GPU. At level interpreter, a test that ends because there is none is
            skipped, with that reason.
        subject: what another package must provide to be run under these suites; see docs/subjects.md.
    """

    name: str
    module: str
    test: tuple[str, ...] = ("pytest>=8", "hypothesis")
    platform: Optional[str] = None
    atlas: Optional[str] = None
    bench: str = "tests/benchmarks"
    suites: tuple[str, ...] = ()
    needs_gpu: bool = False
    subject: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Every row of ``constraints/cells.toml``.

    Attributes:
        path: the file it was read from.
        cells: name -> row, in the table's order.
        releases: Triton version -> row, oldest first: the table's own rows and those of the pinned cells.
        platforms: platform name -> settings of that platform's runners.
        package: whose kernels the table is for.
    """

    path: Path
    cells: Mapping[str, Cell]
    releases: Mapping[str, Release]
    package: Package
    platforms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The repo root that the table belongs to."""
        return self.path.parent.parent

    @property
    def accepted(self) -> Path:
        """The file of accepted codegen changes, there or not."""
        return self.root / "tests" / "atlas" / "accepted.toml"

    @property
    def known(self) -> Path:
        """The file of known failures, there or not."""
        return self.root / "tests" / "known.toml"

    def cell(self, name: str) -> Cell:
        """The row called ``name``; ValueError names the rows there are."""
        if name not in self.cells:
            raise ValueError(f"unknown cell {name!r}; {self.path.name} has {', '.join(self.cells)}")
        return self.cells[name]

    def pins(self, cell: Cell) -> Path:
        """The cell's constraint file, whether it is there yet or not."""
        return self.path.parent / f"{cell.name}.txt"

    def locked_pins(self, cell: Cell) -> Path:
        """The cell's constraint file; ValueError where it has not been locked yet."""
        pins = self.pins(cell)
        if not pins.is_file():
            raise ValueError(f"constraints/{pins.name} is missing; `nox -s lock -- {cell.name}` writes it")
        return pins


def find_root(start: Optional[Path] = None) -> Path:
    """The nearest folder at or above ``start`` (default: the current one) that holds ``constraints/cells.toml``."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "constraints" / "cells.toml").is_file():
            return folder
    raise ValueError(f"no constraints/cells.toml at or above {start}; name the repo root with --root")


def load_at(start: Optional[Path] = None) -> Table:
    """The table of the checkout at or above ``start``; ValueError as of :func:`find_root` and :func:`load`."""
    return load(find_root(start) / "constraints" / "cells.toml")


def load(path: Optional[Path] = None) -> Table:
    """Read the table.

    Args:
        path: a ``cells.toml``; by default that of the repo root at or above the current folder.

    Raises:
        ValueError: no table, not TOML, or a row with an unknown key, a missing key or a bad value; names row and key.
    """
    path = Path(path) if path is not None else find_root() / "constraints" / "cells.toml"
    raw = files.read_toml(path, "the table")
    unknown = sorted(set(raw) - {"cell", "release", "platform", "package"})
    if unknown:
        allowed = "[cell.*], [release], [platform.*] and [package]"
        raise ValueError(f"{path.name}: unknown table [{unknown[0]}]; allowed are {allowed}")
    cells = {name: _cell(path, name, row) for name, row in raw.get("cell", {}).items()}
    if not cells:
        raise ValueError(f"{path.name}: there is no [cell.*] row")
    releases = _releases(path, raw.get("release", {}))
    for cell in cells.values():
        if versions.is_release(cell.triton) and cell.triton and cell.python and cell.torch:
            releases.setdefault(cell.triton, Release(cell.triton, cell.python, cell.torch, cell.requires))
    ordered = {version: releases[version] for version in sorted(releases, key=versions.key)}
    package = _package(path.resolve(), raw.get("package", {}))
    return Table(path.resolve(), cells, ordered, package, raw.get("platform", {}))


def _cell(path: Path, name: str, row: Mapping[str, Any]) -> Cell:
    where = f"{path.name} [cell.{name}]"
    _check_keys(where, row, Cell, given={"name"}, required={"platforms", "why"})
    bad = [platform for platform in row["platforms"] if platform not in PLATFORMS]
    if bad or not row["platforms"]:
        raise ValueError(f"{where}: platforms holds {bad or 'nothing'}; allowed are {', '.join(PLATFORMS)}")
    gaps = []
    for gap in row.get("gaps", []):
        _check_keys(f"{where} gaps", gap, Gap, given=set(), required={"level", "feature", "reason"})
        if gap["level"] not in LEVELS:
            raise ValueError(f"{where}: a gap's level is {gap['level']!r}; allowed are {', '.join(LEVELS)}")
        gaps.append(Gap(**gap))
    lists = {"platforms": tuple(row["platforms"]), "requires": tuple(row.get("requires", ())), "gaps": tuple(gaps)}
    return Cell(name=name, **{**row, **lists})


def _releases(path: Path, rows: Mapping[str, Any]) -> dict[str, Release]:
    """The rows of [release]; ``from = "3.1.0"`` stands for every Triton that the harness knows from that one on."""
    found = {version: _release(path, version, row) for version, row in rows.items() if version != "from"}
    if "from" not in rows:
        return found
    known = {pair.triton: pair for pair in pairs.known()}
    if rows["from"] not in known:
        raise ValueError(f"{path.name} [release]: from is {rows['from']!r}; allowed are {', '.join(known)}")
    for pair in known.values():
        if versions.key(pair.triton) >= versions.key(rows["from"]):
            python = next(each for each in (PYTHON, *pair.pythons) if pair.runs_on(each))
            found.setdefault(pair.triton, Release(pair.triton, python, pair.torch[0], pair.requires))
    return found


def _release(path: Path, version: str, row: Mapping[str, Any]) -> Release:
    where = f'{path.name} [release] "{version}"'
    _check_keys(where, row, Release, given={"triton"}, required={"python", "torch"})
    return Release(triton=version, **{**row, "requires": tuple(row.get("requires", ()))})


def _package(path: Path, row: Mapping[str, Any]) -> Package:
    _check_keys(f"{path.name} [package]", row, Package, given=set(), required=set())
    name = row.get("name") or _name_of(path.parent.parent)
    for key in ("test", "suites"):
        if not isinstance(row.get(key, []), list) or not all(isinstance(each, str) for each in row.get(key, [])):
            raise ValueError(f"{path.name} [package]: {key} is {row[key]!r}; allowed is a list of strings")
    lists = {key: tuple(row[key]) for key in ("test", "suites") if key in row}
    return Package(**{"module": re.sub("[-.]", "_", name), **row, "name": name, **lists})


def _name_of(root: Path) -> str:
    """The distribution that the checkout at ``root`` builds; the folder's name where nothing says it."""
    pyproject = root / "pyproject.toml"
    project = files.read_toml(pyproject, "the package's description").get("project", {}) if pyproject.is_file() else {}
    return str(project.get("name") or root.name)


def _check_keys(where: str, row: Mapping[str, Any], kind: type, *, given: set[str], required: set[str]) -> None:
    allowed = {item.name for item in fields(kind)} - given
    for key in row:
        if key not in allowed:
            raise ValueError(f"{where}: unknown key {key!r}; allowed are {', '.join(sorted(allowed))}")
    for key in sorted(required - set(row)):
        raise ValueError(f"{where}: the key {key!r} is missing")
