"""The configurations of the atlas, from the function that the package names in the table."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from ..base import hooks
from .compile import Configuration

_KEYS = tuple(item.name for item in fields(Configuration))


def configurations(reference: str, root: Path, target_names: list[str]) -> list[Configuration]:
    """What the hook ``path/to/file.py:function`` gives for these targets.

    Raises:
        ValueError: the hook cannot be called, or an entry is no configuration; names the entry and the key.
    """
    found = hooks.function_of(root, reference, "atlas")(list(target_names))
    if not isinstance(found, list) or not found:
        raise ValueError(f"atlas is {reference!r}, which gives {found!r:.80}; it gives a list of dictionaries")
    result = [_configuration(reference, number, entry) for number, entry in enumerate(found)]
    called: set[str] = set()
    for number, each in enumerate(result):
        if each.target not in target_names:
            asked = ", ".join(target_names)
            raise ValueError(f"atlas is {reference!r}: its entry {number} is for {each.target!r}; asked are {asked}")
        if each.id in called:
            raise ValueError(f"atlas is {reference!r}: its entry {number} is called {each.id!r}, like one before it")
        called.add(each.id)
    return result


def _configuration(reference: str, number: int, entry: Any) -> Configuration:
    if not isinstance(entry, dict) or sorted(entry) != sorted(_KEYS):
        keys = ", ".join(map(str, entry)) if isinstance(entry, dict) else repr(entry)[:80]
        raise ValueError(f"atlas is {reference!r}: its entry {number} has {keys}; it needs {', '.join(_KEYS)}")
    return Configuration(**{**entry, "hints": tuple(entry["hints"])})
