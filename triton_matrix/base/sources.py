"""Digests of what a result depends on: the package's sources, its suites, the cell's pins, the installed package.

What a wheel is made of is read from the checkout alone: :func:`of_wheel`. What an environment has of it is read from
the list of files that its installer left there: :func:`installed_digest`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Optional

from .cells import Cell, Table

# what lies in a checkout and is no source of its wheel
NOT_SOURCES: tuple[str, ...] = ("build", "constraints", "dist", "docs", "reports", "results", "tests", "*.egg-info")
NOT_SOURCES += ("__pycache__", "node_modules", "triton_matrix")
# and what is one only where it is a package itself
_BESIDE = ("bench*", "doc*", "example*", "launches", "notebook*", "script*", "test*", "tool*")
_TESTS = ("test_*", "*_test.py", "bench_*")  # files that are run, and not imported
_CODE = {".py", ".pyi", ".pyx", ".pxd", ".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".hip", ".rs"}

_BUILD = ("pyproject.toml", "setup.py", "setup.cfg")  # say how the wheel is built, with MANIFEST.in
_WORD = re.compile(r"\w[\w./+-]*")  # a name of a file, or of a module
_NOT_BUILT = ("noxfile*", "conftest*", "tox.ini", "pytest.*")  # named there by linters, and no part of a wheel
_PROSE = re.compile(
    r"(readme|licen[cs]e|copying|notice|change|history|authors|contribut).*|.*\.(md|rst)", re.IGNORECASE
)
# what pytest takes from a folder above a suite, besides _BUILD, which count at the repo root already
_PYTEST_FILES = ("conftest.py", "__init__.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini")
# what tools leave among sources: of Python, of pytest and hypothesis (hidden folders), of an editable install
_LEFT_BEHIND = ("__pycache__", ".*", "*.egg-info")


def of_build(root: Path) -> list[Path]:
    """The files and folders at ``root`` that a build of the package there may read."""
    paths = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    paths = [path for path in paths if not any(path.match(pattern) for pattern in NOT_SOURCES)]
    return [path for path in paths if not (path / "pyvenv.cfg").is_file()]


def is_beside(name: str) -> bool:
    """Whether a folder of that name is there for something else than to be in the wheel."""
    return _is(name, (*NOT_SOURCES, *_BESIDE))


def homes(root: Path, module: str) -> list[Path]:
    """The folders of a checkout that a module is imported from: src/, the root, or else other folders of code, if any.

    Args:
        module: as it is imported; ``my.ns`` lies in ``my/ns`` there.
    """
    inside = Path(*module.split("."))

    def holds(folder: Path) -> bool:
        return (folder / inside).is_dir() or (folder / inside).with_suffix(".py").is_file()

    usual = [folder for folder in (root / "src", root) if holds(folder)]
    code = [path for path in of_build(root) if path.is_dir() and not is_beside(path.name)]
    return usual or [folder for path in code for folder in (path, *path.glob("*"), *path.glob("*/*")) if holds(folder)]


def of_wheel(table: Table) -> list[Path]:
    """The files and folders that decide what is in the wheel.

    The module with all that lies in it, the files that say how it is built, and the code of all other folders that a
    build may take into the wheel: ``python/``, a second package, ``csrc/``. Then what the files of the build name, such
    as ``VERSION`` or a module beside the package's.
    """
    modules = [folder.joinpath(*table.package.module.split(".")) for folder in homes(table.root, table.package.module)]
    single = [module.with_suffix(".py") for module in modules]
    build = [table.root / name for name in (*_BUILD, "MANIFEST.in", *filter(None, [table.package.platform]))]
    paths = [path for path in (*build, *modules, *single) if path.exists()]
    for more in (_other_code(table.root), _named(table.root)):
        paths += [path for path in more if not set(paths) & {path, *path.parents}]
    return paths


def _other_code(root: Path) -> list[Path]:
    folders = [path for path in of_build(root) if path.is_dir()]
    packages = [path for path in folders if (path / "__init__.py").is_file()]
    folders = [path for path in folders if path in packages or not _is(path.name, _BESIDE)]
    return [path for folder in folders for path in sorted(_below(folder)) if path.suffix in _CODE]


def _named(root: Path) -> list[Path]:
    """The files that those which say how the package is built name, such as VERSION, but for prose."""
    texts = [(root / name).read_text(encoding="utf-8", errors="replace") for name in _BUILD if (root / name).is_file()]
    files = set()
    for word in set(_WORD.findall("\n".join(texts))):
        first, last = word.split("/")[0], word.split("/")[-1]
        if not (_PROSE.fullmatch(last) or _is(first, (*NOT_SOURCES, ".*")) or _is(last, _NOT_BUILT) or ".." in word):
            files |= {path for path in (root / word, root / f"{word}.py") if path.is_file()}
    return sorted(files)


def file_of(module: object) -> str:
    """The file that a module says it is of; "" where it names none.

    What it names may be anything: Triton 2.3.1's interpreter puts a function into ``triton.language.math``.
    """
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else ""


def package_digest(table: Table) -> str:
    """SHA-256 over what the checkout's wheel is built from: a change elsewhere makes no other wheel."""
    return digest(of_wheel(table), table.root)


def suites_digest(table: Table, folder: Path, suites: Iterable[str]) -> str:
    """SHA-256 over these suites and what decides how they run: pytest's files, and the helpers that lie beside them.

    Args:
        folder: what ``suites`` are relative to.
    """
    named = [Path(os.path.normpath(folder / name)) for name in suites]
    above = {place for suite in named for place in suite.parents if table.root in (place, *place.parents)}
    settings = {place / name for place in above for name in _PYTEST_FILES}
    settings |= {place / name for place in above - {table.root} for name in _BUILD}
    top = repository(table.root)
    beyond = [place for place in table.root.parents if top in (place, *place.parents)]
    settings |= {place / name for place in beyond for name in _PYTEST_FILES}
    settings |= {path for place in beyond for name in _BUILD if _sets_pytest(path := place / name)}
    beside = {table.root / "tests", *(path.parent for path in named)} - {table.root}
    helpers = {path for parent in beside for path in [*parent.glob("*.py"), *_helpers(parent)]}
    tops = [*sorted({*filter(Path.is_file, settings), *helpers}), *named]
    return digest(tops, table.root, without=(table.known, table.accepted))  # they judge results, and make none


def repository(root: Path) -> Path:
    """The top of the git repository that a checkout's ``root`` lies in, which is another folder in a monorepo."""
    return next((place for place in (root, *root.parents) if (place / ".git").exists()), root)


def _sets_pytest(path: Path) -> bool:
    """Whether a file that says how some package is built has pytest's settings too: such as pytest takes from it."""
    return (
        path.is_file() and re.search(r"^\[tool[.:]pytest", path.read_text("utf-8", "replace"), re.MULTILINE) is not None
    )


def _helpers(folder: Path) -> Iterable[Path]:
    """The Python files of those folders in ``folder`` that are no suites of their own: they hold no test."""
    for below in folder.iterdir() if folder.is_dir() else ():
        held = [path for path in _below(below) if path.suffix == ".py"] if below.is_dir() else []
        if not any(_is(path.name, _TESTS) for path in held):
            yield from held


def pins_digest(table: Table, cell: Cell) -> Optional[str]:
    """SHA-256 of the cell's pin file and of what its row says of a run; None where it has neither pins nor gaps.

    A row may be changed and not locked again: what ran is then not what it asks for.
    """
    pins = table.pins(cell)
    if not pins.is_file() and not cell.gaps:
        return None
    row = {name: getattr(cell, name) for name in ("python", "torch", "triton", "requires", "index")}
    row["gaps"] = [vars(gap) for gap in cell.gaps]
    row["needs_gpu"] = table.package.needs_gpu
    said = json.dumps([row, sha256(pins) if pins.is_file() else ""], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def installed_names(distribution: str) -> list[str]:
    """The top-level modules of an installed distribution, as they are imported; empty where it is not installed."""
    names = {name.split("/")[0].split(".")[0] for name in _installed(distribution)}
    return sorted(name for name in names if name.isidentifier())


def tested(table: Table, distribution: Optional[str]) -> dict[str, Path]:
    """The Python files under test, as a wheel names them, and where they are.

    Args:
        distribution: whose wheel is installed; None: the checkout's own, where it lies.
    """
    if distribution is not None:
        return {name: path for name, path in _installed(distribution).items() if path.suffix == ".py"}
    files = [path for top in of_wheel(table) for path in (_below(top) if top.is_dir() else [top])]
    own = {path.relative_to(table.root).as_posix(): path for path in files if path.suffix == ".py"}
    return {re.sub("^src/", "", name): path for name, path in own.items()}


def installed_digest(distribution: str) -> Optional[str]:
    """SHA-256 over the files of an installed distribution, and over which of its modules are imported from elsewhere.

    Nothing is imported. None where this Python has no such distribution.
    """
    listed = _installed(distribution)
    if not listed:
        return None
    hasher = hashlib.sha256()
    for name, path in sorted(listed.items()):
        hasher.update(f"{name}\0{sha256(path) if path.is_file() else None}\n".encode())
    own = {str(path.parents[len(Path(name).parts) - 1].resolve()) for name, path in listed.items()}
    for name in installed_names(distribution):
        spec = importlib.util.find_spec(name)
        places = [*(spec.submodule_search_locations or [spec.origin or ""])] if spec else []
        if not any(str(Path(place).parent.resolve()) in own for place in places):
            hasher.update(f"{name} is found in {places}\n".encode())
    return hasher.hexdigest()


def _installed(distribution: str) -> dict[str, Path]:
    """The files that an installed distribution lists, as it names them, and where they are."""
    try:
        listed = metadata.distribution(distribution).files or []
    except metadata.PackageNotFoundError:
        return {}
    kept = {str(path): Path(str(path.locate())) for path in listed if path.parts[0] != ".."}
    # what installers and Python add to it
    return {name: path for name, path in kept.items() if not {".dist-info", "__pycache__"} & _kinds(name)}


def _kinds(name: str) -> set[str]:
    """The names of a path's folders; of one with an ending only that."""
    return {Path(part).suffix or part for part in name.split("/")[:-1]}


def digest(tops: Sequence[Path], root: Path, without: Collection[Path] = ()) -> str:
    """SHA-256 over the names, from ``root``, and contents of these files and of all below these folders.

    Links are followed, as a build and pytest do. What tools leave among sources is no part of it.
    """
    hasher = hashlib.sha256()
    for top in tops:
        for path in sorted(_below(top)) if top.is_dir() else [top]:
            if path.is_file() and path not in without:
                hasher.update(f"{os.path.relpath(path, root)}\0{sha256(path)}\n".encode())
    return hasher.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            hasher.update(data)
    return hasher.hexdigest()


def _below(top: Path) -> Iterator[Path]:
    """Every file below a folder. A link to a folder that it lies in is not followed again."""
    for folder, below, names in os.walk(top, followlinks=True):
        here = Path(folder)
        inside = [name for name in below if not left_behind(name)]
        links = {name for name in inside if (here / name).is_symlink()}
        around = {here.resolve(), *here.resolve().parents} if links else set()
        below[:] = [name for name in inside if name not in links or (here / name).resolve() not in around]
        yield from (here / name for name in names if not name.startswith("."))


def left_behind(name: str) -> bool:
    """Whether a folder of this name is what tools leave among sources."""
    return _is(name, _LEFT_BEHIND)


def _is(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
