"""Cells whose torch comes from an index of its own and is never released: resolving, freshness, installing.

torch, torchvision and their Triton come from the cell's index and from nowhere else; everything else comes from the
user's default index, as if the cell's did not exist. No index strategy is loosened for that: each of the two is the
only index in the call that reads it, or uv's explicit index, which serves the named packages only.

The distribution that owns ``import triton`` has had three names (``triton``, ``pytorch-triton-rocm`` to 3.5.1,
``triton-rocm``). Which one a torch wants is only in its metadata, and uv's explicit index serves direct requirements
only. So torch is resolved first, with every Triton left out, then that torch with each name that the index has.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Optional

from packaging import utils

from ..base import commands, files, pairs
from ..base.cells import Cell, Table
from ..base.display_text import masked
from ..evidence import toolchain
from . import builds, pins, wheel
from .contents import Contents
from .pins import Pin

MAX_AGE_DAYS = 30
TRITONS = pairs.DISTRIBUTIONS
FROM_INDEX = ("torch", "torchvision", "torchaudio", *TRITONS)
DEV = ">=0.dev0"  # a requirement that names a pre-release is how uv is told to take them, for this package only


class Stale(RuntimeError):
    """The recorded pins are too old, or gone from the index; the text is one sentence with the command that helps."""


def lock(table: Table, cell: Cell) -> int:
    """Resolve the cell now and write its pin file, with the date and what came from the cell's index.

    Returns:
        How many pins it has.

    Raises:
        ValueError: the index has no torch, or none of its Tritons belongs to the newest torch.
        commands.ToolError: uv found no solution; its words are kept.
    """
    wanted = _requirements(table, cell)
    first = _compile(cell, wanted, drop=TRITONS)
    torch = f"torch=={first['torch'].version}"
    refused: list[str] = []
    for name in TRITONS:
        if not versions(cell, name):
            continue
        try:
            resolution = _compile(cell, [torch, f"{name}{DEV}", *wanted])
        except commands.ToolError as error:
            refused.append(str(error))
            continue
        owners = [each for each in TRITONS if each in resolution]
        if owners == [name]:
            _write(table, cell, resolution)
            return len(resolution)
        refused.append(f"{torch} with {name} brings {len(owners)} Tritons: {', '.join(owners)}")
    raise ValueError(
        f"cell {cell.name}: no Triton on {shown(cell)} belongs to {torch}: " + ("; ".join(refused) or "it has none")
    )


def check_fresh(table: Table, cell: Cell, now: Optional[datetime.datetime] = None) -> None:
    """Raise Stale where the pins were resolved more than MAX_AGE_DAYS ago, or are gone from the index."""
    when, names = recorded(table, cell)
    renew = f"`nox -s lock -- {cell.name}` renews them"
    age = ((now or datetime.datetime.now(datetime.timezone.utc)) - when).days
    if age > MAX_AGE_DAYS:
        raise Stale(
            f"cell {cell.name}: its pins were resolved {age} days ago ({when.date()}), and a nightly's are kept for "
            f"{MAX_AGE_DAYS}; {renew}"
        )
    for name, version in pins_of(table, cell).items():
        if name in names and version not in versions(cell, name):
            raise Stale(f"cell {cell.name}: {name} {version} is gone from {shown(cell)}; {renew}")


def install(table: Table, cell: Cell, python: str, inside: Contents) -> str:
    """Give the environment of ``python`` exactly the cell's pins, each from its own index.

    Returns:
        The distribution that owns ``import triton`` there: what the package's wheel is to name.
    """
    _, names = recorded(table, cell)
    wanted = pins.read(table.pins(cell))
    again = inside.other_than(wanted.values())
    pip = [commands.uv(), "pip"]
    listed = json.loads(commands.run([*pip, "list", "--quiet", "--format", "json", "--python", python]) or "[]")
    # First what does not belong: a Triton of another name would take triton/ with it if it went afterwards.
    extra = sorted(pins.normal(item["name"]) for item in listed if pins.normal(item["name"]) not in wanted)
    if extra:
        commands.run([*pip, "uninstall", "--quiet", "--python", python, *extra])
    ours = [pin for name, pin in wanted.items() if name in names]
    rest = [pin for name, pin in wanted.items() if name not in names]
    # before an index of the user's configuration, which may have another torch, and in place of the default one
    own = ["--index", str(cell.index), "--default-index", str(cell.index)]
    _install(python, ours, [*own, *_again(ours, again)])
    _install(python, rest, _again(rest, again))
    inside.installed(wanted.values())
    return next(name for name in TRITONS if name in wanted)


def _again(wanted: list[Pin], names: list[str]) -> list[str]:
    return [f"--reinstall-package={pin.name}" for pin in wanted if pin.name in names]


def _install(python: str, wanted: list[Pin], options: list[str]) -> None:
    """Install pins, with their hashes as far as their index gives any, without what they require."""
    if not wanted:
        return
    hashes = ["--require-hashes"] if all(pin.hashes for pin in wanted) else []
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "pins.txt"
        listed.write_text(pins.render(wanted), encoding="utf-8")
        install = [commands.uv(), "pip", "install", "--python", python, "--no-deps", *hashes, *options]
        commands.run([*install, "--requirement", str(listed)], echo=True)


def recorded(table: Table, cell: Cell) -> tuple[datetime.datetime, list[str]]:
    """When the cell's pins were resolved, and which of them came from its index.

    Raises:
        ValueError: the file was not written by :func:`lock`.
    """
    text = table.pins(cell).read_text(encoding="utf-8")
    date = re.search(r"^# resolved (\S+)$", text, re.MULTILINE)
    names = re.search(r"^# from (\S+): (.+)$", text, re.MULTILINE)
    if not date or not names:
        raise ValueError(
            f"constraints/{table.pins(cell).name} does not say when it was resolved; `nox -s lock -- {cell.name}` does"
        )
    return datetime.datetime.fromisoformat(date[1]), names[2].split()


def pins_of(table: Table, cell: Cell) -> dict[str, str]:
    """Name -> version of every pin of the cell's constraint file."""
    return {name: pin.version for name, pin in pins.read(table.pins(cell)).items()}


def versions(cell: Cell, name: str) -> set[str]:
    """The versions of ``name`` on the cell's index; empty where it has none."""
    try:
        with open_page(cell, name, 30) as page:
            text = page.read().decode("utf-8", errors="replace")
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):  # an index on object storage says 403 for what it does not have
            return set()
        raise ValueError(f"the index {shown(cell)} answers {error.code} {error.reason} for {name}") from None
    except OSError as error:
        raise ValueError(f"the index {shown(cell)} cannot be reached ({error})") from None
    files_there = [urllib.parse.unquote(link).rsplit("/", 1)[-1] for link in re.findall(r'href="([^"#]+)', text)]
    published = set()
    for each in files_there:
        with contextlib.suppress(utils.InvalidWheelFilename):
            published.add(str(utils.parse_wheel_filename(each)[1]))
    return published


def open_page(cell: Cell, name: str, timeout_s: float) -> Any:
    """The page of ``name`` on the cell's index, opened; a user and password in the address go into a header.

    Raises:
        OSError: it cannot be had (urllib.error.HTTPError where the index answers, and not with the page).
    """
    parts = urllib.parse.urlsplit(f"{cell.index}/{name}/")
    secret, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)))
    if at:
        coded = base64.b64encode(urllib.parse.unquote(secret).encode()).decode()
        request.add_header("Authorization", f"Basic {coded}")
    return urllib.request.urlopen(request, timeout=timeout_s)


def shown(cell: Cell) -> str:
    """The address of the cell's index for a reader: without a password."""
    return masked(str(cell.index))


def _requirements(table: Table, cell: Cell) -> list[str]:
    """What the cell is resolved from. Its Triton is not named: its torch brings it."""
    torch = f"torch{DEV}" if cell.nightly else f"torch=={cell.torch}"
    ours = [*wheel.wheel_requirements(table, cell), *wheel.suite_requirements(table)]
    return [torch, *cell.requires, *ours]


def _compile(cell: Cell, wanted: list[str], drop: tuple[str, ...] = ()) -> dict[str, Pin]:
    """Resolve ``wanted`` with the cell's index serving FROM_INDEX only, and ``drop`` left out."""
    lines = ["[project]", 'name = "cell"', 'version = "0"', f'requires-python = "=={cell.python}.*"']
    lines += [f"dependencies = {json.dumps(wanted)}", "[tool.uv]"]
    lines += [f"override-dependencies = {json.dumps([each + '; sys_platform == ' + repr('none') for each in drop])}"]
    lines += ["[[tool.uv.index]]", 'name = "cell"', f"url = {json.dumps(cell.index)}", "explicit = true"]
    lines += ["[tool.uv.sources]", *(f'{name} = {{ index = "cell" }}' for name in FROM_INDEX)]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "pyproject.toml"
        project.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = ["--quiet", "--no-header", "--no-annotate", "--generate-hashes"]
        options += ["--python-version", str(cell.python), "--python-platform", pins.PLATFORM]
        # --refresh: uv's cache would serve last night's list. The folder: uv takes overrides from the current one only
        command = [commands.uv(), "pip", "compile", "--refresh", *options, str(project)]
        env = builds.without_other_builds()
        return pins.parse(commands.run(command, cwd=Path(folder), env=env))


def _write(table: Table, cell: Cell, resolution: dict[str, Pin]) -> None:
    names = [name for name in resolution if name in FROM_INDEX]
    head = ["# This file was autogenerated by uv via the following command:", f"#    nox -s lock -- {cell.name}"]
    head += [pins.header(str(cell.python)), f"# resolved {toolchain.now()}"]
    head += [f"# from {masked(str(cell.index))}: {' '.join(names)}"]
    files.write_text(table.pins(cell), "\n".join(head) + "\n" + pins.render(resolution.values()))
