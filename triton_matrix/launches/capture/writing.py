"""Writes launches, one file each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...base import files
from ...base.text import printable
from .recorder import Launch


def write(folder: Path, launches: list[Launch]) -> list[str]:
    """Write each launch as ``<kernel>-<number>.toml`` into ``folder``; the paths, relative to it."""
    numbers: dict[str, int] = {}
    written = []
    for launch in sorted(launches, key=lambda each: each.kernel):
        name = launch.kernel.rpartition(":")[2]
        numbers[name] = numbers.get(name, 0) + 1
        file = f"{name}-{numbers[name]}.toml"
        files.write_text(folder / file, text(launch, folder))
        written.append(file)
    return written


def note(folder: Path, names: list[str], sentence: str) -> None:
    """Put ``sentence`` above what was written, as a comment of one line."""
    for name in names:
        content = (folder / name).read_text(encoding="utf-8")
        files.write_text(folder / name, f"# {' '.join(printable(sentence).split())}\n{content}")


def text(launch: Launch, folder: Path) -> str:
    """A launch as a file in ``folder``; its kernel's file is named relative to that where it lies below this folder."""
    path, _, name = launch.kernel.rpartition(":")
    near = Path(path).is_relative_to(Path.cwd())
    shown = Path(os.path.relpath(path, folder)).as_posix() if near else path
    parts = [f"kernel = {_toml(f'{shown}:{name}')}"]
    for title, table in (("args", launch.args), ("constexprs", launch.constexprs), ("options", launch.options)):
        if table:
            parts += [f"[{title}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    if any(isinstance(kind, str) and kind.startswith("*") for kind in launch.args.values()):
        parts += ["[hints]", f"divisible_by_16 = {_toml(launch.divisible)}"]
    parts += ["[launches]", f"count = {launch.count}", f"grid = {_toml(launch.grid)}"]
    return "\n".join(parts) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)
