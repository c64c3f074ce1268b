"""What stands between ``${{`` and ``}}`` in a workflow of GitHub's: as much of that language as ours use.

Anything else is an error, so that a workflow that uses more is not played wrongly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|[!().,*\[\]]|[A-Za-z_][\w-]*|\d+)")


def text(template: Any, names: Mapping[str, Any]) -> Any:
    """A value of a workflow with its expressions replaced; one that is an expression alone keeps its type."""
    if not isinstance(template, str):
        return template
    whole = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", template, re.DOTALL)
    if whole:
        return evaluate(whole[1], names)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: as_text(evaluate(found[1], names)), template, flags=re.DOTALL)


def condition(said: Any, names: Mapping[str, Any]) -> bool:
    """Whether an ``if`` holds; without a status function in it, only where nothing before it failed."""
    if said is None:
        return bool(names["success"]())
    inner = re.sub(r"^\s*\$\{\{(.*)\}\}\s*$", r"\1", str(said), flags=re.DOTALL)
    asks = re.search(r"\b(success|failure|always|cancelled)\s*\(", inner)
    return bool(evaluate(inner, names)) and bool(asks or names["success"]())


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Args:
        names: contexts, which are mappings, and functions.

    Raises:
        ValueError: it is none of the language that is known here.
    """
    tokens, at = [], 0
    while source[at:].strip():
        found = TOKEN.match(source, at)
        if not found:
            raise ValueError(f"not known here: {source[at:].strip()!r}")
        tokens.append(found[1])
        at = found.end()
    parser = _Parser(tokens, names)
    value = parser.either()
    if parser.left:
        raise ValueError(f"not known here: {' '.join(parser.left)!r} in {source.strip()!r}")
    return value


class _Parser:
    def __init__(self, tokens: list[str], names: Mapping[str, Any]) -> None:
        self.left, self.names = tokens, names

    def take(self, *wanted: str) -> str:
        """The next token, where it is one of these (any, where none is given); else ""."""
        return self.left.pop(0) if self.left and (not wanted or self.left[0] in wanted) else ""

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value or other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = value and other
        return value

    def compared(self) -> Any:
        value = self.negated()
        while sign := self.take("==", "!="):
            other = self.negated()
            value = (_plain(value) == _plain(other)) is (sign == "==")
        return value

    def negated(self) -> Any:
        return not self.negated() if self.take("!") else self.value()

    def value(self) -> Any:
        token = self.take()
        if token == "(":
            value = self.either()
            self._need(")")
            return value
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.isdigit():
            return int(token)
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        if self.take("("):
            return self._called(token)
        if token not in self.names:
            raise ValueError(f"the context {token!r} is not known here")
        return self._member(self.names[token])

    def _called(self, name: str) -> Any:
        given = []
        while not self.take(")"):
            given.append(self.either())
            self.take(",")
        function: Callable[..., Any] = {**FUNCTIONS, **self.names}[name]
        return function(*given)

    def _member(self, value: Any) -> Any:
        while sign := self.take(".", "["):
            key = self.take() if sign == "." else self.either()
            if sign == "[":
                self._need("]")
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _need(self, token: str) -> None:
        if not self.take(token):
            raise ValueError(f"{token!r} is missing before {' '.join(self.left)!r}")


def as_text(value: Any) -> str:
    """A value inside a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def _plain(value: Any) -> Any:
    """GitHub compares null as "" and texts whatever their case."""
    return "" if value is None else value.lower() if isinstance(value, str) else value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "fromJSON": json.loads,
    "toJSON": json.dumps,
    "join": lambda items, between=",": between.join(map(as_text, items)),
    "contains": lambda whole, part: as_text(part).lower() in as_text(whole).lower(),
    "startsWith": lambda whole, part: as_text(whole).lower().startswith(as_text(part).lower()),
    "always": lambda: True,
}
