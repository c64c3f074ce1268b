"""Content held against the schemas that this package ships. It needs jsonschema, which the report alone has."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any


@functools.cache
def of(path: Path, definition: str = "") -> Any:
    """The validator of a schema file, or of one of its definitions.

    The file is taken for a schema: the tests hold it against the schema of schemas, which takes longer than reading a
    result does.
    """
    import jsonschema  # not needed to read one JUnit file, which is all that bisect does

    schema = json.loads(path.read_text(encoding="utf-8"))
    wanted = {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]} if definition else schema
    return jsonschema.Draft202012Validator(wanted)


def check(content: Any, path: Path) -> None:
    """Hold content against a schema file.

    Raises:
        jsonschema.ValidationError: it is not of it; says what fits worst.
    """
    import jsonschema

    error = jsonschema.exceptions.best_match(of(path).iter_errors(content))
    if error is not None:
        raise error
