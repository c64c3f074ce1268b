"""What each released Triton's language has: ``language.json``, which lint/survey.py reads off the releases."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("language.json")


@functools.cache
def survey() -> dict[str, Any]:
    """The survey of all releases, as ``survey.merge`` makes it; ``releases`` names them, oldest first."""
    merged: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return merged


def newest() -> str:
    """The newest release that was surveyed."""
    return str(survey()["releases"][-1])
