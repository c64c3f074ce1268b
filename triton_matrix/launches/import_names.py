"""A kernel's source file: under which name its module is imported. Nothing is imported here."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

_STATEMENT = re.compile(
    r"^[^\S\n]*(?:[^#\n'\"]*;[^\S\n]*)?"
    r"(?:from[^\S\n]+(\.*)([\w.]*)[^\S\n]+import[^\S\n]*(\([^)]*\)|(?:[^\n\\;]|\\\n)*)"
    r"|import[^\S\n]+((?:[^\n\\;]|\\\n)*))",
    re.MULTILINE,
)
_MODULE = re.compile(r"(?:^|,)\s*\\?\s*([\w.]+)")


TRITON = "triton"


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
    while path.relative_to(folder).parts[0] == TRITON and folder.name:
        folder = folder.parent  # a package's own folder of that name: at the top it would be Triton itself
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    return folder, name.removesuffix(".__init__")


def _reach(path: Path) -> int:
    """How many folders must belong to a module's name for the relative imports below it to work."""
    reach, todo, seen = 0, [path], set()
    parents = list(path.parents)
    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        for statement in _imports(each):
            base = statement.base(each)
            if base is not None:
                reach = max(reach, parents.index(base) + 1 if base in parents else 0)
                todo += _files(base, statement)
    return reach


def digest_with_siblings(path: Path) -> str:
    """Digest of a module's file and of every file of its own package that it imports, directly or not."""
    digest, todo, seen = hashlib.sha256(), [path], set()
    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        digest.update(hashlib.sha256(each.read_bytes()).digest())
        for statement in _imports(each):
            base = statement.base(each)
            if base is not None:
                todo += _files(base, statement)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Import:
    """One import statement: ``from`` a module with so many leading dots, or of modules; and the names that it takes."""

    level: int
    module: str
    names: tuple[str, ...]

    def base(self, path: Path) -> Optional[Path]:
        """The folder that a relative import in ``path`` starts from; None for an absolute one."""
        parents = path.parents
        return parents[self.level - 1] if 0 < self.level <= len(parents) else None


@functools.cache
def _imports(path: Path) -> tuple[_Import, ...]:
    """The import statements of a file, as its text has them: what stands in a string too is found, and does no harm.

    A tree of each file would say the same, and takes a hundred times as long.
    """
    statements = []
    for match in _STATEMENT.finditer(path.read_text(encoding="utf-8", errors="replace")):
        dots, module, taken, modules = match.groups()
        if modules:
            statements += [_Import(0, each, ()) for each in _MODULE.findall(modules)]
        else:
            taken = re.sub(r"#[^\n]*|\bas\s+\w+", " ", taken)
            statements.append(_Import(len(dots), module, tuple(re.findall(r"\w+", taken))))
    return tuple(dict.fromkeys(statements))


def _files(base: Path, statement: _Import) -> list[Path]:
    """The files that ``from module import names`` may load, with ``base`` as the folder that the module is in."""
    module = base.joinpath(*statement.module.split(".")) if statement.module else base
    files = _existing(module)
    for name in statement.names if module.is_dir() else ():
        files += _existing(module / name)
    return files


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
