"""The language table of every release: a process for each, in the environments that the atlas uses. Needs no numpy."""

from __future__ import annotations

import concurrent.futures
import os
from pathlib import Path

from ...base import commands, compiler_variables
from ...base.cells import Table
from ...environments import stamped
from ..computing import PACKAGE

MODES = {"": [], "-as-is": ["--as-is"], "-frontend": ["--frontend"]}


def ask(table: Table, releases: list[str], folder: Path, jobs: int) -> None:
    """Write ``<release>.json``, ``<release>-as-is.json`` and ``<release>-frontend.json`` of each release.

    Raises:
        commands.ToolError, ValueError: an environment cannot be made, or a run failed.
    """

    def one(name: str) -> None:
        python = stamped.of_release(table.releases[name], (), table.root / ".nox" / "codegen")
        for mode, options in MODES.items():
            command = [str(python), "-W", "ignore", "-m", __package__, *options, "--jobs", "1"]
            env = {**compiler_variables.without(os.environ), "PYTHONPATH": str(PACKAGE)}
            print(commands.run([*command, "--out", str(folder / f"{name}{mode}.json")], env=env).strip(), flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(one, releases))
