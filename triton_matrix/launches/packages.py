"""How the modules beside a kernel are imported: its packages' ``__init__`` are not run unless something only they hold
is asked for, and a statement that needs what is not installed costs the names it would bind, not the module.
"""

from __future__ import annotations
import __future__

import ast
import functools
import importlib
import importlib.metadata
import importlib.util
import os
import sys
import types
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any, Optional

from ..base import listening
from .standins import StandIn, StandInError

_FUTURE = {name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
_FOLDERS_UP = 6  # how far above a kernel's file absolute imports are looked for where no project file ends the search
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


class LocalFinder:
    """Finds the modules of a kernel's own packages, and of the folders above its file."""

    def __init__(self) -> None:
        self._roots: dict[str, str] = {}  # top-level name -> folder
        self._folders: list[Path] = []

    def own(self, name: str) -> bool:
        """Whether a top-level name is one of the kernel's own packages."""
        return name in self._roots

    def folders(self) -> list[str]:
        """Where the kernel's own packages, and what no other finder has, may lie."""
        return [*self._roots.values(), *map(str, self._folders)]

    def add(self, top: str, root: Path) -> None:
        """Import ``top`` from ``root`` from now on, in this way."""
        self._roots.setdefault(top, str(root))

    def search(self, folders: list[Path]) -> None:
        """Look in these folders too for what no other finder has."""
        self._folders = [*folders, *(folder for folder in self._folders if folder not in folders)]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        top = name.partition(".")[0]
        if top not in self._roots:
            return None
        spec = PathFinder.find_spec(name, list(path) if path is not None else [self._roots[top]])
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return spec
        is_package = spec.submodule_search_locations is not None
        spec.loader = (_LazyPackage if is_package else _Statements)(spec.loader.name, spec.loader.path)
        return spec

    def find_distributions(self, context: Any) -> Iterable[importlib.metadata.Distribution]:
        """What a source archive or a wheel says of itself, in the folder that its package lies in."""
        if not context.name:
            return ()
        here = importlib.metadata.DistributionFinder.Context(name=context.name, path=self.folders())
        return importlib.metadata.MetadataPathFinder.find_distributions(here)


class NotingFinder:
    """Before all others, finds nothing, and notes where a module is looked for: one may be put there later."""

    def __init__(self, local: LocalFinder) -> None:
        self._local = local

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        places = path if path is not None else [*self._local.folders(), *sys.path]
        for place in map(os.path.abspath, places):
            if not listening.is_library(place + os.sep):
                last = os.path.join(place, name.rpartition(".")[2])
                for suffix in ("", *importlib.machinery.all_suffixes()):
                    listening.looked_for(last + suffix)
        return None


class FolderFinder:
    """After all regular finders: a module in a folder above the kernel's file becomes one of its own."""

    def __init__(self, local: LocalFinder) -> None:
        self._local = local

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        if "." in name or name == "torch":
            return None
        for folder in self._local._folders:
            inside = folder / name
            if inside.with_suffix(".py").is_file() or (inside.is_dir() and _holds_python(inside)):
                self._local.add(name, folder)
                return self._local.find_spec(name)
        return None


def _holds_python(folder: Path) -> bool:
    with listening.quietly():
        first = next(folder.glob("**/*.py"), None)
    if first is not None:  # one file is enough; what else the folder holds decides nothing
        listening.looked_for(str(first))
        return True
    return any(folder.glob("**/*.py"))


def folders_above(path: Path) -> list[Path]:
    """The folders in which absolute imports of the file ``path`` may start: its own and those above, nearest first."""
    result = []
    for folder in list(path.parents)[:_FOLDERS_UP]:
        if not (folder / "__init__.py").is_file():  # inside a package, names of folders are not names of packages
            result.append(folder)
        if any((folder / name).exists() for name in PROJECT_FILES):
            break
    return result


class _Statements(SourceFileLoader):
    """Runs a module statement by statement."""

    def exec_module(self, module: types.ModuleType) -> None:
        run(ast.parse(self.get_data(self.path), filename=self.path), self.path, module.__dict__)


def run(tree: ast.Module, filename: str, namespace: dict[str, Any]) -> None:
    """Run a module's statements; the names that one of them cannot bind without a missing module say so when used.

    Raises:
        whatever a statement raises, unless that is a StandInError or follows from one.
    """
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            flags |= sum(_FUTURE.get(alias.name, 0) for alias in node.names)
    if tree.body and ast.get_docstring(tree, clean=False) is not None:
        namespace["__doc__"] = ast.get_docstring(tree, clean=False)
    for node in tree.body:
        code = compile(ast.Module([node], []), filename, "exec", flags=flags, dont_inherit=True)
        try:
            exec(code, namespace)
        except StandInError as problem:
            why = str(problem)
        except Exception:
            why = _lacking(node, namespace)  # such as Version(V), where V is what could not be bound
            if not why:
                raise
        else:
            continue
        for name in names_bound(node):
            namespace[name] = StandIn(name, {}, problem=why)


def _lacking(node: ast.stmt, namespace: dict[str, Any]) -> str:
    """Why a name that a statement uses could not be bound; "" where all of them could."""
    names = (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load))
    values = (namespace.get(name) for name in names)
    return next((each._problem for each in values if isinstance(each, StandIn) and each._problem), "")


def names_bound(node: ast.stmt) -> set[str]:
    """The names that a statement may bind in the scope that it stands in."""
    names = set()
    todo: list[ast.AST] = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(each.name)
            continue
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            names.add(each.id)
        elif isinstance(each, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in each.names}
        todo += ast.iter_child_nodes(each)
    return names - {"*"}


class _LazyPackage(_Statements):
    """Gives a package its path and nothing else until something is asked of it.

    A name is then taken from where the ``__init__`` imports it, from a module of that name, or, where neither is, from
    the ``__init__`` after all. The package stays a plain module: a kernel may have one as a global, and nothing else.
    """

    def exec_module(self, module: types.ModuleType) -> None:
        def missing(name: str) -> Any:
            return self._missing(module, name, missing)

        module.__dict__["__getattr__"] = missing

    def _missing(self, module: types.ModuleType, name: str, again: Any) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        source = _imported_in(self.path, name)
        if source is not None:
            return _taken(module, source, name)
        if not name.startswith("__") and _exists(f"{module.__name__}.{name}", module.__path__):
            return importlib.import_module(f"{module.__name__}.{name}")
        del module.__dict__["__getattr__"]  # what runs now may ask again, and finds what is there by then
        try:
            super().exec_module(module)
        except BaseException:
            module.__dict__["__getattr__"] = again  # whoever asks next is told the same, not that a name is missing
            raise
        return getattr(module, name)  # its own __getattr__ may know it


def _taken(package: types.ModuleType, source: tuple[str, str], name: str) -> Any:
    """What a package's ``__init__`` binds a name to, from where it imports that."""
    module = importlib.import_module(source[0], package.__name__ if source[0].startswith(".") else None)
    if not source[1]:
        return sys.modules[source[0].partition(".")[0]] if "." in source[0] else module
    try:
        value = getattr(module, source[1])
    except AttributeError:
        value = importlib.import_module(f"{module.__name__}.{source[1]}")
    setattr(package, name, value)
    return value


def _imported_in(path: str, name: str) -> Optional[tuple[str, str]]:
    """Module and name that an import statement at the top level of a file binds ``name`` to, once and nowhere else."""
    origins = _bound_in(path).get(name, [])
    return origins[0] if len(origins) == 1 and origins[0] != (".", name) else None


@functools.cache
def _bound_in(path: str) -> dict[str, list[Optional[tuple[str, str]]]]:
    """What each name at the top level of a file is bound to: where it is imported from, or None for anything else."""
    bound: dict[str, list[Optional[tuple[str, str]]]] = {}
    for node in ast.parse(Path(path).read_bytes(), filename=path).body:
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name, []).append((module, alias.name))
        else:
            for name in names_bound(node):
                bound.setdefault(name, []).append(None)
    return bound


def _exists(name: str, path: Any) -> bool:
    return PathFinder.find_spec(name, list(path)) is not None
