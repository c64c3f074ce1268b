"""What a scope binds to its names: the ground that names are followed on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from .source import Function, Scope

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Bindings:
    """What a scope or a class binds: name -> (kind, expression), and what it adds to or takes from dicts.

    A kind is "value", or "element" where the name is bound to an element of the expression.
    """

    values: dict[str, list[tuple[str, ast.expr]]] = field(default_factory=dict)
    added: dict[str, set[str]] = field(default_factory=dict)
    merged: dict[str, list[ast.expr]] = field(default_factory=dict)
    removed: dict[str, set[str]] = field(default_factory=dict)


def bindings(scope: Union[Scope, ast.ClassDef], owner: str = "") -> Bindings:
    """What ``scope`` binds to names, or to attributes of ``owner``."""
    bound = Bindings()

    def name_of(node: ast.AST) -> Optional[str]:
        if owner and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner:
            return node.attr
        return node.id if not owner and isinstance(node, ast.Name) else None

    def bind(target: ast.AST, kind: str, value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            pairs = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) and kind == "value"
            for position, item in enumerate(target.elts):
                bind(item, kind if pairs else "element", value.elts[position] if pairs else value)  # type: ignore[attr-defined]
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            changed = name_of(target.value)
            if changed is not None:
                bound.added.setdefault(changed, set()).add(str(target.slice.value))
        else:
            name = name_of(target)
            if name is not None:
                bound.values.setdefault(name, []).append((kind, value))

    for node in own_nodes(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                bind(target, "value", node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            bind(node.target, "value", node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.BitOr):
            changed = name_of(node.target)
            if changed is not None:
                bound.merged.setdefault(changed, []).append(node.value)
        elif isinstance(node, (ast.For, ast.comprehension)):
            bind(node.target, "element", node.iter)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changed = name_of(node.func.value)
            if changed is not None:
                _note_change(bound, changed, node)
    return bound


def _note_change(bound: Bindings, name: str, call: ast.Call) -> None:
    first: Any = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method == "update":
        bound.added.setdefault(name, set()).update(item.arg for item in call.keywords if item.arg)
        bound.merged.setdefault(name, []).extend([*call.args, *(k.value for k in call.keywords if k.arg is None)])
    elif method == "setdefault" and first is not None:
        bound.added.setdefault(name, set()).add(str(first))
    elif method == "pop" and first is not None:
        bound.removed.setdefault(name, set()).add(str(first))


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module, class or function without those of the functions and classes inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield from own_nodes(child)
        else:
            for decorator in child.decorator_list:
                yield from ast.walk(decorator)


def parameters(function: Function) -> dict[str, Optional[ast.expr]]:
    """The parameters of a function, with their annotations."""
    args = function.args
    rest = [item for item in (args.vararg, args.kwarg) if item is not None]
    return {item.arg: item.annotation for item in (*args.posonlyargs, *args.args, *args.kwonlyargs, *rest)}


def returned_by(function: Function) -> Iterator[ast.expr]:
    """What a function returns."""
    for node in own_nodes(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
