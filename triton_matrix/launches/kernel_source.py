"""A kernel's own source as one release has it: its module may choose by ``triton.__version__`` what it defines."""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import places

_PLAIN = (bool, int, float, str, type(None))


def functions(fn: Any) -> Iterator[Any]:
    """The jit function ``fn``, then those that it and they call."""
    todo: list[Any] = [fn]
    seen: list[Any] = []
    while todo:
        each = todo.pop(0)
        if not any(each is other for other in seen):
            seen.append(each)
            yield each
            todo += [value for _, value in _used(each) if _is_jit(value)]


def of(fn: Any) -> dict[str, list[Any]]:
    """What a kernel is made of, Triton's own functions aside: name -> place and text of a function, or a value's text.

    The values are the plain ones and constexprs among the globals that its functions read.
    """
    parts: dict[str, list[Any]] = {}
    for each in functions(fn):
        if each.fn.__module__.partition(".")[0] == "triton":
            continue
        code = each.fn.__code__
        place = f"{places.shown(code.co_filename)}:{code.co_firstlineno}"
        parts[f"{each.fn.__module__}.{each.fn.__qualname__}"] = [place, str(each.src)]
        for name, value in _used(each):
            plain = getattr(value, "value", value) if type(value).__name__ == "constexpr" else value
            if type(plain) in _PLAIN:
                parts[f"{each.fn.__module__}.{name}"] = ["", repr(plain)]
    return parts


def digest(fn: Any) -> str:
    """What is alike for two releases in which :func:`of` gives the same texts."""
    texts = {name: text for name, (_, text) in of(fn).items()}
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]


def differences(one: Mapping[str, Sequence[Any]], other: Mapping[str, Sequence[Any]]) -> list[list[str]]:
    """What differs between two results of :func:`of`: the name, and where or what it is in each ("": it is not)."""

    def shown(of_one: Mapping[str, Sequence[Any]], name: str) -> str:
        place, text = of_one.get(name, ("", ""))
        return str(place or text)

    names = sorted(name for name in {*one, *other} if one.get(name, ("", ""))[1] != other.get(name, ("", ""))[1])
    return [[name, shown(one, name), shown(other, name)] for name in names]


def _used(each: Any) -> list[tuple[str, Any]]:
    """The globals that a jit function reads, and what it reads of modules among them, by name."""
    names = each.fn.__code__.co_names
    scope = each.fn.__globals__
    pairs = [(name, scope[name]) for name in names if name in scope]
    for module_name, module in list(pairs):
        if isinstance(module, types.ModuleType):
            inside = {name: vars(module)[name] for name in names if name in vars(module)}
            tritons = module.__name__.partition(".")[0] == "triton"
            pairs += [
                (f"{module_name}.{name}", value) for name, value in inside.items() if not tritons or _is_jit(value)
            ]
    return pairs


def _is_jit(value: Any) -> bool:
    return any(each.__name__ == "JITFunction" for each in type(value).__mro__)
