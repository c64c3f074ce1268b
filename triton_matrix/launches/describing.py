"""Launch files as what computes them takes them: plain JSON (values/description.py) that holds all of a launch."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import arguments, launch_file


@dataclass
class Described:
    """The launches of a file or folder.

    Attributes:
        launches: each with a ``name`` of its own, ``kernel``, ``grid``, ``args``, ``constexprs``, ``options``, and
            ``reference`` where it names one.
        refused: name of a launch that cannot be computed -> why; it may still be compiled.
    """

    launches: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def describe(path: Path) -> Described:
    """What ``--launches PATH`` asks to compute: a file, or every ``*.toml`` below a folder.

    A launch is called by its file's path in the folder, without ``.toml``; where lists make several of a file, what
    they set follows: ``softmax-1[BLOCK=64]``.

    Raises:
        LaunchError: as of :func:`launch_file.files_of` and :func:`launch_file.read`.
    """
    described = Described()
    for file in launch_file.files_of(path):
        name = file.relative_to(path).with_suffix("").as_posix() if path.is_dir() else file.stem
        content = launch_file.read(file)
        try:
            described.launches += _of_one(name, content, file.parent)
        except ValueError as problem:
            described.refused[name] = str(problem)
    return described


def _of_one(name: str, content: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    if "grid" not in content:
        raise launch_file.LaunchError("nothing says its grid; computing needs grid = [...]")
    read = arguments.folder_reader(folder)
    args = {
        key: arguments.described(f"args.{key}", value, read, _seed(content["kernel"], key))
        for key, value in content["args"].items()
    }
    tuned = content["tuned"]
    points = launch_file.points(content)
    result = []
    for chosen in points:
        constexprs = {**tuned.get("constexprs", {}), **chosen["constexprs"]}
        several = [f"{key}={launch_file.shown(value)}" for table in chosen.values() for key, value in table.items()]
        result.append(
            {
                "name": f"{name}[{','.join(several)}]" if len(points) > 1 else name,
                "kernel": content["kernel"],
                "grid": content["grid"],
                "args": args,
                "constexprs": {
                    key: arguments.constexpr(f"constexprs.{key}", value) for key, value in constexprs.items()
                },
                "options": {**tuned.get("options", {}), **chosen["options"]},
                **({"reference": content["reference"]} if "reference" in content else {}),
            }
        )
    return result


def _seed(kernel: str, name: str) -> int:
    """The same for an argument of a kernel on every machine."""
    return zlib.crc32(f"{kernel.rpartition(':')[2]}.{name}".encode()) % 2**31
