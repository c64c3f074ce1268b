"""What is chosen for a package, and why: its cells, its suites, what those need. Nothing is written here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..base import files
from ..base.cells import Package
from ..base.pairs import PYTHON, Pair
from ..environments import project
from ..environments.pins import name_of
from . import modules

TEST_LISTS = ("test", "tests", "testing", "dev")  # extras or dependency groups that hold what suites need
GPU_EXTRAS = (
    "cuda",
    "gpu",
    "triton",
    "torch",
    "all",
)  # extras that may name torch and Triton where the package does not
# in such lists, but no test needs them
TOOLS = (
    *("black", "build", "flake8", "isort", "mypy", "pre-commit", "prek", "pylint", "pyright", "ruff", "tox", "twine"),
    *("mkdocs", "mkdocs-material", "sphinx", "nox", "uv", "wheel", "flake8-bugbear", "ipython", "jupyter"),
)
OURS = ("pytest", "hypothesis")  # what the harness asks for by itself
GIVEN = (*OURS, "torch", "triton")  # in every cell
BENCHMARK = "pytest-benchmark"  # what a bench suite runs with
USUAL_TESTS = ("tests", "test")


@dataclass(frozen=True)
class Row:
    """A cell to write: the pair, one of its torch releases, an interpreter, and why the cell exists."""

    pair: Pair
    torch: str
    python: str
    why: str

    @property
    def name(self) -> str:
        """``triton331`` for Triton 3.3.1."""
        return f"triton{self.pair.triton.replace('.', '')}"


@dataclass(frozen=True)
class Choice:
    """Everything that is written, and what a reader is told of it.

    Attributes:
        project: the package as its own files describe it.
        module: its import name.
        rows: its cells, oldest Triton first.
        suites: what a cell runs, below the repo root; empty: the harness's default.
        needs_gpu: whether the suites are written for a GPU.
        test: what the suites need beside the harness's own.
        said: sentences, one for each choice.
    """

    project: project.Project
    module: str
    rows: tuple[Row, ...]
    suites: tuple[str, ...]
    needs_gpu: bool
    test: tuple[str, ...]
    said: tuple[str, ...] = field(default=())


def of(root: Path, known: Sequence[Pair], module: Optional[str] = None) -> Choice:
    """Choose for the package at ``root`` from the known pairs.

    Args:
        module: its import name, where the user says it.

    Raises:
        ValueError: the folder holds no package, one without Triton kernels, or one that allows none of the pairs.
    """
    package = project.read(root)
    module, others = modules.of(root, package.name, module)
    said = [f"package {package.name}, module {module}: dependencies from {package.source}{others}"]
    limits, where = limits_of(package)
    said.append(f"limits: {', '.join(map(str, limits)) or 'none on torch or Triton'}{where}")
    rows, refused = choose_rows(package, limits, known)
    said += [f"cell {row.name}: Python {row.python}, torch {row.torch}, Triton {row.pair.triton}" for row in rows]
    said += refused
    suites = suites_of(root)
    gpu = [path for path in test_files(root, suites) if "cuda" in path.read_text(encoding="utf-8", errors="replace")]
    if not suites:
        said.append("suites: there are none; put tests below tests/")
    else:
        said.append(f"suites: {', '.join(suites)}" + ("; their tests ask for a GPU" if gpu else ""))
    test, about = test_requirements(package)
    said += about
    if (root / Package.bench).is_dir() and BENCHMARK not in map(name_of, test):
        test = (*test, BENCHMARK)
        said.append(f"{Package.bench} needs {BENCHMARK}")
    default = suites == ("tests",) and any((root / "tests" / name).is_dir() for name in ("correctness", "incidents"))
    return Choice(package, module, rows, () if default else suites, bool(gpu), test, tuple(said))


def limits_of(package: project.Project) -> tuple[list[Requirement], str]:
    """What the package says of torch and Triton, and where, if not among its own dependencies."""
    limits = _about(package.dependencies)
    if limits:
        return limits, ""
    for name in GPU_EXTRAS:
        limits = _about(package.extras.get(name, ()))
        if limits:
            return limits, f" (of its extra {name})"
    return [], ""


def _about(requirements: Iterable[str]) -> list[Requirement]:
    limits = []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise ValueError(f"a dependency is {text!r}; it is no requirement: {str(error).splitlines()[0]}") from None
        if requirement.name in ("torch", "triton"):
            limits.append(requirement)
    return limits


def choose_rows(
    package: project.Project, limits: Sequence[Requirement], known: Sequence[Pair]
) -> tuple[tuple[Row, ...], list[str]]:
    """The newest allowed pair of each minor release of Triton, oldest first; and why others are not among them.

    Raises:
        ValueError: no pair is allowed, or ``requires-python`` is no specifier.
    """
    chosen: dict[str, Row] = {}
    refused: dict[str, str] = {}
    for pair in known:  # oldest first: a later release of the same minor takes the place of an earlier one
        minor = pair.triton.rpartition(".")[0]
        python = pair.python(lambda each: runs_on(package, each))
        if python is None:
            refused[pair.triton] = f"it has no wheels for a Python that {package.requires_python} allows"
            continue
        here = _markers(python)
        asked = [each for each in limits if each.marker is None or each.marker.evaluate(here)]
        triton = [each for each in asked if each.name == "triton" and not each.specifier.contains(pair.triton)]
        torch = next((each for each in pair.torch if _allows(asked, "torch", each)), None)
        if triton or torch is None:
            blame = triton or [each for each in asked if each.name == "torch"]
            refused[pair.triton] = f"{' and '.join(map(str, blame))} does not allow {'it' if triton else 'its torch'}"
            continue
        chosen[minor] = Row(pair, torch, python, f"the newest Triton {minor}")
    if not chosen:
        first = next(iter(refused.items()), ("", "there is no known Triton"))
        raise ValueError(f"{package.name} allows no known Triton; {first[0]}: {first[1]}")
    rows = list(chosen.values())
    if len(rows) > 1:
        rows[0] = _because(rows[0], f"the oldest Triton that {package.name} allows")
    rows[-1] = _because(rows[-1], f"the newest Triton that {package.name} allows")
    reasons = {why: [each for each in refused if refused[each] == why] for why in refused.values()}
    return tuple(rows), [f"no cell for Triton {', '.join(those)}: {why}" for why, those in reasons.items()]


def runs_on(package: project.Project, python: str) -> bool:
    """Whether some release of this ``major.minor`` is one that the package allows.

    Raises:
        ValueError: ``requires-python`` is no specifier.
    """
    try:
        pythons = SpecifierSet(package.requires_python)
    except InvalidSpecifier:
        raise ValueError(f"requires-python is {package.requires_python!r}; allowed is such as >=3.10") from None
    return pythons.contains(f"{python}.99") or pythons.contains(f"{python}.0")


def _because(row: Row, why: str) -> Row:
    return Row(row.pair, row.torch, row.python, why)


def allows(limits: Sequence[Requirement], pair: Pair) -> bool:
    """Whether the package's limits on torch and Triton allow a pair."""
    here = _markers(pair.python() or PYTHON)
    asked = [each for each in limits if each.marker is None or each.marker.evaluate(here)]
    return _allows(asked, "triton", pair.triton) and any(_allows(asked, "torch", torch) for torch in pair.torch)


def _allows(asked: Sequence[Requirement], name: str, version: str) -> bool:
    return all(each.specifier.contains(version) for each in asked if each.name == name)


def _markers(python: str) -> dict[str, str]:
    linux = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"}
    return {**linux, "python_version": python, "python_full_version": f"{python}.0", "extra": ""}


def suites_of(root: Path) -> tuple[str, ...]:
    """The folders and files of the package's tests: what its pytest settings name, else tests/ or test/."""
    path = root / "pyproject.toml"
    tool: Mapping[str, Any] = (
        files.read_toml(path, "the package's description").get("tool", {}) if path.is_file() else {}
    )
    settings = tool.get("pytest", {})
    named = settings.get("ini_options", settings).get("testpaths", [])
    named = named.split() if isinstance(named, str) else named
    there = [str(each).rstrip("/") for each in named if (root / str(each)).exists() and str(each) not in (".", "./")]
    return tuple(there) or next(((name,) for name in USUAL_TESTS if (root / name).is_dir()), ())


def test_files(root: Path, suites: Iterable[str]) -> list[Path]:
    """The Python files of the suites."""
    paths: list[Path] = []
    for name in suites:
        path = root / name
        paths += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return paths


def test_requirements(package: project.Project) -> tuple[tuple[str, ...], list[str]]:
    """What the suites need, from the package's own list of it; the harness brings pytest itself."""
    lists = [(f"dependency group {name}", package.groups[name]) for name in TEST_LISTS if package.groups.get(name)]
    lists += [(f"extra {name}", package.extras[name]) for name in TEST_LISTS if package.extras.get(name)]
    if not lists:
        return (), []
    where, listed = lists[0]
    flat: list[str] = []
    for text in listed:  # package[math] in its own extra dev stands for its extra math
        extras = re.findall(r"[\w.-]+", (re.search(r"\[(.*?)\]", text) or ["", ""])[1])
        own = name_of(text) == name_of(package.name)
        flat += [each for extra in extras for each in package.extras.get(extra, ())] if own else [text]
    kept = [text for text in flat if name_of(text) not in (*TOOLS, *GIVEN)]
    dropped = [name for text in flat if (name := name_of(text)) in TOOLS]
    said = [f"tests need, from its {where}: {', '.join(kept) or 'nothing more'}"]
    if dropped:
        said.append(f"left out of that list, since no test needs them: {', '.join(dropped)}")
    return tuple(dict.fromkeys(kept)), said
