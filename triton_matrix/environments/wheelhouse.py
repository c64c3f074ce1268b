"""``wheelhouse``: a folder from which a machine with no network makes a cell, and the check of that folder.

    nox -s wheelhouse -- triton3x DIR [--platform cuda] [--slim] [--split 60MiB]     where there is a network
    nox -s tests-triton3x -- --wheelhouse DIR                                        where there is none

``DIR/wheels`` holds the cell's pins, this package's wheel, nox, uv and what building needs; ``DIR/manifest.json`` says
what each file's SHA-256 is and is written last, so a folder without one is not finished.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from ..base import commands, files, sources
from ..base.cells import PLATFORMS, Cell, Table, load_at
from ..evidence import toolchain
from . import index, interpreters, slim, wheel

SCHEMA = "triton-matrix/wheelhouse/1"
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
CHUNK = 1 << 20


@commands.exit_status("wheelhouse")
def main(argv: list[str]) -> int:
    """Gather into DIR everything that CELL needs, so that it can be made and run where there is no network.

    Exit status 0; 1 where a download or a build failed; 2 bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix wheelhouse", description=main.__doc__)
    parser.add_argument("cell", help="a row of constraints/cells.toml")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--platform", choices=PLATFORMS, help="of the package's wheel (default: the cell's first)")
    parser.add_argument("--slim", action="store_true", help="drop from the wheels what running does not need")
    parser.add_argument("--split", metavar="SIZE", help="cut larger files into pieces of this size, such as 60MiB")
    parser.add_argument("--root", type=Path, help="the repo root (default: found from the current folder up)")
    options = parser.parse_args(argv)
    table = load_at(options.root)
    piece = parse_size(options.split) if options.split else None
    gather(table, table.cell(options.cell), options.folder, options.platform, options.slim, piece)
    return 0


def gather(
    table: Table, cell: Cell, folder: Path, platform: Optional[str], slimmed: bool, piece: Optional[int]
) -> dict[str, Any]:
    """Fill ``folder`` and return its manifest.

    Args:
        folder: new or empty.
        platform: of the package's own wheel; by default the first that the cell can exist on.
        slimmed: drop from the wheels what running does not need (see :mod:`slim`).
        piece: bytes; larger files are cut into pieces of at most so many.

    Raises:
        ValueError: an ambient cell, a folder that holds something, no pins, or no interpreter of the cell's Python.
        commands.ToolError: a download or the build failed.
    """
    if cell.ambient:
        raise ValueError(f"cell {cell.name} installs nothing: there is nothing to gather")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"DIR is {folder}, which is not empty; name a new folder")
    pins = table.locked_pins(cell)
    python = interpreters.find_python(str(cell.python))
    if python is None:
        raise ValueError(interpreters.missing_python(cell))
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    download_pins(table, cell, python, wheels)
    # nox, uv and the build run in the Python that runs this; the offline machine is taken to have the same
    tested = table.path.parent / "check.txt"
    known = ["--constraint", str(tested)] if tested.is_file() and sys.version_info[:2] == (3, 11) else []
    _download(sys.executable, wheels, [*known, "nox", "uv", "pip", *build_requirements(table)])
    platform = platform or cell.platforms[0]
    own = wheel.build_wheel(table, platform, folder, triton=_triton_of(table, cell))
    own = own.replace(wheels / own.name)
    before = _total(wheels.iterdir())
    if slimmed:
        slim.slim(wheels)
    after = _total(wheels.iterdir())
    commit, dirty = toolchain.git_state(table.root)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "cell": cell.name,
        "platform": platform,
        "python": cell.python,
        "nox_python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "date": toolchain.now(),
        "commit": commit,
        "dirty": dirty,
        "pins": sources.sha256(pins),
        "sources": sources.package_digest(table),
        "package": own.name,
        "slim": slimmed,
        "bytes": after,
        "files": {},
    }
    for path in sorted(wheels.iterdir()):
        manifest["files"][path.name] = {"sha256": sources.sha256(path), "bytes": path.stat().st_size}
        if piece and path.stat().st_size > piece:
            manifest["files"][path.name]["pieces"] = split(path, piece)
    files.write_json(folder / "manifest.json", manifest)
    saved = f", {show_size(before - after)} less than without --slim" if slimmed else ""
    print(f"{folder}: {len(manifest['files'])} wheels, {show_size(after)}{saved}", flush=True)
    return manifest


def open_house(table: Table, cell: Cell, folder: Path) -> dict[str, Any]:
    """Check every file of ``folder``, join what was cut, and return the manifest.

    Raises:
        ValueError: not a wheelhouse, one for another cell or other pins, or a file missing or altered; names them.
    """
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"--wheelhouse {folder}: no manifest.json, so it is no wheelhouse or not finished") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if manifest.get("schema") != SCHEMA:
        raise ValueError(f"{path}: schema is {manifest.get('schema')!r}; this reads {SCHEMA}")
    again = f"gather it again with `nox -s wheelhouse -- {cell.name} DIR`"
    if manifest["cell"] != cell.name:
        raise ValueError(f"--wheelhouse {folder} is for cell {manifest['cell']}, not {cell.name}; {again}")
    if manifest["pins"] != sources.sha256(table.pins(cell)):
        raise ValueError(f"--wheelhouse {folder} was gathered for other pins than constraints/{cell.name}.txt; {again}")
    wrong = []
    for name, about in manifest["files"].items():
        whole = folder / "wheels" / name
        if not whole.is_file() and "pieces" in about:
            wrong += _join(whole, about["pieces"])
        wrong += _trouble(whole, about) if not wrong else []
    if wrong:
        shown = ", ".join(wrong[:5]) + (f", and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise ValueError(f"--wheelhouse {folder}: {shown}; copy it again")
    return manifest


def install(table: Table, cell: Cell, python: str, folder: Path) -> str:
    """Give the environment of ``python`` the cell's pins and this checkout's wheel, with no request to any network.

    Returns the wheel's SHA-256.

    The wheel is the gathered one where the checkout still has the sources that it was built from; else it is built.

    Raises:
        ValueError: see :func:`open_house`.
        commands.ToolError: a step failed.
    """
    folder = folder.resolve()
    manifest = open_house(table, cell, folder)
    pip, offline = [commands.uv(), "pip"], ["--offline", "--no-index", "--find-links", str(folder / "wheels")]
    print(f"cell {cell.name}: {table.pins(cell).name} from {folder}, offline", flush=True)
    commands.run([*pip, "sync", "--python", python, *offline, str(table.pins(cell))], echo=True)
    with tempfile.TemporaryDirectory() as scratch:
        built = folder / "wheels" / manifest["package"]
        if manifest["sources"] != sources.package_digest(table):
            print("the checkout is not what the gathered wheel was built from: building another, offline", flush=True)
            triton = _triton_of(table, cell)
            built = wheel.build_wheel(table, manifest["platform"], Path(scratch), python, triton, offline)
        commands.run([*pip, "install", "--python", python, *offline, "--no-deps", "--reinstall", str(built)])
        digest = sources.sha256(built)
    interpreters.check_environment(cell, python)
    return digest


def build_requirements(table: Table) -> list[str]:
    """What ``pyproject.toml`` asks for to build the package."""
    pyproject = files.read_toml(table.root / "pyproject.toml", "the package's description")
    return list(pyproject.get("build-system", {}).get("requires", ["setuptools>=69", "wheel"]))


def split(path: Path, piece: int) -> list[dict[str, Any]]:
    """Cut ``path`` into ``<name>.000``, ``<name>.001``, ... of at most ``piece`` bytes, and remove it."""
    pieces: list[dict[str, Any]] = []
    with path.open("rb") as whole:
        while True:
            part = path.with_name(f"{path.name}.{len(pieces):03d}")
            left = piece
            with part.open("wb") as out:
                while left and (data := whole.read(min(CHUNK, left))):
                    left -= out.write(data)
            if left == piece:
                part.unlink()
                break
            pieces.append({"name": part.name, "sha256": sources.sha256(part), "bytes": part.stat().st_size})
    path.unlink()
    return pieces


def parse_size(text: str) -> int:
    """``60MiB`` -> bytes; KiB, MiB and GiB are known."""
    found = re.fullmatch(r"([0-9]+)\s*([KMG]iB)?", text.strip())
    if not found or not int(found[1]):
        raise ValueError(f"--split is {text!r}; allowed is a whole number with KiB, MiB or GiB, such as 60MiB")
    return int(found[1]) * UNITS[found[2] or ""]


def show_size(size: int) -> str:
    """Bytes for a reader."""
    return f"{size / UNITS['MiB']:,.1f} MiB"


def download_pins(table: Table, cell: Cell, python: str, wheels: Path) -> None:
    """The wheels of the cell's pins for ``python`` into ``wheels``; torch and its Triton from the cell's own index."""
    if not cell.index:
        _download(python, wheels, ["--no-deps", "--requirement", str(table.pins(cell))])
        return
    _, ours = index.recorded(table, cell)
    pins = index.pins_of(table, cell)
    for options, of_index in ((["--no-deps", "--index-url", str(cell.index)], True), (["--no-deps"], False)):
        wanted = [f"{name}=={version}" for name, version in pins.items() if (name in ours) is of_index]
        _download(python, wheels, [*options, *wanted])


def _download(python: str, wheels: Path, arguments: list[str]) -> None:
    """pip's own download, for the Python that it runs in; uv has none, but brings pip where there is none."""
    run = [commands.uv(), "run", "--quiet", "--no-project", "--python", python, "--with", "pip", "python", "-m", "pip"]
    options = ["download", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(wheels)]
    commands.run([*run, *options, *arguments], echo=True)


def _triton_of(table: Table, cell: Cell) -> str:
    if not cell.index:
        return "triton"
    return next((name for name in index.TRITONS if name in index.pins_of(table, cell)), "triton")


def _join(whole: Path, pieces: list[dict[str, Any]]) -> list[str]:
    wrong = [each for piece in pieces for each in _trouble(whole.with_name(piece["name"]), piece)]
    if not wrong:
        with files.replacing(whole) as scratch, scratch.open("wb") as out:
            for piece in pieces:
                with whole.with_name(piece["name"]).open("rb") as part:
                    shutil.copyfileobj(part, out, CHUNK)
        for piece in pieces:
            whole.with_name(piece["name"]).unlink()
    return wrong


def _trouble(path: Path, about: dict[str, Any]) -> list[str]:
    if not path.is_file():
        return [f"{path.name} is missing"]
    return [] if sources.sha256(path) == about["sha256"] else [f"{path.name} was altered"]


def _total(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
