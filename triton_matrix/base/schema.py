"""What ``constraints/cells.toml`` may say: one JSON Schema, for the reader of the table and for editors.

``python -m triton_matrix.base.schema`` prints it; constraints/cells.schema.json is that, and the table's first line
names it. Cells run without a JSON Schema library, so :func:`trouble` reads the few keywords that are used here. A
``description`` is what a sentence says is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Optional, Union

from .levels import LEVELS

PLATFORMS = ("cuda", "rocm", "xpu", "cpu")
# dependency groups of pyproject.toml that may have a constraint file of their own beside the cells'
GROUPS = ("check", "report", "tools")

_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_MODULE = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
_RELEASE = r"[0-9]+(\.[0-9]+)*[A-Za-z0-9.+]*"
_PATH = r"(?!/)(?!(.*/)?\.\.(/|$))[^\\]+"
_FOLDER = r"(?!/)(?!(.*/)?\.\.(/|$))(?!.*\.py$)[^\\:]+"


def _text(pattern: str, allowed: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern})$", "description": allowed}


def _one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values), "description": ", ".join(values)}


def _list(items: Mapping[str, Any], allowed: str, at_least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": dict(items), "minItems": at_least, "description": allowed}


def _row(allowed: str, required: tuple[str, ...] = (), **keys: Any) -> dict[str, Any]:
    row = {"type": "object", "properties": keys, "required": list(required), "additionalProperties": False}
    return {**row, "description": allowed}


def _rows(name: str, allowed: str, row: Mapping[str, Any], at_least: int = 0) -> dict[str, Any]:
    names = {"pattern": f"^({name})$", "description": allowed}
    return {
        "type": "object",
        "propertyNames": names,
        "additionalProperties": dict(row),
        "minProperties": at_least,
        "description": "rows",
    }


PYTHON = r"3\.[0-9]+t?"
_PYTHON = _text(PYTHON, 'major.minor of a Python in quotes, such as "3.11", or "3.14t" without the GIL')
INDEX = r"https?://([^/?#\s]*@)?[^/?#@:\s]+(:[0-9]+)?(/\S*)?|file:///\S+"
INDEX_SAID = "the address of an index, such as https://host/simple"
UNRELEASED = ("nightly", "rc")  # whatever the row's index has: of last night, or of the next release
_OTHERS = "|".join(UNRELEASED)
_TORCH = _text(f"{_OTHERS}|{_RELEASE}", 'a release in quotes, such as "2.15.0", or "nightly" or "rc"')
_TRITON = _text(f"{_OTHERS}|{_RELEASE}", 'a release in quotes, such as "3.9.0", or "nightly" or "rc"')
_SENTENCE = _text(r"[^\n]*\S[^\n]*", "one line of text")
_REQUIREMENT = _text(r"[A-Za-z0-9][^\n]*", 'a requirement, such as "numpy<2"')
_SECONDS = {"type": "integer", "minimum": 1, "description": "whole seconds, 1 or more"}
_REQUIRES = _list(_REQUIREMENT, 'a list of requirements, such as ["numpy<2"]')

_GAP = _row(
    "{ level = ..., feature = ..., reason = ... }",
    ("level", "feature", "reason"),
    level=_one_of(*LEVELS),
    feature=_SENTENCE,
    reason=_SENTENCE,
)
_CELL = _row(
    "a row of key = value",
    ("platforms", "why"),
    python=_PYTHON,
    torch=_TORCH,
    triton=_TRITON,
    platforms=_list(_one_of(*PLATFORMS), f"a list with one or more of {', '.join(PLATFORMS)}", at_least=1),
    requires=_REQUIRES,
    index=_text(INDEX, INDEX_SAID),
    gaps=_list(_GAP, "a list of { level = ..., feature = ..., reason = ... }"),
    why=_SENTENCE,
)
_RELEASE_ROW = _row("a row of key = value", python=_PYTHON, torch=_TORCH, requires=_REQUIRES)
_VARIANT = _row(
    "a row of key = value",
    ("env", "why"),
    env={
        **_rows(r"[A-Z][A-Z0-9_]*", "the name of a variable", _text(r"[^\n]*\S[^\n]*", "a text in quotes"), 1),
        "description": '{ NAME = "value" }',
    },
    why=_SENTENCE,
)
_VARIANT_NAME = r"(?!py3|file$)[a-z][a-z0-9]*(-[a-z0-9]+)*"
_FILES = _list(_text(_PATH, "a path below tests/"), "a list of paths below tests/")
_SUBJECT = _row(
    "a row of key = value",
    provides=_text(f"{_MODULE}:{_MODULE}", 'module:Class, such as "pkg.ops.norm:NormFunction"'),
    suites=_FILES,
    plugin=_text(_MODULE, "the name of a module"),
    codegen=_text(_MODULE, "the name of a module"),
)
_PACKAGE = _row(
    "a row of key = value",
    name=_text(_NAME, "the name of a distribution"),
    module=_text(_MODULE, "the name of a module"),
    test=_REQUIRES,
    platform=_text(_PATH, "the path of a Python file below the repo root"),
    atlas=_text(f"{_PATH}:{_MODULE}|{_FOLDER}", "path/to/file.py:function, or a folder of launches"),
    bench=_text(_PATH, "the path of a folder below the repo root"),
    timeout=_SECONDS,
    level_timeout=_SECONDS,
    suites=_list(_text(_PATH, "a path below the repo root or tests/"), "a list of paths below the repo root or tests/"),
    needs_gpu={"type": "boolean", "description": "true or false"},
    kernels={"type": "boolean", "description": "true or false"},
    oldest=_text(_RELEASE, 'a release of Triton in quotes, such as "3.3.1"'),
    subject=_SUBJECT,
)
_RUNNER = _list(_text(r"[^\n]*\S[^\n]*", "a label"), 'a list of labels, such as ["self-hosted", "cuda"]', at_least=1)

# beside the groups: folders under reports/ that hold the atlas, and the rows that the cell ambient has in a report
_TAKEN = (*GROUPS, "codegen", "values", "launches")
_CELL_NAME = f"(?!({'|'.join(_TAKEN)}|ambient-.*)$){_NAME}"
_CELL_NAMES = "letters, digits, dots, hyphens and underscores, a letter or digit first and last, "
_CELL_NAMES += f"not {', '.join(_TAKEN)} or ambient-..."
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "constraints/cells.toml",
    **_row(
        "[cell.*], [release], [variant.*], [platform.*] and [package]",
        ("cell",),
        cell=_rows(_CELL_NAME, _CELL_NAMES, _CELL, at_least=1),
        release=_rows(_RELEASE, 'a release of Triton in quotes, such as "3.8.0"', _RELEASE_ROW),
        variant=_rows(_VARIANT_NAME, "lower-case letters, digits and hyphens, not file or py3...", _VARIANT),
        platform=_rows(_NAME, "the name of a platform", _row("a row of key = value", runner=_RUNNER)),
        package=_PACKAGE,
    ),
}
_TYPES = {"string": str, "array": list, "object": dict, "integer": int, "boolean": bool, "null": type(None)}


def trouble(table: Any, allowed: Mapping[str, Any] = SCHEMA) -> Optional[str]:
    """The first thing in a table that a schema does not allow, as a sentence; None where all is allowed.

    Args:
        allowed: a JSON Schema of the keywords that are used in this file; by default :data:`SCHEMA`.
    """
    return next(_walk(table, allowed, (), ""), None)


def _is_a(value: Any, types: Union[str, list[str]]) -> bool:
    names = [types] if isinstance(types, str) else types
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def _walk(value: Any, schema: Mapping[str, Any], row: tuple[str, ...], key: str) -> Iterator[str]:
    """Every trouble of ``value``, which stands at ``key`` (empty: it is the row itself) of ``row``."""
    here = f"{_where(row)}{key}" if key else _where(row).rstrip(": ") or "it"
    if not _is_a(value, schema["type"]) or (isinstance(value, int) and value < schema.get("minimum", value)):
        yield f"{here} is {show(value)}; allowed is {schema['description']}"
    elif isinstance(value, str):
        fits = value in schema["enum"] if "enum" in schema else re.fullmatch(schema.get("pattern", ".*"), value)
        if not fits:
            yield f"{here} is {show(value)}; allowed is {schema['description']}"
    elif isinstance(value, list):
        if len(value) < schema["minItems"]:
            yield f"{here} is {show(value)}; allowed is {schema['description']}"
        for number, item in enumerate(value):
            yield from _walk(item, schema["items"], row, f"{key}[{number}]")
    elif isinstance(value, dict):
        yield from _walk_object(value, schema, row, key)


def _walk_object(value: Mapping[str, Any], schema: Mapping[str, Any], row: tuple[str, ...], key: str) -> Iterator[str]:
    keys, names = schema.get("properties", {}), schema.get("propertyNames")
    at = f"{_where(row)}{key}: " if key else _where(row)
    for name, item in value.items():
        if names and not re.fullmatch(names["pattern"], name):
            yield f"{_where((*row, name))}the name is {show(name)}; allowed is {names['description']}"
        elif names:
            yield from _walk(item, schema["additionalProperties"], (*row, name), "")
        elif name not in keys:
            allowed = schema["description"] if not row else ", ".join(sorted(keys))
            unknown = f"unknown table [{name}]" if isinstance(item, dict) and not row else f"unknown key {name!r}"
            yield f"{at}{unknown}; allowed are {allowed}"
        elif keys[name]["type"] == "object" and not key:
            yield from _walk(item, keys[name], (*row, name), "")
        else:
            yield from _walk(item, keys[name], row, f"{key}.{name}" if key else name)
    for name in schema.get("required", ()):
        if name not in value:
            is_row = keys[name]["type"] == "object" and not row
            yield f"there is no [{name}.*] row" if is_row else f"{at}the key {name!r} is missing"
    if len(value) < schema.get("minProperties", 0):
        yield f"there is no [{'.'.join(row)}.*] row"


def show(value: Any) -> str:
    """A value as the table writes it, as far as one line has room."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    if not text.isprintable():  # a terminal would obey it
        text = json.dumps(value, default=str)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _where(row: tuple[str, ...]) -> str:
    """``[cell.x]: `` as the table writes it; empty for the whole table."""
    parts = [part if re.fullmatch("[A-Za-z0-9_-]+", part) else show(part) for part in row]
    return f"[{'.'.join(parts)}]: " if parts else ""


if __name__ == "__main__":
    print(json.dumps(SCHEMA, indent=1))
