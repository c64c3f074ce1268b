"""The configurations of the atlas, from the function that the package names in the table."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..base import hooks
from ..base.listening import Notes, is_library, listening
from ..base.reads import Reads
from .configuration import Configuration

_KEYS = tuple("label" if item.name == "settings" else item.name for item in fields(Configuration))


def configurations(reference: str, root: Path, target_names: list[str]) -> list[Configuration]:
    """What the hook ``path/to/file.py:function`` gives for these targets; errors as of :func:`told`."""
    return told(reference, root, target_names)[0]


def told(reference: str, root: Path, target_names: list[str]) -> tuple[list[Configuration], Reads]:
    """What the hook ``path/to/file.py:function`` gives for these targets, and what it reads for that.

    Raises:
        ValueError: the hook cannot be called, or an entry is no configuration; names the entry and the key.
    """
    notes = Notes(lambda path: not is_library(path), lambda question, asker: True)
    with listening(notes):
        found = hooks.function_of(root, reference, "atlas")(list(target_names))
    if not isinstance(found, list) or not found:
        raise ValueError(f"atlas is {reference!r}, which gives {found!r:.80}; it gives a list of dictionaries")
    result = [_configuration(reference, root, number, entry) for number, entry in enumerate(found)]
    called: set[str] = set()
    for number, each in enumerate(result):
        if each.target not in target_names:
            asked = ", ".join(target_names)
            raise ValueError(f"atlas is {reference!r}: its entry {number} is for {each.target!r}; asked are {asked}")
        if each.id in called:
            raise ValueError(f"atlas is {reference!r}: its entry {number} is called {each.id!r}, like one before it")
        called.add(each.id)
    return result, notes.inputs()


def _configuration(reference: str, root: Path, number: int, entry: Any) -> Configuration:
    if not isinstance(entry, dict) or sorted(entry) != sorted(_KEYS):
        keys = ", ".join(map(str, entry)) if isinstance(entry, dict) else repr(entry)[:80]
        raise ValueError(f"atlas is {reference!r}: its entry {number} has {keys}; it needs {', '.join(_KEYS)}")
    told = _settings(str(entry["label"]), str(entry["kernel"]).rpartition(":")[2])
    given = {key: value for key, value in entry.items() if key != "label"}
    path, _, function = str(entry["kernel"]).rpartition(":")
    kernel = f"{(root / path).resolve()}:{function}" if path.endswith(".py") else entry["kernel"]
    return Configuration(**{**given, "kernel": kernel, "settings": told, "hints": tuple(entry["hints"])})


def _settings(label: str, function: str) -> tuple[str, ...]:
    """What a label tells of a configuration, whether it repeats the kernel's name (``add[BLOCK=64]``) or not."""
    repeated = re.fullmatch(rf"{re.escape(function)}(?:\[(.*)\])?", label, re.DOTALL)
    told = repeated[1] if repeated else label
    return (told,) if told else ()
