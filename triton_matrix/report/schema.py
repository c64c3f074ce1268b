"""The JSON Schema of ``reports/matrix.json``, made from the types of :mod:`matrix`. After a change of those:

python -m triton_matrix.report.schema > triton_matrix/report/matrix.schema.json
"""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from ..base.terms import LEVELS
from ..evidence import schemas
from .matrix import Matrix

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
    if origin is Annotated:
        rules = [{"description": rule} if isinstance(rule, str) else rule for rule in hint.__metadata__]
        return {key: value for part in (_schema_of(arguments[0]), *rules) for key, value in part.items()}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        if all(each in _PLAIN for each in arguments):
            return {"type": [_PLAIN[each] for each in arguments]}
        return {"anyOf": [_schema_of(each) for each in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema_of(arguments[0])}
    if origin is dict:
        names = {} if arguments[0] is str else {"propertyNames": _schema_of(arguments[0])}
        return {"type": "object", **names, "additionalProperties": _schema_of(arguments[1])}
    if is_typeddict(hint):
        keys = {name: _schema_of(each) for name, each in get_type_hints(hint, include_extras=True).items()}
        if "levels" in keys and "verdict" in keys:
            keys["levels"]["propertyNames"] = {"enum": list(LEVELS)}
        about = (hint.__doc__ or "").strip().splitlines()[0]
        return {
            "type": "object",
            "description": about,
            "required": sorted(hint.__required_keys__),
            "properties": {name: keys[name] for name in sorted(keys)},
        }
    return {} if hint is Any else {"type": _PLAIN[hint]}


if __name__ == "__main__":
    print(json.dumps(of_matrix(), indent=1))
