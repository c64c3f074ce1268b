"""The JSON Schema of ``reports/matrix.json``, made from the types of :mod:`matrix`. After a change of those:

python -m triton_matrix.report.schema > triton_matrix/report/matrix.schema.json
"""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from ..base.levels import SHOWN
from ..evidence import schemas
from .matrix import Matrix, NotRequired

_PLAIN: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def of_matrix() -> dict[str, Any]:
    """The JSON Schema of :class:`matrix.Matrix`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schemas.MATRIX,
        "title": "reports/matrix.json: the merged results of every cell and level",
        **_schema_of(Matrix),
    }


def _schema_of(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return {}
    if origin is NotRequired:
        return _schema_of(arguments[0])
    if origin is Annotated:
        rules = [{"description": rule} if isinstance(rule, str) else rule for rule in hint.__metadata__]
        return {key: value for part in (_schema_of(arguments[0]), *rules) for key, value in part.items()}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _any_of(arguments)
    if origin is list:
        return {"type": "array", "items": _schema_of(arguments[0])}
    if origin is dict:
        names = {} if arguments[0] is str else {"propertyNames": _schema_of(arguments[0])}
        return {"type": "object", **names, "additionalProperties": _schema_of(arguments[1])}
    return _of_typed_dict(hint) if is_typeddict(hint) else {"type": _PLAIN[hint]}


def _any_of(hints: Sequence[Any]) -> dict[str, Any]:
    if all(each in _PLAIN for each in hints):
        return {"type": [_PLAIN[each] for each in hints]}
    return {"anyOf": [_schema_of(each) for each in hints]}


def _of_typed_dict(hint: Any) -> dict[str, Any]:
    hints = get_type_hints(hint, include_extras=True)
    keys = {name: _schema_of(each) for name, each in sorted(hints.items())}
    if "levels" in keys and "verdict" in keys:
        keys["levels"]["propertyNames"] = {"enum": list(SHOWN)}
    return {
        "type": "object",
        "description": (hint.__doc__ or "").strip().splitlines()[0],
        "required": sorted(name for name, each in hints.items() if get_origin(each) is not NotRequired),
        "properties": keys,
    }


if __name__ == "__main__":
    print(json.dumps(of_matrix(), indent=1))
