"""The parts of a Markdown file that a command writes, between two marks; all other words are written by hand."""

from __future__ import annotations

from pathlib import Path

from . import files


def marks(name: str) -> tuple[str, str]:
    """The lines before and after the part called ``name``; a Markdown reader does not see them."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def has(path: Path, name: str) -> bool:
    """Whether the file is there and has the part."""
    return path.is_file() and marks(name)[0] in path.read_text(encoding="utf-8")


def replace(path: Path, name: str, body: str) -> None:
    """Put ``body`` between the marks of the part, whole or not at all.

    Raises:
        ValueError: the file does not have the marks.
    """
    begin, end = marks(name)
    before, opened, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"{path} has no lines {begin} and {end} to write between")
    files.write_text(path, f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}")
