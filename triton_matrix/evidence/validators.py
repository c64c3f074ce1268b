"""Content held against the schemas that this package ships. It needs jsonschema, which the report alone has."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

# the types of Python that are of a type of JSON, whatever else is too
OF_TYPE: dict[str, set[type]] = {
    "string": {str},
    "integer": {int},
    "number": {int, float},
    "boolean": {bool},
    "null": {type(None)},
}


@functools.cache
def of(path: Path, definition: str = "") -> Any:
    """The validator of a schema file, or of one of its definitions.

    The file is taken for a schema: the tests hold it against the schema of schemas, which takes longer than reading a
    result does.
    """

    schema = json.loads(path.read_text(encoding="utf-8"))
    wanted = {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]} if definition else schema
    return _quick()(wanted)


def check(content: Any, path: Path) -> None:
    """Hold content against a schema file.

    Raises:
        jsonschema.ValidationError: it is not of it; says what fits worst.
    """
    import jsonschema

    error = jsonschema.exceptions.best_match(of(path).iter_errors(content))
    if error is not None:
        raise error


@functools.cache
def _quick() -> Any:
    """jsonschema's validator, but for values of which a type alone is asked: in a large matrix they are most."""
    import jsonschema  # not needed to read one JUnit file, which is all that bisect does

    full = jsonschema.Draft202012Validator
    ways = {"properties": _properties, "additionalProperties": _inner, "items": _inner}
    return jsonschema.validators.extend(full, {name: way(full.VALIDATORS[name]) for name, way in ways.items()})


def _properties(keyword: Any) -> Any:
    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Any:
        if isinstance(instance, dict):
            wanted = {name: of for name, of in wanted.items() if name in instance and not _fits(instance[name], of)}
        return keyword(validator, wanted, instance, schema)

    return check


def _inner(keyword: Any) -> Any:
    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Any:
        inner = instance.values() if isinstance(instance, dict) else instance if isinstance(instance, list) else ()
        return () if all(_fits(each, wanted) for each in inner) else keyword(validator, wanted, instance, schema)

    return check


def _fits(value: Any, schema: Any) -> bool:
    """Whether a value has the type that is all its schema asks for; jsonschema says it of the others."""
    if not isinstance(schema, dict) or schema.keys() - {"type", "description"}:
        return False
    types = schema.get("type", ())
    return any(type(value) in OF_TYPE.get(each, set()) for each in ([types] if isinstance(types, str) else types))
