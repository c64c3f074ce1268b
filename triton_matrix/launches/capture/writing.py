"""Writes captured launches, one file each, with the integers of their tensors beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...base import files
from ...base.display_text import printable
from .journal import Captured


def write(folder: Path, captured: Captured, journal: Path, note: str) -> list[str]:
    """Write each launch as ``<kernel>-<number>.toml`` into ``folder``; the paths, relative to it.

    Args:
        journal: the folder that the launches' own files lie in.
        note: the sentence that each file begins with, as a comment.
    """
    numbers: dict[str, int] = {}
    written = []
    for key, launch in sorted(captured.launches.items(), key=lambda item: item[1]["kernel"]):
        name = launch["kernel"].rpartition(":")[2].rpartition(".")[2]
        numbers[name] = numbers.get(name, 0) + 1
        file = f"{name}-{numbers[name]}.toml"
        _mark_written(launch["args"], captured.written.get(key, {}))
        for each in captured.files.get(key, ()):
            with files.replacing(folder / each) as scratch:
                scratch.write_bytes((journal / each).read_bytes())
        head = f"# {' '.join(printable(note).split())}\n"
        files.write_text(folder / file, head + text(launch, captured.counts.get(key, 1), folder))
        written.append(file)
    return written


def _mark_written(args: dict[str, Any], written: dict[str, bool]) -> None:
    """Say of each tensor whether the launch wrote to it, where that is known."""

    def mark(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            return
        for kind, content in value.items():
            if kind == "tuple":
                for at, item in enumerate(content):
                    mark(f"{name}[{at}]", item)
            elif name in written:
                content["written"] = written[name]

    for name, value in args.items():
        mark(name, value)


def text(launch: dict[str, Any], count: int, folder: Path) -> str:
    """A launch as a file in ``folder``; its kernel's file is named relative to that where it lies below this folder."""
    path, _, name = launch["kernel"].rpartition(":")
    near = Path(path).is_relative_to(Path.cwd())
    shown = Path(os.path.relpath(path, folder.resolve())).as_posix() if near else path
    parts = [f"kernel = {_toml(f'{shown}:{name}')}"]
    if isinstance(launch["grid"], list) and all(size > 0 for size in launch["grid"]):
        parts.append(f"grid = {_toml(launch['grid'])}")
    parts.append(f"count = {count}")
    for title in ("args", "constexprs", "options", "tuned"):
        if launch[title]:
            parts += [f"[{title}]", *(f"{key} = {_toml(value)}" for key, value in launch[title].items())]
    if launch["divisible"] is not None:
        parts += ["[hints]", f"divisible_by_16 = {_toml(launch['divisible'])}"]
    return "\n".join(parts) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)
