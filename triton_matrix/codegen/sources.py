"""A kernel's source files: under which name its module is imported, and the digest of all that it is made of.

Nothing is imported here (and so no Triton), because the digest decides whether there is anything to compile at all.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from .packages import folders_above


class SourceError(ValueError):
    """A source file cannot be read as Python; one sentence."""


def import_name(path: Path, source_root: Optional[Path] = None) -> tuple[Path, str]:
    """The folder that imports start at, and the dotted name under which ``path`` is imported from there.

    A file inside packages keeps its full name. Where relative imports of its folder reach above the packages that
    ``__init__.py`` marks, as many folders more belong to the name.

    Args:
        source_root: where imports start, when given; a folder above ``path``.
    """
    if source_root is not None and source_root.resolve() in path.parents:
        relative = path.relative_to(source_root.resolve()).with_suffix("")
        return source_root.resolve(), ".".join(relative.parts)
    folder, depth = path.parent, 0
    while (folder / "__init__.py").is_file():
        folder, depth = folder.parent, depth + 1
    reach = _reach(path)
    while depth < reach and folder.name:
        folder, depth = folder.parent, depth + 1
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    return folder, name.removesuffix(".__init__")


def _reach(path: Path) -> int:
    """How many folders must belong to a module's name for the relative imports below it to work."""
    reach, todo, seen = 0, [path], set()
    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        for node, base in _relative(each):
            if base in path.parents:
                reach = max(reach, list(path.parents).index(base) + 1)
            todo += _files(base, node)
    return reach


def _relative(path: Path) -> Iterator[tuple[ast.ImportFrom, Path]]:
    """The relative imports of a file, each with the folder it starts from."""
    parents = list(path.parents)
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(parents):
            yield node, parents[node.level - 1]


def source_digest(path: Path, source_root: Optional[Path] = None) -> str:
    """Digest of a kernel's file and of every file beside or above it that it imports, directly or not.

    What it imports from elsewhere (Triton, other distributions) is not looked at.

    Raises:
        SourceError: the kernel's own file is not Python.
    """
    check(path)
    roots = [import_name(path, source_root)[0], *([source_root] if source_root else folders_above(path))]
    digest, todo, seen = hashlib.sha256(), [path], set()
    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        digest.update(hashlib.sha256(each.read_bytes()).digest())
        todo += sorted(set(_local_imports(each, roots)) - seen)
    return digest.hexdigest()


def _local_imports(path: Path, roots: list[Path]) -> list[Path]:
    """Files under ``roots`` that an import statement of ``path`` may load."""
    found = [file for node, base in _relative(path) for file in _files(base, node)]
    for node in ast.walk(_parse(path)):
        for root in roots:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found += _chain(root, alias.name)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                chain = _chain(root, node.module)
                found += [*chain, *(_files(root, node) if chain or (root / node.module.split(".")[0]).is_dir() else [])]
    return [file.resolve() for file in found]


def _chain(root: Path, name: str) -> list[Path]:
    """The file of a module under ``root``, and the ``__init__`` of each package on the way to it."""
    parts = name.split(".")
    found = []
    for count in range(1, len(parts) + 1):
        found += _existing(root.joinpath(*parts[:count]))
    return found


def _files(base: Path, node: ast.ImportFrom) -> list[Path]:
    """The files that ``from module import names`` may load, with ``base`` as the folder that the module is in."""
    module = base.joinpath(*(node.module or "").split(".")) if node.module else base
    found = _existing(module)
    for alias in node.names:
        if alias.name != "*":
            found += _existing(module / alias.name)
    return found


def _existing(candidate: Path) -> list[Path]:
    names = [candidate / "__init__.py"]
    if candidate.name:
        names.append(candidate.with_name(candidate.name + ".py"))
    return [file for file in names if file.is_file()]


def check(path: Path) -> None:
    """Raise SourceError where a kernel's own file is not Python."""
    try:
        ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as problem:
        raise SourceError(f"{path.name} line {problem.lineno}: {problem.msg}") from None
    except ValueError as problem:
        raise SourceError(f"{path.name} is not Python: {problem}") from None


@functools.cache
def _parse(path: Path) -> ast.Module:
    """A file's tree; an empty one where it is not this Python's: loading it says so, if it is loaded at all."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError):
        return ast.Module([], [])
