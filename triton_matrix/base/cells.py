"""The table of cells and releases, read from ``constraints/cells.toml``.

``load()`` gives frozen rows; everything that needs a list of cells or Triton releases (sessions, locks, the atlas,
bisect, the CI matrix) takes it from here, so adding one is adding a row.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from . import compiler_variables, files, pairs, schema, versions
from .display_text import masked
from .schema import PLATFORMS as PLATFORMS

LAUNCHES = "launches"  # the folder of a package's launches, where its table names no other


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
        torch: an exact version, ``"nightly"`` or ``"rc"`` (what its index has), or None (whatever is there).
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
        """True where the cell's torch is not a release, but of last night or of the next one, and its pins age."""
        return self.torch in schema.UNRELEASED

    def gap(self, level: str, feature: str) -> Optional[str]:
        """The reason why ``feature`` cannot run at ``level`` in this cell, or None where it can."""
        return next((gap.reason for gap in self.gaps if (gap.level, gap.feature) == (level, feature)), None)


@dataclass(frozen=True)
class Variant:
    """A switch: the same Triton with some of its own variables set, as a column of its own beside it."""

    name: str
    env: Mapping[str, str]
    why: str


@dataclass(frozen=True)
class Release:
    """A released Triton of the codegen atlas: what it needs to compile alone, and the torch that pins it.

    Attributes:
        triton, python, torch, requires: as of a cell.
        tags: where it comes from, if that is not the release of that version on the user's index.
        of_python: the Python, where it was asked for and is not the usual one.
        variant: the switch that it is under.
        install: what is installed in place of that release: a path, or ``NAME==VERSION``.
        index: the only index that it may come from.
        switches: the variables of the variant.
    """

    triton: str
    python: str
    torch: str
    requires: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    of_python: str = ""
    variant: str = ""
    install: str = ""
    index: Optional[str] = None
    switches: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Of its column: ``3.9.0``, ``3.7.4+fbtriton``, ``3.9.0+py3.13``, ``3.9.0+fusion-off``."""
        python = f"py{self.of_python}" if self.of_python else ""
        return "+".join(filter(None, (self.triton, *self.tags, python, self.variant)))

    @property
    def environment(self) -> str:
        """What tells the Triton that is installed from all others."""
        return "+".join((self.triton, *self.tags))

    @property
    def requirement(self) -> str:
        """What is installed: ``triton==3.9.0``, ``fbtriton==3.7.4``, or a path."""
        return self.install or f"triton=={self.triton}"


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
            atlas as dictionaries; see docs/launches.md. Or a folder of launches; by default ``launches/``.
        values: whether the launches of the atlas are run as well as compiled: in interpreters, and on CI's GPUs.
        bench: the folder of the bench suite.
        timeout: seconds that a test may take; one that takes longer fails.
        level_timeout: seconds that a level's suites may take together; what takes longer is ended, and no result.
        suites: the files or folders of the tests that a cell runs, each a path below the repo root or below tests/.
            By default tests/correctness and tests/incidents where they are there, else tests/ itself.
        needs_gpu: the suites are written for a GPU. At level interpreter, a test that ends because there is none is
            skipped, with that reason.
        kernels: whether the package has Triton kernels that its suites launch in pytest's own process. Where it has,
            a level at which none ran fails.
        oldest: the oldest Triton that the package supports. Every Triton that the harness knows from that one on is a
            release of the atlas, without a row of its own.
        subject: what another package must provide to be run under these suites; see docs/subjects.md.
    """

    name: str
    module: str
    test: tuple[str, ...] = ("pytest>=8", "hypothesis")
    platform: Optional[str] = None
    atlas: Optional[str] = None
    values: bool = True
    bench: str = "tests/benchmarks"
    timeout: int = 600
    level_timeout: int = 7200
    suites: tuple[str, ...] = ()
    needs_gpu: bool = False
    kernels: bool = True
    oldest: Optional[str] = None
    subject: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Every row of ``constraints/cells.toml``.

    Attributes:
        path: the file it was read from.
        cells: name -> row, in the table's order.
        releases: Triton version -> row, oldest first: the table's own rows, those that the harness knows from
            ``package.oldest`` on, and those of the pinned cells.
        platforms: platform name -> settings of that platform's runners.
        package: whose kernels the table is for.
        variants: name -> switch.
    """

    path: Path
    cells: Mapping[str, Cell]
    releases: Mapping[str, Release]
    package: Package
    platforms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Variant] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The repo root that the table belongs to."""
        return self.path.parent.parent

    @property
    def reports(self) -> Path:
        """The folder of the evidence, there or not."""
        return self.root / "reports"

    @property
    def results(self) -> Path:
        """The folder of GPU runs that the repository keeps, there or not."""
        return self.root / "results"

    @property
    def accepted(self) -> Path:
        """The file of accepted codegen changes, there or not."""
        return self.root / "tests" / "atlas" / "accepted.toml"

    @property
    def known(self) -> Path:
        """The file of known failures, there or not."""
        return self.root / "tests" / "known.toml"

    @property
    def has_values(self) -> bool:
        """Whether the package's launches are run as well as compiled."""
        return bool(self.package.atlas) and self.package.values

    @property
    def has_unwritten_launches(self) -> bool:
        """Whether the package has kernels whose launches nobody wrote down: they are captured, or guessed."""
        return bool(self.package.kernels) and not self.package.atlas

    @property
    def has_benches(self) -> bool:
        """Whether the package has a bench suite where its table says."""
        return (self.root / self.package.bench).is_dir()

    @property
    def pinned(self) -> frozenset[str]:
        """The Tritons of the cells."""
        return frozenset(cell.triton for cell in self.cells.values() if cell.triton)

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


def add_root(parser: argparse.ArgumentParser) -> None:
    """The option ``--root`` of every verb that reads the table."""
    parser.add_argument("--root", type=Path, help="the repo root (default: found from the current folder up)")


def add_cell(parser: argparse.ArgumentParser, default: Optional[str] = None) -> None:
    """The options of every verb that leaves a cell's evidence: ``--cell``, ``--root``, ``--reports``.

    Args:
        default: the cell where none is named; without one it must be.
    """
    named = f"a row of constraints/cells.toml{f' (default: {default})' if default else ''}"
    parser.add_argument("--cell", default=default, required=default is None, help=named)
    add_root(parser)
    parser.add_argument("--reports", type=Path, help="where evidence goes (default: reports/ in the repo root)")


def load_at(start: Optional[Path] = None) -> Table:
    """The table of the checkout at or above ``start``; ValueError as of :func:`find_root` and :func:`load`."""
    return load(find_root(start) / "constraints" / "cells.toml")


def load(path: Optional[Path] = None) -> Table:
    """Read the table.

    Args:
        path: a ``cells.toml``; by default that of the repo root at or above the current folder.

    Raises:
        ValueError: no table, not TOML, or something in it that :mod:`schema` does not allow; one sentence that names
            row, key, value and what is allowed.
    """
    path = Path(path) if path is not None else find_root() / "constraints" / "cells.toml"
    raw = files.read_toml(path, "the table")
    wrong = schema.trouble(raw)
    if wrong:
        raise ValueError(masked(f"{path.name} {wrong}"))
    cells = {name: _cell(name, row, f"{path.name} [cell.{name}]") for name, row in raw["cell"].items()}
    releases = {
        version: release_of(version, row, f'{path.name} [release."{version}"]')
        for version, row in raw.get("release", {}).items()
    }
    package = _package(path.resolve(), raw.get("package", {}))
    pythons = {cell.python for cell in cells.values() if cell.python}
    for known in _known_from(path, package.oldest, pythons):
        own = {cell.python for cell in cells.values() if cell.triton == known.triton and cell.python}
        if known.python in own or not own:
            releases.setdefault(known.triton, known)
    for cell in cells.values():
        if versions.is_release(cell.triton) and cell.triton and cell.python and cell.torch:
            releases.setdefault(cell.triton, Release(cell.triton, cell.python, cell.torch, cell.requires))
    ordered = {version: releases[version] for version in sorted(releases, key=versions.key)}
    variants = {
        name: _variant(name, row, f"{path.name} [variant.{name}]") for name, row in raw.get("variant", {}).items()
    }
    return Table(path.resolve(), cells, ordered, package, raw.get("platform", {}), variants)


def _variant(name: str, row: Mapping[str, Any], where: str) -> Variant:
    for variable in row["env"]:
        if not compiler_variables.is_switch(variable):
            what = "that changes what Triton compiles, such as TRITON_DEFAULT_FP_FUSION"
            raise ValueError(f"{where}: env has {schema.show(variable)}; allowed is a variable {what}")
    return Variant(name, dict(row["env"]), row["why"])


def _whole(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what is known of its Triton, where it says nothing else itself."""
    triton = row.get("triton", "nightly")
    return dict(row) if triton in schema.UNRELEASED else {**pairs.row_of(triton), **row}


def _contradiction(row: Mapping[str, Any]) -> Optional[str]:
    """What the keys of a cell's row say against each other, as the end of a sentence, or None."""
    for key, needed in (("torch", "triton"), ("triton", "torch"), ("torch", "python")):
        if key in row and needed not in row:
            return f"{key} is {schema.show(row[key])}; a row with {key} needs {needed} too"
    for key in ("torch", "triton"):
        if row.get(key) in schema.UNRELEASED and "index" not in row:
            return f'{key} is "{row[key]}"; such a row needs index too, the only place that it may come from'
    if "index" in row and "torch" not in row:
        return f"index is {schema.show(row['index'])}; a row with index needs python, torch and triton too"
    if "python" in row and "torch" not in row:
        return f"python is {schema.show(row['python'])}; a row with python needs torch and triton too"
    return None


def known_releases(allowed: Callable[[str], bool] = lambda python: True) -> list[Release]:
    """Every Triton that the harness knows and that has wheels for an ``allowed`` Python, oldest first, as a row."""
    rows = [(pair, pair.python(allowed)) for pair in pairs.known()]
    return [Release(pair.triton, python, pair.torch[0], pair.requires) for pair, python in rows if python]


def _known_from(path: Path, oldest: Optional[str], pythons: Collection[str]) -> list[Release]:
    """Every Triton that the harness knows from ``oldest`` on, with one of the cells' Pythons where it has wheels."""
    usual = {row.triton: row for row in known_releases()}
    known = {**usual, **{row.triton: row for row in known_releases(pythons.__contains__)}}
    known = {triton: known[triton] for triton in usual}
    if oldest is None:
        return []
    if oldest not in known:
        raise ValueError(f"{path.name} [package]: oldest is {oldest!r}; allowed are {', '.join(known)}")
    return [row for row in known.values() if versions.key(row.triton) >= versions.key(oldest)]


def _cell(name: str, row: Mapping[str, Any], where: str) -> Cell:
    whole = _checked(row, where)
    return Cell(name=name, **{**_frozen(whole), "gaps": tuple(Gap(**gap) for gap in whole.get("gaps", ()))})


def release_of(version: str, row: Mapping[str, Any], where: str) -> Release:
    """A release, of what its row says and what is known of its Triton; ``where`` is what a sentence names."""
    whole = _checked({"triton": version, **row}, where)
    return Release(version, whole["python"], whole["torch"], tuple(whole.get("requires", ())))


def _checked(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A whole row, or the ValueError of one that says too little."""
    whole = _whole(row)
    wrong = _contradiction(whole)
    if wrong:
        raise ValueError(masked(f"{where}: {wrong}"))
    return whole


def _frozen(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def _package(path: Path, row: Mapping[str, Any]) -> Package:
    name = row.get("name") or _name_of(path.parent.parent)
    launches = {"atlas": LAUNCHES} if (path.parent.parent / LAUNCHES).is_dir() else {}
    return Package(**{"module": re.sub("[-.]", "_", name), **launches, **_frozen(row), "name": name})


def _name_of(root: Path) -> str:
    """The distribution that the checkout at ``root`` builds; the folder's name where nothing says it."""
    pyproject = root / "pyproject.toml"
    project = files.read_toml(pyproject, "the package's description").get("project", {}) if pyproject.is_file() else {}
    return str(project.get("name") or root.name)
