"""The Triton kernels of a package, read off its sources: what a level could launch.

A function that only other kernels use is part of those that use it, and is no kernel of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..lint.source import LANGUAGE, Source, parse


def find(files: Mapping[str, Path]) -> list[str]:
    """The kernels in these files, ``path/to/file.py:name`` each, sorted.

    Args:
        files: the name to show -> the file. One that this Python cannot parse it cannot import either, so it has none.
    """
    sources = dict(_parsed(files))
    launched = {name for source in sources.values() for name in _launched(source)}
    used = {name for source in sources.values() for name in _used(source)} - launched
    kernels = ((name, kernel.name) for name, source in sources.items() for kernel in source.kernels)
    return sorted({f"{file}:{kernel}" for file, kernel in kernels if kernel not in used})


def _parsed(files: Mapping[str, Path]) -> Iterator[tuple[str, Source]]:
    for name, path in files.items():
        try:
            text = path.read_text(encoding="utf-8")
            if "triton" in text and "jit" in text:
                yield name, parse(path, text)
        except (OSError, ValueError):
            continue


def _launched(source: Source) -> Iterator[str]:
    """The names of what is launched, ``name[grid](...)``."""
    for call in _launches(source):
        if isinstance(call.func, ast.Subscript):
            yield from _names(source, [call.func.value])


def _used(source: Source) -> Iterator[str]:
    """The names that kernels take from outside of themselves, and those that are passed to a launch."""
    for kernel in source.kernels:
        if kernel.node is not None:
            nodes = list(ast.walk(kernel.node))
            own = {node.arg for node in nodes if isinstance(node, ast.arg)}
            own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            yield from set(_names(source, nodes)) - own
    for call in _launches(source):
        yield from _names(source, [*call.args, *(keyword.value for keyword in call.keywords)])


def _launches(source: Source) -> Iterator[ast.Call]:
    return (node for node in source.nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript))


def _names(source: Source, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What these nodes name: a global or, of an imported module other than Triton's language, an attribute."""
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            full = source.resolve(node)
            if full and not any(name.startswith(LANGUAGE) for name in full):
                yield node.attr
