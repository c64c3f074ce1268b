"""The package of a table, scanned where it lies: on the releases of its cells, as part of plain ``nox``.

What its tests launch is captured once, and kept until the package, its tests or this harness change.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Optional

from ..base import cells, files, locks, sources
from ..base.commands import UNAVAILABLE
from ..environments import harness, project
from ..evidence import file_names
from ..launches import guess
from ..suites import suite_paths
from . import capturing
from .package import Scanned
from .run import How, Scan

KEPT = "captured.json"


def scan(table: cells.Table, how: How, seconds: float) -> int:
    """Ask what compiles on the cells' releases; the exit status.

    Args:
        seconds: that tests or examples may take.
    """
    start = time.perf_counter()
    asked = [row for row in table.releases.values() if row.triton in table.pinned]
    definitions = guess.kernels(table.root)
    lacks = "" if asked else f"no cell of {table.path.name} pins a release of Triton"
    lacks = lacks or ("" if definitions[0] else f"no file below {table.root} defines a kernel with @triton.jit")
    if lacks:
        print(f"scan: {lacks}", file=sys.stderr)
        return UNAVAILABLE
    scanned = Scanned(table.root, project.read(table.root), "", str(table.root))
    out = table.reports / file_names.SCANNED
    with locks.held(out / ".scan.lock", f"the scan in {out}"):
        asking = Scan(scanned, out, how, [], sources.package_digest(table), ours=False)
        status, content = asking.run(
            definitions, asked, lambda folder: _captured(table, scanned, how, folder, seconds), start
        )
    return status if content else UNAVAILABLE


def _captured(table: cells.Table, scanned: Scanned, how: How, folder: Path, seconds: float) -> list[str]:
    """Capture into a folder, unless what lies there is of the same sources, suites and harness; says how it went."""
    if not seconds:
        return []
    try:
        suites = suite_paths.paths(table)
    except ValueError:  # there are none
        suites = []
    below = [os.path.relpath(suite_paths.folder(table) / each, table.root) for each in suites]
    asked = list(capturing.commands_of(table.root, below))
    if not asked:
        return [capturing.NOTHING]
    suites_are = sources.suites_digest(table, suite_paths.folder(table), suites)
    of = [sources.package_digest(table), suites_are, harness.version(), f"{seconds:g}", *map(str, asked)]
    digest = hashlib.sha256("\n".join(of).encode()).hexdigest()
    stamp = folder.parent.parent / KEPT
    kept = json.loads(stamp.read_text(encoding="utf-8")) if stamp.is_file() else {}
    if kept.get("digest") == digest:
        return [f"{sentence} (kept)" for sentence in kept["said"]]
    shutil.rmtree(folder, ignore_errors=True)
    python = _of_a_cell(table)
    if python:
        said = capturing.run(python, table.root, asked, folder, seconds)
    else:
        said = capturing.capture(scanned, how.envs, folder, seconds, None)
    if not any(each.startswith(capturing.NO_TORCH) for each in said):  # there may be one the next time
        files.write_json(stamp, {"digest": digest, "said": said})
    return said


def _of_a_cell(table: cells.Table) -> Optional[Path]:
    """The Python of the newest cell's environment that is here and has this harness."""
    for cell in reversed(list(table.cells.values())):
        home = table.root / ".nox" / f"tests-{cell.name}"
        if (home / "bin" / "python").is_file() and not harness.other_in(home):
            return home / "bin" / "python"
    return None
