"""Which module of a package holds its kernels: the one whose files import Triton, in the layouts that builds know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from ..base import sources
from ..environments import project

BESIDE = ("test", "tests", "docs", "examples", "benchmark", "benchmarks", "build", "dist")


def of(root: Path, name: str, asked: Optional[str]) -> tuple[str, str]:
    """The module's import name, and a remark on how it was found.

    Args:
        root: the package's folder.
        name: of its distribution.
        asked: the module that the user names.

    Raises:
        ValueError: none imports Triton, or none of that name is there; it says what layout was not understood.
    """
    if asked is not None:
        if not all(part.isidentifier() for part in asked.split(".")):
            raise ValueError(f"--module is {asked!r}; allowed is a module's name, such as pkg or pkg.ops")
        if not sources.homes(root, asked):
            inside = asked.replace(".", "/")
            raise ValueError(
                f"--module is {asked!r}; there is no {inside} or {inside}.py in {str(root)!r} or its folders"
            )
        return asked, ""
    names = sorted(dict.fromkeys(_candidates(root, name)), key=lambda module: _likeliness(module, name))
    if names:
        others = f"; {', '.join(names[1:])} imports triton too, --module names it" if len(names) > 1 else ""
        return names[0], others
    elsewhere = next((path for path in _files(root) if imports_triton(path)), None)
    if elsewhere is None:
        raise ValueError(f"the folder is {str(root)!r}, where no file imports triton; the matrix is for its kernels")
    shown = elsewhere.relative_to(root).as_posix()
    raise ValueError(
        f"{shown} imports triton, and it is in no module at the root, in src/ or where the settings of the build in "
        f"{str(root)!r} say that modules are; name the module with --module, as it is imported"
    )


def imports_triton(path: Path) -> bool:
    """Whether the file says ``import triton`` or ``from triton... import``, at its top or inside a function."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^\s*(import triton\b|from triton[.\s])", text, re.MULTILINE) is not None


def _likeliness(module: str, name: str) -> tuple[bool, bool, int]:
    """Sorts what is called like the distribution first, then what its name begins with: fla-core's module is fla."""
    begins = re.sub("[-.]", "_", name).lower().startswith(module.lower())
    return not _is_called(module, name), not begins, module.count(".")


def _candidates(root: Path, name: str) -> Iterator[str]:
    homes = homes_of(root)
    for home in homes:
        for path in sorted(home.iterdir()):
            if path.name in BESIDE or path.name.startswith(".") or path.resolve() in homes or _is_environment(path):
                continue
            if path.suffix == ".py" and _is_called(path.stem, name):
                yield from [path.stem] if imports_triton(path) else []
            elif path.is_dir():
                names = _below(home, path, name)
                # a folder at the root is only taken for a namespace where the distribution is called so
                yield from (
                    each for each in names if home != root.resolve() or "." not in each or _is_called(each, name)
                )


def _is_called(module: str, name: str) -> bool:
    return re.sub("[-.]", "_", module).lower() == re.sub("[-.]", "_", name).lower()


def _below(home: Path, top: Path, name: str) -> Iterator[str]:
    """The packages at and below a folder that import Triton; of a namespace, those that are no namespace any more."""
    for file in sorted(top.rglob("*.py")):
        if imports_triton(file):
            folders = [*reversed([each for each in file.parents if each == top or top in each.parents])]
            package = next((each for each in folders if (each / "__init__.py").is_file()), None)
            spelled = home.joinpath(*name.split("."))
            if package is None and (spelled in folders or _is_called(top.name, name)):
                package = spelled if spelled in folders else top  # a namespace to the end
            if package is not None:
                yield ".".join(package.relative_to(home).parts)


def homes_of(root: Path) -> list[Path]:
    """The folders that the package's modules lie in: src/, the root, and what the settings of its build name."""
    named = [*_named(project.described(root).get("tool", {})), *_named_by_setup_cfg(root)]
    folders = [root / "src", root, *(root / each for each in named if isinstance(each, str))]
    return [folder for folder in dict.fromkeys(map(Path.resolve, folders)) if folder.is_dir()]


def _named(tool: Mapping[str, Any]) -> Iterator[Any]:
    def said(*keys: str) -> Any:
        value: Any = tool
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    yield from (said("maturin", "python-source"), said("pdm", "build", "package-dir"))
    yield said("uv", "build-backend", "module-root")
    yield from said("setuptools", "packages", "find", "where") or ()
    yield from _homes_of_packages(said("setuptools", "package-dir") or {})
    yield from (each.get("from") for each in said("poetry", "packages") or () if isinstance(each, Mapping))
    wheels = said("scikit-build", "wheel", "packages") or ()
    listed = [*(wheels.values() if isinstance(wheels, Mapping) else wheels)]
    listed += said("hatch", "build", "targets", "wheel", "packages") or ()
    yield from (str(Path(each).parent) for each in listed if isinstance(each, str))


def _homes_of_packages(folders: Mapping[str, Any]) -> Iterator[str]:
    """Of setuptools' package-dir: the home of all packages, called "", and those that a package of its own lies in."""
    for package, folder in folders.items():
        parts, inside = Path(str(folder)).parts, tuple(package.split(".")) if package else ()
        if parts[len(parts) - len(inside) :] == inside:
            yield str(Path(*parts[: len(parts) - len(inside)]))


def _named_by_setup_cfg(root: Path) -> list[str]:
    parser = project.setup_cfg(root)
    folders = parser.get("options", "package_dir", fallback="").splitlines()
    where = parser.get("options.packages.find", "where", fallback="").split()
    named = (line.partition("=") for line in folders if "=" in line)
    return [*where, *_homes_of_packages({package.strip(): folder.strip() for package, _, folder in named})]


def _files(root: Path) -> Iterator[Path]:
    """The Python files of the checkout that may be of a wheel."""
    for path in sources.of_build(root):
        if path.is_dir() and not sources.is_beside(path.name):
            yield from sorted(path.rglob("*.py"))


def _is_environment(path: Path) -> bool:
    return (path / "pyvenv.cfg").is_file()
