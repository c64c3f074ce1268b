"""Text that came from elsewhere, fit to be shown: no password of a URL, no control character, no half character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Optional

# C0 but for tab and newline, DEL, C1, directions of writing (they reorder a line), and halves of UTF-16 pairs
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""``text`` with ``\x1b`` and its like spelled out, so that a terminal shows them and does not obey them."""
    if text.isprintable():  # nearly all of it is, and this is ten times as quick
        return text
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def clean(text: str) -> str:
    """``text`` that may be shown: :func:`masked` and :func:`printable`."""
    return printable(masked(text) if "@" in text else text)


def cleaned(value: Any) -> Any:
    """A JSON value with every text in it, keys too, as of :func:`clean`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    return value


def masked(text: str) -> str:
    """``text`` with the user and password of every address in it (``https://user:password@host``) as ``***``.

    Everything that is printed or written and may hold the address of an index goes through this.
    """
    return re.sub(r"(?<=://)[^/?#\s\"'<>]*@", "***@", text)


def natural(label: str) -> list[Any]:
    """Sort key that takes the numbers in a label as numbers: n_cols=512 before n_cols=4096."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", label)]


def named(names: Sequence[str], shown: int) -> str:
    """The first so many names, and how many more there are: ``a, b and 7 more``."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{', '.join(names[:shown])}{more}"


def counted(names: Sequence[str], shown: int = 8) -> str:
    """How many names there are, and the first of them: ``12: a, b and 10 more``."""
    return f"{len(names)}: {named(names, shown)}"


def short(commit: Optional[str]) -> str:
    """A commit as it is shown."""
    return (commit or "unknown")[:10]
