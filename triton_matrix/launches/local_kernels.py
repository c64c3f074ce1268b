"""Kernels that are defined inside functions: found again in the module's source, and made once more from it.

``make.<locals>.kernel`` is Python's own name of such a function. It can be made without calling ``make`` where all that
it uses of ``make`` is what that imports, and other functions that it defines.
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


def source(file: Path, name: str) -> list[ast.stmt]:
    """The definition called ``name`` in a file, the last, and before it what it uses of the functions around it.

    Raises:
        LocalError: there is not exactly one, or it uses what is neither imported nor defined there, or is so twice.
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
    functions = [node for node in around if not isinstance(node, ast.ClassDef)]
    held = {each for node in functions for each in _held(node)}
    can_be_made = {each: statement for node in functions for each, statement in _made_in(node).items()}
    todo, needed, refused = [kernel], {}, set()
    while todo:
        for each in _used(todo.pop()) & held:
            if each not in can_be_made:
                refused.add(each)
            elif each not in needed:
                needed[each] = can_be_made[each]
                todo.append(needed[each])
    if not isinstance(kernel, ast.FunctionDef) or refused:
        raise LocalError(f"uses {', '.join(sorted(refused))} of the function that makes it; no reference names it")
    return [*sorted(set(needed.values()), key=lambda node: node.lineno), kernel]


def made(module: Any, name: str) -> Any:
    """The function called ``name``, made from its source, inside a function again, with the globals of its module.

    Raises:
        LocalError: as of :func:`source`. Whatever its decorators and imports raise is passed on.
    """
    file = Path(module.__file__)
    outer = ast.parse(f"def {name.split('.')[0]}(): return {name.rpartition('.')[2]}").body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.body[:0] = source(file, name)
    scope: dict[str, Any] = {}
    exec(compile(ast.Module([outer], []), str(file), "exec", dont_inherit=True), vars(module), scope)
    return scope[outer.name]()


def _made_in(function: Any) -> dict[str, Any]:
    """What a function imports and defines, each once: the name, and the statement that makes it."""
    others = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
    found: dict[str, Any] = {}
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
            others |= names_bound(node) & found.keys()
            found.update(dict.fromkeys(names_bound(node), node))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            others.add(node.id)
        if not isinstance(node, _SCOPES):
            todo += ast.iter_child_nodes(node)
    return {name: node for name, node in found.items() if name not in others}


def _used(node: ast.AST) -> set[str]:
    """The names that a statement takes from around it."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names - _held(node) if isinstance(node, ast.FunctionDef) else names


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
