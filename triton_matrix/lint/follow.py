"""What an expression of host code may be: a kernel, a launcher, a table of them, or options whose keys are visible.

Names are followed within their file: through assignments of the same function, of the functions around it and of the
module, attributes of self through the methods of the class, loops and tables through their elements, calls through what
the called function returns. Of other files only a kernel that is imported by its name is known. What cannot be followed
is nothing, never a guess.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Optional, Union

from .bindings import FUNCTIONS, Bindings, parameters, returned_by
from .bindings import bindings as bindings_of
from .source import Kernel, Scope, Source, is_jit, tunes

DEPTH = 12  # names followed one after the other; real code needs three or four


class Place(NamedTuple):
    """Where an expression stands: its file, the scopes around it, the innermost last, and the class, if any."""

    source: Source
    scopes: tuple[Scope, ...]
    inside: Optional[ast.ClassDef]


@dataclass(frozen=True)
class Launcher:
    """``kernel[grid]``, with the keywords that functools.partial has bound to it already."""

    kernel: Kernel
    keywords: tuple[ast.keyword, ...] = ()


@dataclass(frozen=True)
class Table:
    """A dict, list, tuple or set: what its elements may be."""

    elements: tuple[tuple[ast.expr, Place], ...]


@dataclass(frozen=True)
class Keys:
    """The keys of a dict of options; ``whole`` where there can be no others."""

    names: frozenset[str]
    whole: bool

    def __or__(self, other: Keys) -> Keys:
        return Keys(self.names | other.names, self.whole and other.whole)


NOTHING = Keys(frozenset(), True)
UNSEEN = Keys(frozenset(), False)
Value = Union[Kernel, Launcher, Table]


class Follower:
    """Follows names in each of the files that are checked."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.kernels: dict[str, list[Kernel]] = {}
        for source in sources:
            for kernel in source.kernels:
                self.kernels.setdefault(kernel.name, []).append(kernel)
        self._bound: dict[tuple[int, str], Bindings] = {}

    def values(self, node: ast.AST, place: Place, depth: int = DEPTH) -> list[Value]:
        """The kernels, launchers and tables that ``node`` may be."""
        if depth == 0:
            return []
        below = depth - 1
        if isinstance(node, ast.Name):
            return self._of_name(node.id, place, below)
        if isinstance(node, ast.Attribute):
            return self._of_attribute(node, place, below)
        if isinstance(node, ast.Subscript):
            candidates: list[Value] = []
            for value in self.values(node.value, place, below):
                if isinstance(value, Kernel):
                    candidates.append(Launcher(value))
                elif isinstance(value, Table):
                    candidates += self._elements(value, below)
            return candidates
        if isinstance(node, (ast.Dict, ast.List, ast.Tuple, ast.Set)):
            items = node.values if isinstance(node, ast.Dict) else node.elts
            return [Table(tuple((item, place) for item in items))]
        if isinstance(node, ast.IfExp):
            return self.values(node.body, place, below) + self.values(node.orelse, place, below)
        if isinstance(node, ast.BoolOp):
            return [value for item in node.values for value in self.values(item, place, below)]
        if isinstance(node, (ast.NamedExpr, ast.Starred)):
            return self.values(node.value, place, below)
        return self._of_call(node, place, below) if isinstance(node, ast.Call) else []

    def _of_name(self, name: str, place: Place, depth: int) -> list[Value]:
        for level in range(len(place.scopes) - 1, -1, -1):
            scope = place.scopes[level]
            around = Place(place.source, place.scopes[: level + 1], place.inside)
            bound = self.bindings(scope).values.get(name, [])
            candidates = [value for item in bound for value in self._of_binding(item, around, depth)]
            if candidates:
                return candidates
            if bound or (isinstance(scope, FUNCTIONS) and name in parameters(scope)):
                return []
        return list(self._named(name, place.source))

    def _of_binding(self, item: tuple[str, ast.expr], place: Place, depth: int) -> list[Value]:
        kind, expression = item
        candidates = self.values(expression, place, depth)
        if kind == "value":
            return candidates
        elements = [value for each in candidates if isinstance(each, Table) for value in self._elements(each, depth)]
        inner = [value for each in elements if isinstance(each, Table) for value in self._elements(each, depth)]
        return elements + inner

    def _elements(self, table: Table, depth: int) -> list[Value]:
        return (
            [value for item, place in table.elements for value in self.values(item, place, depth - 1)] if depth else []
        )

    def _named(self, name: str, source: Source) -> Iterator[Kernel]:
        """The kernels of a name: the file's own, then those of the module that it is imported from, then any."""
        own = [kernel for kernel in source.kernels if kernel.name == name]
        if own:
            yield from own
            return
        for full in source.aliases.get(name, ()):
            original = full.rpartition(".")[2]
            everywhere = self.kernels.get(original, [])
            module = [part for part in full.split(".") if part][:-1]
            near = [_alike_at_the_end(module, _module(kernel.path).split("/")) for kernel in everywhere]
            nearest = max(near, default=0)
            yield from (kernel for kernel, alike in zip(everywhere, near) if alike == nearest)

    def _of_attribute(self, node: ast.Attribute, place: Place, depth: int) -> list[Value]:
        if node.attr == "run":
            kernels = [value for value in self.values(node.value, place, depth) if isinstance(value, Kernel)]
            return [Launcher(kernel) for kernel in kernels]
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            candidates: list[Value] = []
            for around, bound in self._of_class(place):
                for item in bound.values.get(node.attr, []):
                    candidates += self._of_binding(item, around, depth)
            return candidates
        if isinstance(node.value, ast.Name) and node.value.id in place.source.aliases:
            return list(self.kernels.get(node.attr, []))
        return []

    def _of_class(self, place: Place) -> Iterator[tuple[Place, Bindings]]:
        """What the methods of the class around ``place``, and its own body, bind to self."""
        if place.inside is None:
            return
        module = place.scopes[:1]
        for method in place.inside.body:
            if isinstance(method, FUNCTIONS):
                yield Place(place.source, (*module, method), place.inside), self.bindings(method, "self")
        yield Place(place.source, module, place.inside), self.bindings(place.inside)

    def _of_call(self, call: ast.Call, place: Place, depth: int) -> list[Value]:
        source = place.source
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        last = call.func.attr if isinstance(call.func, ast.Attribute) else name
        first = call.args[0] if call.args else None
        if source.resolve(call.func) & {"functools.partial"} and first is not None:
            candidates = self.values(first, place, depth)
            bound = tuple(call.keywords)
            return [Launcher(v.kernel, (*v.keywords, *bound)) if isinstance(v, Launcher) else v for v in candidates]
        if is_jit(source, call.func) and first is not None:
            known = [kernel for kernel in source.kernels if isinstance(first, ast.Name) and kernel.name == first.id]
            return list(known) or [Kernel(ast.unparse(first), source.path)]
        if isinstance(call.func, ast.Call) and first is not None:  # triton.autotune(configs=...)(kernel)
            candidates = self.values(first, place, depth)
            if tunes(source, call.func, set()):
                return [Kernel(v.name, v.path, v.node, True) if isinstance(v, Kernel) else v for v in candidates]
            return candidates
        if name == "getattr" and first is not None and source.resolve(first):
            wanted = call.args[1] if len(call.args) > 1 else None
            if isinstance(wanted, ast.Constant):
                return list(self.kernels.get(str(wanted.value), []))
            return [Kernel(ast.unparse(call), source.path)]
        if name in ("enumerate", "zip", "reversed", "list", "tuple", "sorted", "set", "iter", "next"):
            return (
                [Table(tuple((item, place) for item in call.args))]
                if name == "zip"
                else (self.values(first, place, depth) if first is not None else [])
            )
        if name == "dict":
            return [Table(tuple((keyword.value, place) for keyword in call.keywords))]
        if last in ("values", "items", "copy") and isinstance(call.func, ast.Attribute):
            return self.values(call.func.value, place, depth)
        if last in ("get", "pop") and isinstance(call.func, ast.Attribute):
            tables = [value for value in self.values(call.func.value, place, depth) if isinstance(value, Table)]
            candidates = [value for table in tables for value in self._elements(table, depth)]
            return candidates + [value for item in call.args[1:] for value in self.values(item, place, depth)]
        return [value for item, around in self._returned(call, place) for value in self.values(item, around, depth)]

    def _returned(self, call: ast.Call, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        """What the called function returns, where it is one of the file's own."""
        if isinstance(call.func, ast.Name):
            own = place.source.functions.get(call.func.id)
            functions = [own] if own is not None else []
        elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            inside = place.inside.body if place.inside is not None and call.func.value.id in ("self", "cls") else []
            functions = [item for item in inside if isinstance(item, FUNCTIONS) and item.name == call.func.attr]
        else:
            functions = []
        for function in functions if len(functions) == 1 else ():
            around = Place(place.source, (place.source.tree, function), place.inside)
            yield from ((item, around) for item in returned_by(function))

    def keys(self, node: ast.AST, place: Place, depth: int = DEPTH) -> Keys:
        """The keys that a dict of options has, as far as they can be seen."""
        if depth == 0:
            return UNSEEN
        below = depth - 1
        if isinstance(node, ast.Dict):
            keys = NOTHING
            for key, value in zip(node.keys, node.values):
                if key is None:
                    keys |= self.keys(value, place, below)
                else:
                    keys |= Keys(frozenset([str(key.value)]), True) if isinstance(key, ast.Constant) else UNSEEN
            return keys
        if isinstance(node, ast.Name):
            return self._keys_of_name(node.id, place, below)
        if isinstance(node, ast.Attribute):
            return self._keys_of_attribute(node, place, below)
        if isinstance(node, ast.BinOp):
            return self.keys(node.left, place, below) | self.keys(node.right, place, below)
        if isinstance(node, ast.IfExp):
            return self._either([(node.body, place), (node.orelse, place)], below)
        if isinstance(node, ast.BoolOp):
            return self._either([(item, place) for item in node.values], below)
        if isinstance(node, ast.Call):
            last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if isinstance(node.func, ast.Name) and node.func.id == "dict":
                return self._keywords(node.keywords, place, below, [*node.args])
            if last == "copy" and isinstance(node.func, ast.Attribute):
                return self.keys(node.func.value, place, below)
            returned = list(self._returned(node, place))
            return self._either(returned, below) if returned else UNSEEN
        return UNSEEN

    def _keywords(self, keywords: list[ast.keyword], place: Place, depth: int, more: list[ast.expr]) -> Keys:
        keys = Keys(frozenset(keyword.arg for keyword in keywords if keyword.arg), True)
        for item in [*more, *(keyword.value for keyword in keywords if keyword.arg is None)]:
            keys |= self.keys(item, place, depth)
        return keys

    def _either(self, items: Iterable[tuple[ast.expr, Place]], depth: int) -> Keys:
        """The keys that all of several dicts have; what one alone has may be missing."""
        every = [self.keys(item, place, depth) for item, place in items]
        # an empty dict, or None, beside a full one is the default that the full one replaces
        full = [keys for keys in every if keys.names] or every
        return Keys(frozenset.intersection(*(keys.names for keys in full)), all(keys.whole for keys in full))

    def _keys_of_name(self, name: str, place: Place, depth: int) -> Keys:
        for level in range(len(place.scopes) - 1, -1, -1):
            scope = place.scopes[level]
            bound = self.bindings(scope)
            around = Place(place.source, place.scopes[: level + 1], place.inside)
            if name in bound.values:
                values = [item for kind, item in bound.values[name] if kind == "value"]
                keys = self._either([(item, around) for item in values], depth) if values else UNSEEN
                return self._changed(keys, name, bound, around, depth)
            if isinstance(scope, FUNCTIONS) and name in parameters(scope):
                return self._changed(UNSEEN, name, bound, around, depth)
        return UNSEEN

    def _changed(self, keys: Keys, name: str, bound: Bindings, place: Place, depth: int) -> Keys:
        """After ``name[key] = ...``, ``name.update(...)`` and ``name.pop(key)``."""
        for item in bound.merged.get(name, []):
            keys |= self.keys(item, place, depth)
        return Keys((keys.names | bound.added.get(name, set())) - bound.removed.get(name, set()), keys.whole)

    def _keys_of_attribute(self, node: ast.Attribute, place: Place, depth: int) -> Keys:
        if not isinstance(node.value, ast.Name):
            return UNSEEN
        if node.value.id in ("self", "cls"):
            inside = list(self._of_class(place))
            items = [(item, around) for around, bound in inside for _, item in bound.values.get(node.attr, [])]
            keys = self._either(items, depth) if items else self._keys_of_member(place.inside, place, node.attr, depth)
            for around, bound in inside:
                keys = self._changed(keys, node.attr, bound, around, depth)
            return keys
        return UNSEEN

    def _keys_of_member(self, owner: Optional[ast.ClassDef], place: Place, name: str, depth: int) -> Keys:
        """The keys of what a property of the class returns, or of what its methods assign."""
        for item in owner.body if owner is not None else ():
            if isinstance(item, FUNCTIONS) and item.name == name:
                around = Place(place.source, (place.source.tree, item), owner)
                returned = [(value, around) for value in returned_by(item)]
                return self._either(returned, depth) if returned else UNSEEN
        if owner is not None and owner is not place.inside:
            return UNSEEN
        items = [(item, around) for around, bound in self._of_class(place) for _, item in bound.values.get(name, [])]
        return self._either(items, depth) if items else UNSEEN

    def options(self, keywords: Iterable[ast.keyword], place: Place) -> Keys:
        """The keywords of a call, with those of every ``**options`` that can be seen."""
        return self._keywords(list(keywords), place, DEPTH, [])

    def bindings(self, scope: Union[Scope, ast.ClassDef], owner: str = "") -> Bindings:
        """What ``scope`` binds to names, or to attributes of ``owner``."""
        key = (id(scope), owner)
        if key not in self._bound:
            self._bound[key] = bindings_of(scope, owner)
        return self._bound[key]


def _alike_at_the_end(one: list[str], other: list[str]) -> int:
    """How many parts two dotted names share, from the last one back."""
    count = 0
    for first, second in zip(reversed(one), reversed(other)):
        if first != second:
            break
        count += 1
    return count


def _module(path: str) -> str:
    """A path without its ending: what a dotted module name ends with."""
    plain = path.replace("\\", "/")
    for ending in ("/__init__.py", ".py"):
        if plain.endswith(ending):
            return plain[: -len(ending)]
    return plain
