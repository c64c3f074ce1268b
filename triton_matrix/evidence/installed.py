"""Which wheel an environment has: a stamp, written when it is provided, and held against what is there when it runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..base import commands, files, records, sources
from ..base.cells import Cell, Table
from . import runs, toolchain

STAMP = "triton-matrix-wheel.json"
_CODE = (
    "import json, sys; from triton_matrix.base import records, sources; "
    "print(json.dumps([sys.prefix, sources.installed_digest(sys.argv[1]), records.installed()]))"
)
_AGAIN = "provide it again, without --no-install"


def forget(python: str) -> None:
    """Remove the stamp of the environment of ``python``: what is in it is about to change."""
    prefix = Path(commands.run([python, "-c", "import sys; print(sys.prefix)"]).strip())
    (prefix / STAMP).unlink(missing_ok=True)


def stamp(table: Table, cell: Cell, python: str, other_builds: list[dict[str, Any]]) -> None:
    """Say in the environment of ``python``, which has this harness, of which sources its package is, and what else is.

    Args:
        other_builds: what was installed in place of pinned files, as provisioning says it.
    """
    said = commands.run([python, "-I", "-c", _CODE, table.package.name]).splitlines()
    prefix, held, distributions = json.loads(said[-1])
    commit, dirty = toolchain.git_state(table.root)
    of = {"cell": cell.name, "pins": sources.pins_digest(table, cell), "sources": sources.package_digest(table)}
    holds = {"files": held, "other_builds": other_builds, "distributions": distributions}
    files.write_json(Path(prefix) / STAMP, {**of, **holds, "commit": commit, "dirty": dirty})


def wheel(table: Table, cell: Cell, is_subject: bool) -> runs.Wheel:
    """What is tested in this Python: in an ambient cell the source tree, else the wheel that provisioning installed."""
    now = sources.package_digest(table)
    if cell.ambient:
        return runs.Wheel(now, now)
    if is_subject:
        return runs.Wheel(now, None)
    content = stamped()
    if not content.get("sources"):
        return runs.Wheel(now, None, f"provisioning left no {STAMP} in the cell's environment that says what is in it")
    problem = _problem(table, cell, content)
    return runs.Wheel(now, None, problem) if problem else runs.Wheel(now, str(content["sources"]))


def _problem(table: Table, cell: Cell, said: dict[str, Any]) -> str:
    """Why this Python is not what provisioning made of it for the cell as its row and pins are now; else ""."""
    if said.get("cell") != cell.name:
        return f"this environment was provided for cell {said.get('cell', 'unknown')}, not for {cell.name}"
    if said.get("pins") != sources.pins_digest(table, cell):
        return f"the cell's row or pins were changed since its environment was provided; {_AGAIN}"
    held = sources.installed_digest(table.package.name)
    if held is None or said.get("files") != held:
        return f"the files of {table.package.name} are not those that provisioning installed"
    for name in ("torch", "triton"):
        outside = _from_outside(name)
        if outside:
            return f"PYTHONPATH brings {name} from {outside}, in place of the one that provisioning installed"
    there = records.installed()
    for name, was in said.get("distributions", {}).items():
        now = there.get(name)
        if now != was:
            versions = [each.split()[0] if each else "absent" for each in (now, was)]
            what = f"{versions[0]}, and was {versions[1]}" if versions[0] != versions[1] else "of other files"
            return f"{name} was changed since the environment was provided: it is {what}; {_AGAIN}"
    altered = next(iter(records.altered().items()), None)
    return f"{altered[1]} of {altered[0]} is not as it was installed; {_AGAIN}" if altered else ""


def _from_outside(module: str) -> str:
    """Where PYTHONPATH has a module that is not of this environment; "" where it has none."""
    origin, is_own = records.place(module)
    paths = [os.path.realpath(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    return origin if not is_own and any(origin.startswith(each + os.sep) for each in paths) else ""


def stamped() -> dict[str, Any]:
    """What provisioning said of this Python's environment; empty where it said nothing."""
    try:
        content = json.loads((Path(sys.prefix) / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
