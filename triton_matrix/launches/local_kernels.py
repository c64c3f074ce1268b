"""Kernels that are defined inside functions: found again in the module's source, and made once more from it.

``make.<locals>.kernel`` is Python's own name of such a function. It can be made outside of ``make`` where it uses
nothing that ``make`` holds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .packages import names_bound

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class LocalError(ValueError):
    """A kernel cannot be made outside of the function that holds it; a sentence that follows its name."""


def source(file: Path, name: str) -> ast.FunctionDef:
    """The definition called ``name`` in a file.

    Raises:
        LocalError: there is not exactly one, or it uses what the functions around it hold.
    """
    scopes: list[list[Any]] = [[ast.parse(file.read_bytes())]]
    around: list[Any] = []
    for part in (each for each in name.split(".") if each != "<locals>"):
        nodes = [node for scope in scopes[-1] for node in _inside(scope) if node.name == part]
        if len(nodes) != 1:
            verb = "are" if len(nodes) > 1 else "is"
            raise LocalError(f"is made inside a function, and {len(nodes) or 'nothing'} in its source {verb} called so")
        around += [nodes[0]]
        scopes.append(nodes)
    kernel = around.pop()
    held = {each for node in around if not isinstance(node, ast.ClassDef) for each in _held(node)}
    used = sorted(held & {node.id for node in ast.walk(kernel) if isinstance(node, ast.Name)} - _held(kernel))
    if not isinstance(kernel, ast.FunctionDef) or used:
        raise LocalError(f"uses {', '.join(used)} of the function that makes it; no reference names it")
    return kernel


def made(module: Any, name: str) -> Any:
    """The function called ``name``, made from its source with the globals of its module.

    Raises:
        LocalError: as of :func:`source`. Whatever its decorators raise is passed on.
    """
    file = Path(module.__file__)
    kernel = source(file, name)
    scope: dict[str, Any] = {}
    tree = ast.Module([kernel], [])
    exec(compile(tree, str(file), "exec", dont_inherit=True), vars(module), scope)
    return scope[kernel.name]


def _inside(scope: ast.AST) -> Iterator[Any]:
    """The definitions of a scope, those under ``if`` and the like too, and not those inside of others."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, _SCOPES):
            yield node
        else:
            yield from _inside(node)


def _held(node: Any) -> set[str]:
    """The names that a function binds."""
    names = {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
    return names.union(*map(names_bound, node.body))
