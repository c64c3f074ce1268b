"""Regular expressions that a user gives."""

from __future__ import annotations

import re
from typing import Optional


def compiled(argument: str, text: Optional[str]) -> re.Pattern[str]:
    """The regular expression ``text``; without one, what is found in everything.

    Args:
        argument: what the user calls it.

    Raises:
        ValueError: it is none.
    """
    try:
        return re.compile(text or "")
    except re.error as problem:
        raise ValueError(f"{argument} is {text!r}, which is no regular expression: {problem}") from None
