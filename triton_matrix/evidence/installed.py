"""Which wheel an environment has: a stamp, written when it is provided, and held against what is there when it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..base import commands, files, sources
from ..base.cells import Cell, Table
from . import runs, toolchain

STAMP = "triton-matrix-wheel.json"
_CODE = (
    "import sys; from triton_matrix.base import sources; "
    "print(sys.prefix, sources.installed_digest(sys.argv[1]), sep='\\n')"
)


def forget(python: str) -> None:
    """Remove the stamp of the environment of ``python``: what is in it is about to change."""
    prefix = Path(commands.run([python, "-c", "import sys; print(sys.prefix)"]).strip())
    (prefix / STAMP).unlink(missing_ok=True)


def stamp(table: Table, python: str, other_builds: list[dict[str, Any]]) -> None:
    """Say in the environment of ``python``, which has this harness, of which sources its package is.

    Args:
        other_builds: what was installed in place of pinned files, as provisioning says it.
    """
    said = commands.run([python, "-c", _CODE, table.package.name], cwd=Path(python).parent).splitlines()
    commit, dirty = toolchain.git_state(table.root)
    content = {"sources": sources.package_digest(table), "commit": commit, "dirty": dirty}
    files.write_json(Path(said[-2]) / STAMP, {**content, "other_builds": other_builds, "files": said[-1]})


def wheel(table: Table, cell: Cell, is_subject: bool) -> runs.Wheel:
    """What is tested in this Python: in an ambient cell the source tree, else the wheel that provisioning installed."""
    now = sources.package_digest(table)
    if cell.ambient:
        return runs.Wheel(now, now)
    if is_subject:
        return runs.Wheel(now, None)
    content = stamped()
    said, held = content.get("sources"), content.get("files")
    if not said:
        return runs.Wheel(now, None, f"provisioning left no {STAMP} in the cell's environment that says what is in it")
    there = sources.installed_digest(table.package.name)
    if there is None or held != there:
        return runs.Wheel(now, None, f"the files of {table.package.name} are not those that provisioning installed")
    return runs.Wheel(now, str(said))


def stamped() -> dict[str, Any]:
    """What provisioning said of this Python's environment; empty where it said nothing."""
    try:
        content = json.loads((Path(sys.prefix) / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
