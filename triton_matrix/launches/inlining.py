"""A kernel with all that it needs, as the text of one file: its helpers, constants and imports, dependencies first.

What a kernel's module computed while it was loaded is written as its value, so that the text needs no other module of
the package. Triton, numpy and the standard library are imported.
"""

from __future__ import annotations

import ast
import enum
import inspect
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any, Optional

from .loading import unwrap
from .standins import StandIn

_IMPORTED = ("triton", "numpy", "math", "operator", "functools", "typing", "collections", "builtins")


class NotWritable(ValueError):
    """Something that a kernel uses cannot be written down; one sentence."""


class Inlined:
    """The text while it is gathered.

    Attributes:
        pieces: name -> the text that makes it, in the order in which Python needs them.
    """

    def __init__(self) -> None:
        self.pieces: dict[str, str] = {}
        self._values: dict[str, Any] = {"triton": sys.modules["triton"], "tl": sys.modules["triton.language"]}

    def kernel(self, function: Any) -> str:
        """Add a kernel, without its tuner and heuristics; gives its name in the text."""
        inner = unwrap(function)
        name = str(inner.fn.__name__)
        self._bind(name, inner)
        return name

    def literal(self, value: Any, what: str) -> str:
        """The expression that gives a value; what it needs is added.

        Raises:
            NotWritable: there is none.
        """
        if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, enum.Enum)):
            return repr(value)
        if isinstance(value, float):
            return repr(value) if value - value == 0 else f"float({str(value)!r})"
        if type(value).__name__ == "constexpr":
            return f"tl.constexpr({self.literal(value.value, what)})"
        if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
            inside = ", ".join(self.literal(each, what) for each in value)
            return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
        if isinstance(value, dict):
            items = (f"{self.literal(key, what)}: {self.literal(each, what)}" for key, each in value.items())
            return "{" + ", ".join(items) + "}"
        if isinstance(value, enum.Enum):
            self._bind(type(value).__name__, type(value))
            return f"{type(value).__name__}.{value.name}"
        dtype = _dtype(value)
        if dtype:
            return dtype
        if hasattr(value, "__name__"):
            name = str(getattr(getattr(value, "fn", value), "__name__", value.__name__))
            self._bind(name, value)
            return name
        raise NotWritable(f"{what} is a {type(value).__name__}, which cannot be written down in a file of its own")

    def _bind(self, name: str, value: Any) -> None:
        """Make ``name`` mean ``value`` in the text."""
        if name in self._values:
            if not _same(self._values[name], value):
                raise NotWritable(f"two different things are called {name!r} in the modules that the kernel is made of")
            return
        if isinstance(value, StandIn):
            raise NotWritable(f"{name!r} is of a package that is not installed here; --with REQUIREMENT brings it")
        self._values[name] = value
        text = self._text(name, value)
        if text:
            self.pieces[name] = text

    def _text(self, name: str, value: Any) -> str:
        if isinstance(value, types.ModuleType):
            if not _is_imported(value.__name__):
                return f'{name} = types.ModuleType("{name}")'  # its members follow as they are used
            return f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
        imported = _import_of(name, value)
        if imported is not None:
            return imported
        source = _source(value)
        if source is None:
            return f"{name} = {self.literal(value, name)}"
        own, text, scope = source
        self._needed(text, scope, value)
        if own != name:  # `from helpers import scale as _scale`
            if own not in self._values:
                self._values[own] = value
                self.pieces[own] = text
            return f"{name} = {own}"
        return text

    def _needed(self, text: str, scope: dict[str, Any], value: Any) -> None:
        """Add what a definition needs of its module."""
        tree = ast.parse(text)
        read, own = _read_by(value), _own_names(tree)
        at_once = set(map(id, _at_definition(tree)))
        for node in (each for each in ast.walk(tree) if isinstance(each, ast.Name)):
            known = node.id in scope and node.id not in own
            if known and (read is None or node.id in read or id(node) in at_once):
                self._bind(node.id, scope[node.id])
        self._members(tree, scope)

    def _members(self, tree: ast.AST, scope: dict[str, Any]) -> None:
        """What is used of the user's modules: ``utils.scale``."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = scope.get(node.value.id)
                owner, member = node.value.id, node.attr
                if isinstance(module, types.ModuleType) and not _is_imported(module.__name__):
                    key = f"{owner}.{member}"
                    if owner in self.pieces and key not in self.pieces and hasattr(module, member):
                        if isinstance(getattr(module, member), types.ModuleType):
                            raise NotWritable(f"{key!r} is a module inside of a module; import it by a name of its own")
                        said = self.literal(getattr(module, member), key)
                        self.pieces[key] = f"{key} = {said}"


def of(function: Any, others: Any = ()) -> tuple[str, Inlined]:
    """A kernel and the functions that its constexprs name: the kernel's name, and what gathered the pieces.

    Raises:
        NotWritable: something that they use cannot be written down.
    """
    made = Inlined()
    for each in others:
        made.kernel(each)
    return made.kernel(function), made


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    plain = (bool, int, float, str, tuple, type(None))
    return type(one) is type(other) and isinstance(one, plain) and bool(one == other)


def _is_imported(module: Optional[str]) -> bool:
    return (module or "").partition(".")[0] in _IMPORTED


def _import_of(name: str, value: Any) -> Optional[str]:
    """The import of what Triton, numpy or the standard library define; "" for what needs none; None for all others."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or not _is_imported(module) or _dtype(value) or type(value).__name__ == "constexpr":
        return None
    own = getattr(getattr(value, "fn", value), "__name__", None) or getattr(value, "__name__", None)
    holder = sys.modules.get(module)
    if own is None or holder is None or getattr(holder, own, None) is not value:
        own = next((key for key, each in vars(holder).items() if each is value), None) if holder else None
    if own is None:
        return None
    if module == "builtins":
        return ""
    return f"from {module} import {own}" + ("" if own == name else f" as {name}")


def _dtype(value: Any) -> str:
    """How ``triton.language`` names an element type; "" for what is none."""
    language = sys.modules["triton.language"]
    if type(value).__name__ != "dtype":
        return ""
    return next((f"tl.{key}" for key, each in vars(language).items() if each is value or _equal(each, value)), "")


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and str(one) == str(other)


def _source(value: Any) -> Optional[tuple[str, str, dict[str, Any]]]:
    """Name, text and globals of a function or class that a file defines; None for a value."""
    inner = value
    while hasattr(inner, "fn") and not hasattr(inner, "arg_names"):
        inner = inner.fn
    jitted = hasattr(inner, "fn") and hasattr(inner, "arg_names")
    plain = inner.fn if jitted else inner
    if not isinstance(plain, (types.FunctionType, type)):
        return None
    scope = plain.__globals__ if isinstance(plain, types.FunctionType) else vars(sys.modules[plain.__module__])
    try:
        lines = textwrap.dedent(inspect.getsource(plain))
    except (OSError, TypeError):
        raise NotWritable(f"{plain.__name__} has no source that can be read") from None
    tree = ast.parse(lines)
    definition: Any = tree.body[0]
    if jitted:  # of its decorators only jit itself: what tunes it chose already
        body = "\n".join(lines.splitlines()[definition.lineno - 1 :])
        noinline = "(noinline=True)" if getattr(inner, "noinline", False) else ""
        return str(definition.name), f"@triton.jit{noinline}\n{body}", scope
    return str(definition.name), lines.rstrip(), scope


def _read_by(value: Any) -> Optional[set[str]]:
    """The globals that a function's code reads; None for a class, of which all names may be."""
    plain = value
    while hasattr(plain, "fn"):
        plain = plain.fn
    if not isinstance(plain, types.FunctionType):
        return None
    return set(_code_names(plain.__code__))


def _code_names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _code_names(each)


def _own_names(tree: ast.Module) -> set[str]:
    """What the text itself defines."""
    return {each.name for each in tree.body if isinstance(each, (ast.FunctionDef, ast.ClassDef))}


def _at_definition(tree: ast.Module) -> Iterator[ast.AST]:
    """What is read when a definition is made: decorators, annotations, defaults, bases."""
    definition: Any = tree.body[0]
    places = [*definition.decorator_list, *getattr(definition, "bases", ())]
    if isinstance(definition, ast.FunctionDef):
        places.append(definition.args)
    for place in places:
        yield from ast.walk(place)
