"""A Triton that nobody has heard of, 3.99.0, is one row of the table: what reads the table takes it from there.

Its wheel is a stand-in that hands on to the real 3.9.0 under another number, so that what compiles and interprets is
real. All of it comes from an index on loopback.
"""

from __future__ import annotations

import json
import os
import sys

import pytest

from triton_matrix.base import cells
from triton_matrix.ci import jobs
from triton_matrix.environments import listing, lock
from triton_matrix.releases import bisect, codegen_cli, values_cli

from .. import atlas_package

NEW, BASE = "3.99.0", "3.9.0"
ROW = f"""
[cell.new]
triton = "{NEW}"
torch = "2.99.0"
platforms = ["cuda"]
why = "tomorrow's"
"""
TABLE = """
[package]
name = "p"
atlas = "hook.py:configurations"

[platform.hosted]
runner = ["ubuntu-latest"]

[platform.cuda]
runner = ["self-hosted", "cuda"]
"""
HANDS_ON = """
from pathlib import Path

__file__ = {real!r}
__path__ = [str(Path(__file__).parent)]
exec(compile(Path(__file__).read_text(), __file__, "exec"))
__version__ = {version!r}
"""
LAUNCH = """
kernel = "p/mine.py:copy"
grid = [32]
[args]
x_ptr = { tensor = { dtype = "fp32", shape = [4096] } }
n = 4096
[constexprs]
BLOCK = 128
"""


@pytest.fixture
def package(tmp_path, standins, release_python, monkeypatch):
    """A checkout with the row, and an index that has what its environments are made of."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("hands on to an environment of Python 3.11: run with that Python")
    site = release_python(BASE).parents[1] / "lib" / "python3.11" / "site-packages"
    wheels = tmp_path / "wheels"
    made = [standins.wheel_of_installed("packaging", wheels)]
    for name, version in {"triton": NEW, "numpy": "2.99.0"}.items():
        contents = {f"{name}/__init__.py": HANDS_ON.format(real=str(site / name / "__init__.py"), version=version)}
        for backends in site.glob(f"{name}-*.dist-info/entry_points.txt") if name == "triton" else ():
            contents[f"triton-{NEW}.dist-info/entry_points.txt"] = backends.read_text()
        made.append(standins.write_wheel(wheels, name, version, contents=contents))
    made.append(standins.write_wheel(wheels, "torch", "2.99.0", [f"triton=={NEW}"]))
    made += [standins.write_wheel(wheels, name, "9.0") for name in ("pytest", "pytest-timeout", "hypothesis")]
    standins.write_index(tmp_path / "index", made)
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    found = atlas_package.Package(tmp_path / "checkout", tmp_path / "envs").write()
    (found.root / "constraints" / "cells.toml").write_text(TABLE + ROW)
    (found.root / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "0.1"\n')
    (found.root / "launch.toml").write_text(LAUNCH)
    with standins.serving(tmp_path / "index") as (address, _):
        standins.write_uv_config(tmp_path / "config", address)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield found


def test_a_new_triton_is_one_row(package, capsys):
    root = package.root
    table = cells.load_at(root)
    assert list(table.releases) == [NEW]
    assert (table.cell("new").python, table.cell("new").requires) == ("3.11", ("numpy",)), "as the newest one known"
    assert f"| `new` | 3.11 | 2.99.0 | {NEW} |" in listing.markdown(table)
    assert {job["cell"] for job in jobs.jobs(table) if job["cell"]} == {"new"}
    assert bisect.choose([BASE, *table.releases], BASE, NEW) == [BASE, NEW]
    assert lock.main(["new", "--root", str(root)]) == 0
    assert f"triton=={NEW} " in (root / "constraints" / "new.txt").read_text()
    where = ["--root", str(root), "--envs", str(package.envs)]
    assert codegen_cli.main([*where, "--target", "cuda:90,hip:gfx942"]) == 0, capsys.readouterr()
    summary = package.report()["codegen"]["summary"]
    assert (summary[NEW]["verdict"], summary[NEW]["counts"]["ok"]) == ("pass", 4)
    assert values_cli.main([str(root / "launch.toml"), *where]) == 0, capsys.readouterr()
    assert json.loads((package.folder / f"{NEW}.json").read_text())["triton"] == NEW
