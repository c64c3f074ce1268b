"""The files that ``init`` writes, as text."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from ..base import pairs
from ..base.cells import Package
from ..environments import harness
from .choice import Choice, Row

NOXFILE = '''"""Each row of constraints/cells.toml is a session: `nox -l` lists them, `nox` runs them and the report."""

from triton_matrix import sessions

sessions.from_table(__file__)
'''
CONFTEST = '''"""The fixtures `device`, `level` and `cell`, and the markers of triton_matrix, where it is installed."""

import importlib.util

if importlib.util.find_spec("triton_matrix"):
    pytest_plugins = ["triton_matrix.suites.pytest_plugin"]
'''
HEAD = """\
# One row per toolchain that this package's users run; the keys are explained in triton-matrix's docs/adopt.md.
# Sorted by Triton, oldest first. After a change: `nox -s lock -- <cell>`.
"""
AMBIENT = """
[cell.ambient]
platforms = ["cuda"]
why = "whatever torch and Triton the running Python has: vendor images and GPU machines; installs nothing"
"""
RUNNERS = """
# The runners of CI: without a GPU, and with one.
[platform.hosted]
runner = ["ubuntu-latest"]

[platform.cuda]
runner = ["self-hosted", "linux", "cuda"]
"""


def table(choice: Choice) -> str:
    """``constraints/cells.toml``."""
    usual = Package(choice.project.name, re.sub("[-.]", "_", choice.project.name))
    package = {"name": usual.name}
    rows = [f"{key} = {_toml(value)}" for key, value in package.items()]
    if choice.module != usual.module:
        rows.append(f"module = {_toml(choice.module)}")
    if choice.suites:
        rows.append(f"suites = {_toml(choice.suites)}")
    if choice.needs_gpu:
        rows.append("# At level interpreter, a test that ends because there is no GPU is skipped, with that reason.")
        rows.append("needs_gpu = true")
    if choice.test:
        rows.append(f"test = {_toml((*usual.test, *choice.test))}")
    rows.append("# The atlas (`nox -s codegen`) takes every known Triton from this one on.")
    rows.append(f"oldest = {_toml(choice.rows[0].pair.triton)}")
    cells = "".join(f"\n{_cell(row)}" for row in choice.rows)
    return HEAD + "\n[package]\n" + "\n".join(rows) + "\n" + cells + AMBIENT + RUNNERS


def _cell(row: Row) -> str:
    """A row of the table; what is known of its Triton is not said again."""
    usual = pairs.row_of(row.pair.triton)
    lines = [f"[cell.{row.name}]", f"triton = {_toml(row.pair.triton)}"]
    chosen = {"torch": row.torch, "python": row.python}
    lines += [f"{key} = {_toml(value)}" for key, value in chosen.items() if value != usual[key]]
    return "\n".join([*lines, 'platforms = ["cuda"]', f"why = {_toml(row.why)}"]) + "\n"


def workflow(branch: str, name: str, below: str) -> str:
    """The workflow of the package ``name``, for pushes to ``branch``.

    Args:
        below: the package's folder, from the repository's root; "" where it is that. In a repository of several
            packages each has its workflow, and a job ``report`` of its own name, so that a branch can require each.
    """
    text = Path(__file__).with_name("workflow.yml").read_text(encoding="utf-8")
    wanted = shlex.join([harness_requirement(), "nox[uv]"])
    text = text.replace("INSTALL", wanted).replace("[BRANCH]", f"[{_toml(branch)}]")
    if not below:
        return text
    text = text.replace("name: triton-matrix\n", f"name: {_toml(f'triton-matrix {name}')}\n", 1)
    text = text.replace("alone, `report`.", f"alone, `report {name}`.", 1)
    text = text.replace("    name: report\n    needs", f"    name: {_toml(f'report {name}')}\n    needs", 1)
    for path in ("reports/", "evidence"):
        text = text.replace(f"          path: {path}\n", f"          path: {_toml(f'{below}/{path}')}\n")
    settings = f"defaults:\n  run:\n    working-directory: {_toml(below)}\n"
    return text.replace("\nconcurrency:\n", f"\n{settings}\nconcurrency:\n", 1)


def harness_requirement() -> str:
    """Where another machine gets this harness: the repository and commit that it was installed from, or its name."""
    try:
        origin = importlib.metadata.distribution(harness.NAME).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        origin = None
    source = json.loads(origin) if origin else {}
    commit = source.get("vcs_info", {}).get("commit_id")
    if not commit:
        return harness.NAME
    folder = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
    return f"{harness.NAME} @ {source['vcs_info']['vcs']}+{source['url']}@{commit}{folder}"


def _toml(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    assert isinstance(value, Iterable)
    one = "[" + ", ".join(map(_toml, value)) + "]"
    return one if len(one) <= 100 else "[\n" + "".join(f"    {_toml(each)},\n" for each in value) + "]"
