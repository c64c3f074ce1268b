"""The configurations of the atlas, from the function that the package names in the table.

An entry that also has ``grid`` and ``values`` (every argument as ``triton_matrix.values`` takes it) is a whole launch.
``python -m triton_matrix.launches.hook FILE.py:FUNCTION ROOT OUT.json`` writes those: a hook may ask its own Triton.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..base import hooks
from ..base.listening import Notes, is_library, listening
from ..base.reads import Reads
from .configuration import Configuration

_KEYS = tuple("label" if item.name == "settings" else item.name for item in fields(Configuration))
_OF_LAUNCH = ("grid", "values", "reference")
LAUNCHED = "cuda:90"  # whose launches are computed: an interpreter knows no target


def configurations(reference: str, root: Path, target_names: list[str]) -> list[Configuration]:
    """What the hook ``path/to/file.py:function`` gives for these targets; errors as of :func:`told`."""
    return told(reference, root, target_names)[0]


def told(reference: str, root: Path, target_names: list[str]) -> tuple[list[Configuration], Reads]:
    """What the hook ``path/to/file.py:function`` gives for these targets, and what it reads for that.

    Raises:
        ValueError: the hook cannot be called, or an entry is no configuration; names the entry and the key.
    """
    entries, read = _asked(reference, root, target_names)
    result = [_configuration(reference, root, number, entry) for number, entry in enumerate(entries)]
    called: set[str] = set()
    for number, each in enumerate(result):
        if each.target not in target_names:
            asked = ", ".join(target_names)
            raise ValueError(f"atlas is {reference!r}: its entry {number} is for {each.target!r}; asked are {asked}")
        if each.id in called:
            raise ValueError(f"atlas is {reference!r}: its entry {number} is called {each.id!r}, like one before it")
        called.add(each.id)
    return result, read


def launches(reference: str, root: Path) -> tuple[list[dict[str, Any]], Reads]:
    """The entries that are whole launches, and what the hook reads; errors as of :func:`told`.

    Returns:
        for each ``kernel``, ``settings``, and ``asked``, which lacks the name.
    """
    entries, read = _asked(reference, root, [LAUNCHED])
    whole = []
    for number, entry in enumerate(entries):
        each = _configuration(reference, root, number, entry)
        if "grid" in entry:
            asked = {"kernel": each.kernel, "args": entry["values"], "grid": list(entry["grid"])}
            asked |= {"constexprs": each.constexprs, "options": each.options}
            asked |= {"reference": entry["reference"]} if "reference" in entry else {}
            whole.append({"kernel": each.kernel, "settings": each.settings, "asked": asked})
    return whole, read


def _asked(reference: str, root: Path, target_names: list[str]) -> tuple[list[Any], Reads]:
    notes = Notes(lambda path: not is_library(path), lambda question, asker: True)
    with listening(notes):
        entries = hooks.function_of(root, reference, "atlas")(list(target_names))
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"atlas is {reference!r}, which gives {entries!r:.80}; it gives a list of dictionaries")
    return entries, notes.inputs()


def _configuration(reference: str, root: Path, number: int, entry: Any) -> Configuration:
    told_of = set(entry) - set(_OF_LAUNCH) if isinstance(entry, dict) else set()
    whole = isinstance(entry, dict) and ("grid" in entry) == ("values" in entry)
    if not whole or told_of != set(_KEYS):
        keys = ", ".join(map(str, entry)) if isinstance(entry, dict) else repr(entry)[:80]
        raise ValueError(
            f"atlas is {reference!r}: its entry {number} has {keys}; it needs {', '.join(_KEYS)},"
            " and both or none of grid and values"
        )
    told = _settings(str(entry["label"]), str(entry["kernel"]).rpartition(":")[2])
    given = {key: entry[key] for key in _KEYS if key != "label"}
    path, _, function = str(entry["kernel"]).rpartition(":")
    kernel = f"{(root / path).resolve()}:{function}" if path.endswith(".py") else entry["kernel"]
    return Configuration(**{**given, "kernel": kernel, "settings": told, "hints": tuple(entry["hints"])})


def _settings(label: str, function: str) -> tuple[str, ...]:
    """What a label tells of a configuration, whether it repeats the kernel's name (``add[BLOCK=64]``) or not."""
    repeated = re.fullmatch(rf"{re.escape(function)}(?:\[(.*)\])?", label, re.DOTALL)
    told = repeated[1] if repeated else label
    return (told,) if told else ()


if __name__ == "__main__":
    try:
        made, reads_of_hook = launches(sys.argv[1], Path(sys.argv[2]))
    except ValueError as problem:
        sys.exit(str(problem))
    Path(sys.argv[3]).write_text(json.dumps({"launches": made, "read": reads_of_hook}), encoding="utf-8")
