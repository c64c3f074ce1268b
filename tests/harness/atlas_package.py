"""A package with an atlas of two releases and one small kernel, for tests that compile it for real."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triton_matrix import __main__ as verbs
from triton_matrix.base import cells
from triton_matrix.evidence import atlas_runs
from triton_matrix.releases import codegen_cli

ROOT = cells.find_root(Path(__file__).parent)
RELEASES = ("3.3.1", "3.9.0")
# rows as the project's own table has them: the environments are shared with other tests
ROWS = cells.load(ROOT / "constraints" / "cells.toml").releases
CELL = """
[cell.one]
python = "{0.python}"
torch = "{0.torch}"
triton = "{0.triton}"
requires = {1}
platforms = ["cuda"]
why = "a cell"
""".format(ROWS[RELEASES[0]], json.dumps(ROWS[RELEASES[0]].requires))
TABLE = """
[package]
name = "p"
atlas = "hook.py:configurations"

[release."{0.triton}"]
python = "{0.python}"
torch = "{0.torch}"
requires = {1}
""".format(ROWS[RELEASES[1]], json.dumps(ROWS[RELEASES[1]].requires))
HOOK = """
import importlib.metadata, pathlib
RELEASE = importlib.metadata.version("triton")
{head}

def configurations(targets):
    one = dict(args={{"x_ptr": "*fp32", "n": 4096}}, options={{}}, hints=("x_ptr",))
    one["kernel"] = f"{{pathlib.Path(__file__).parent}}/p/mine.py:copy"
    blocks = {blocks}
    return [
        {{**one, "label": f"copy[{{b}}]", "target": t, "constexprs": {{"BLOCK": b}}}} for t in targets for b in blocks
    ]
"""
KERNEL = """
import os, time
import triton
import triton.language as tl

if os.environ.get("HANGS") == triton.__version__:
    time.sleep(600)

@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=offsets < n) * 2, mask=offsets < n)
"""
BOTH = ("--target", "hip:gfx90a,hip:gfx942")


@dataclass
class Package:
    """What may be done with it, and what the report says of it.

    Attributes:
        root: its checkout.
        envs: folder of the releases' environments.
    """

    root: Path
    envs: Path

    def write(self) -> Package:
        """Make the checkout."""
        for folder in ("constraints", "p", "tests/atlas"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "constraints" / "cells.toml").write_text(TABLE + CELL)
        (self.root / "p" / "__init__.py").write_text("")
        (self.root / "p" / "mine.py").write_text(KERNEL)
        (self.root / "tests" / "atlas" / "accepted.toml").write_text("")
        self.write_hook()
        return self

    def write_hook(self, head: str = "", blocks: str = "(64, 128)") -> None:
        (self.root / "hook.py").write_text(HOOK.format(head=head, blocks=blocks))

    @property
    def folder(self) -> Path:
        """Where its atlas lies."""
        return self.root / "reports" / "codegen"

    def codegen(self, *options: str) -> int:
        """Run the verb; its exit status."""
        return codegen_cli.main(self._options(*options))

    def start(self, *options: str, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
        """Start the verb, which compiles everything anew."""
        command = [sys.executable, "-m", "triton_matrix", "codegen", *self._options("--no-cache", *options)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.root, env=env, text=True, **pipes, **more)

    def _options(self, *options: str) -> list[str]:
        envs = () if "--envs" in options else ("--envs", str(self.envs))
        return ["--root", str(self.root), *envs, *options]

    def report(self, *options: str) -> dict[str, Any]:
        """The matrix, with the exit status and what was printed."""
        said, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(err):
            status = verbs.main(["report", "--root", str(self.root), *options])
        matrix = json.loads((self.root / "reports" / "matrix.json").read_text())
        return {**matrix, "exit_status": status, "said": said.getvalue(), "err": err.getvalue()}

    def verdicts(self, *options: str) -> tuple[int, dict[str, str]]:
        """The report's exit status, and its verdict of each release."""
        found = self.report(*options)
        rows = found["codegen"]["summary"]
        return found["exit_status"], {release: row["verdict"] for release, row in rows.items()}

    def files(self) -> dict[str, bytes]:
        """The atlas files."""
        return {path.name: path.read_bytes() for path in self.folder.glob("[0-9]*.json")}

    def change(self, release: str, edit: Any) -> None:
        """Let ``edit`` change a file's content."""
        path = self.folder / f"{release}.json"
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))

    def edit(self) -> None:
        """Change the package: a result of before is none of now."""
        (self.root / "p" / "other.py").write_text(f"EDITED = {time.time()}\n")

    def hanging(self) -> subprocess.Popen[str]:
        """A run for one target whose older release has ended and whose newer one hangs while its kernel is loaded."""
        process = self.start("--target", "hip:gfx90a", env={"HANGS": RELEASES[1]})
        until = time.monotonic() + 60
        while not self._has_told_all():
            assert time.monotonic() < until
            time.sleep(0.05)
        return process

    def _has_told_all(self) -> bool:
        run = atlas_runs.read(self.folder)
        if run is None or run.closed is not None:
            return False
        older, newer = (run.releases[release] for release in RELEASES)
        return bool(older.outcome) and newer.targets["hip:gfx90a"] is not None
