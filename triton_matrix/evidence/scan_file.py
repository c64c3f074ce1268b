"""The answer of a scan as ``scan.json`` has it: its schema is in scan.schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..base import display_text, files
from . import schemas, validators

NAME = "scan.json"


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write the answer into its folder, whole or not at all."""
    files.write_json(folder / NAME, display_text.cleaned(content))


def read(path: Path) -> dict[str, Any]:
    """The content of a file; it needs jsonschema.

    Raises:
        ValueError: it is none of this schema; names the file.
    """
    import jsonschema

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        validators.check(content, Path(__file__).with_name("scan.schema.json"))
    except (OSError, ValueError) as problem:
        raise ValueError(f"{path} cannot be read: {problem}") from None
    except jsonschema.ValidationError as problem:
        raise ValueError(f"{path} is no {schemas.SCAN}: {problem.json_path}: {problem.message[:200]}") from None
    return dict(content)
