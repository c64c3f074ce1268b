"""``wheelhouse``: a folder from which a machine with no network makes a cell, and the check of that folder.

    nox -s wheelhouse -- triton3x DIR [--platform cuda] [--slim] [--split 60MiB]     where there is a network
    nox -s tests-triton3x -- --wheelhouse DIR                                        where there is none

``DIR/wheels`` holds the cell's pins, this package's wheel, nox, uv and what building needs; ``DIR/manifest.json`` says
what each file's SHA-256 is and is written last, so a folder without one is not finished. What the checkout pins must be
the pinned file, whatever the manifest says.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

from ..base import commands, display_text, files, sources
from ..base.cells import PLATFORMS, Cell, Table, add_root, load_at
from ..evidence import toolchain
from . import builds, contents, index, interpreters, manifest, pins, slim, wheel
from .contents import Contents

UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


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
    add_root(parser)
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
    wanted = pins.check(table, cell)
    python = interpreters.find_python(str(cell.python))
    if python is None:
        raise ValueError(interpreters.missing_python(cell))
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    download_pins(table, cell, python, wheels)
    others = _other_builds(wanted, wheels)
    # nox, uv and the build run in the Python that runs this; the offline machine is taken to have the same
    tested = table.path.parent / manifest.TOOLS
    tools = ["--require-hashes", "--requirement", str(tested)] if tested.is_file() else ["nox", "uv"]
    for asked in (tools, ["pip", *build_requirements(table)]):
        _download(sys.executable, wheels, asked)
    platform = platform or cell.platforms[0]
    own = wheel.build_wheel(table, platform, folder, triton=_triton_of(table, cell))
    own = own.replace(wheels / own.name)
    before = _total(wheels.iterdir())
    made_from = slim.slim(wheels) if slimmed else {}
    after = _total(wheels.iterdir())
    commit, dirty = toolchain.git_state(table.root)
    listing: dict[str, Any] = {
        "schema": manifest.SCHEMA,
        "cell": cell.name,
        "platform": platform,
        "python": cell.python,
        "nox_python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "date": toolchain.now(),
        "commit": commit,
        "dirty": dirty,
        "pins": sources.sha256(table.pins(cell)),
        "sources": sources.package_digest(table),
        "package": own.name,
        "slim": slimmed,
        "bytes": after,
        "other_builds": others,
        "files": {},
    }
    for path in sorted(wheels.iterdir()):
        about: dict[str, Any] = {"sha256": sources.sha256(path), "bytes": path.stat().st_size}
        if path.name in made_from:
            about["made_from"] = made_from[path.name]
        listing["files"][path.name] = about
        if piece and path.stat().st_size > piece:
            about["pieces"] = split(path, piece)
    files.write_json(folder / "manifest.json", listing)
    saved = f", {show_size(before - after)} less than without --slim" if slimmed else ""
    print(f"{folder}: {len(listing['files'])} wheels, {show_size(after)}{saved}", flush=True)
    return listing


def install(table: Table, cell: Cell, python: str, folder: Path) -> Contents:
    """Give the environment of ``python`` the cell's pins and this checkout's wheel, with no request to any network.

    Only files that the manifest lists are looked at, each under the hash that it says. The wheel is the gathered one
    where the checkout still has the sources that it was built from; else it is built.

    Returns:
        The environment's contents, to be ended.

    Raises:
        ValueError: see :func:`manifest.open_house`.
        commands.ToolError: a step failed.
    """
    wanted = pins.check(table, cell)
    folder = folder.resolve()
    listing = manifest.open_house(table, cell, folder)
    print(f"cell {cell.name}: {cell.name}.txt from {folder}, offline", flush=True)
    for other in listing["other_builds"]:
        print(builds.sentence(other), flush=True)
    alone = manifest.unpinned(table, cell, listing)
    if alone:
        what = "no pin of this checkout has the hash of"
        print(f"{what} {len(alone)} of its files, only the manifest: {display_text.named(alone, 8)}", flush=True)
    inside = contents.begin(python)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        offline = ["--offline", "--no-index", "--find-links", str(manifest.listed(folder, listing, scratch / "wheels"))]
        asked, gathered = scratch / "pins.txt", manifest.requirements(cell, wanted, listing)
        asked.write_text(pins.render(gathered), encoding="utf-8")
        again = [f"--reinstall-package={name}" for name in inside.other_than(gathered)]
        sync = [commands.uv(), "pip", "sync", "--python", python, "--require-hashes", *offline, *again, str(asked)]
        # a folder or a backend of this machine's own is not what was gathered
        commands.run(sync, env=builds.without_other_builds(), echo=True)
        inside.installed(gathered, listing["other_builds"])
        built = folder / "wheels" / listing["package"]
        if listing["sources"] != sources.package_digest(table):
            print("the checkout is not what the gathered wheel was built from: building another, offline", flush=True)
            out = scratch / "built"
            built = wheel.build_wheel(table, listing["platform"], out, python, _triton_of(table, cell), offline)
        interpreters.install_wheel(python, built, offline)
    interpreters.check_environment(cell, python)
    return inside


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
                while left and (data := whole.read(min(manifest.CHUNK, left))):
                    left -= out.write(data)
            if left == piece:
                part.unlink()
                break
            pieces.append({"name": part.name, "sha256": sources.sha256(part), "bytes": part.stat().st_size})
    path.unlink()
    return pieces


def parse_size(text: str) -> int:
    """``60MiB`` -> bytes; KiB, MiB and GiB are known."""
    match = re.fullmatch(r"([0-9]+)\s*([KMG]iB)?", text.strip())
    if not match or not int(match[1]):
        raise ValueError(f"--split is {text!r}; allowed is a whole number with KiB, MiB or GiB, such as 60MiB")
    return int(match[1]) * UNITS[match[2] or ""]


def show_size(size: int) -> str:
    """Bytes for a reader."""
    return f"{size / UNITS['MiB']:,.1f} MiB"


def download_pins(table: Table, cell: Cell, python: str, wheels: Path) -> None:
    """The wheels of the cell's pins for ``python`` into ``wheels``; torch and its Triton from the cell's own index."""
    wanted = list(pins.read(table.pins(cell)).values())
    ours = index.recorded(table, cell)[1] if cell.index else []
    for options, of_index in ((["--index-url", str(cell.index)], True), ([], False)):
        asked = [pin for pin in wanted if (pin.name in ours) is of_index]
        if not asked:
            continue
        with tempfile.TemporaryDirectory() as folder:
            listed = Path(folder) / "pins.txt"
            if builds.settings(None):  # another build has another hash: it is compared afterwards, and said
                asked = [pins.Pin(pin.name, pin.version) for pin in asked]
            listed.write_text(pins.render(asked), encoding="utf-8")
            hashes = ["--require-hashes"] if all(pin.hashes for pin in asked) else []
            _download(python, wheels, ["--no-deps", *hashes, *options, "--requirement", str(listed)])


def _other_builds(wanted: Mapping[str, pins.Pin], wheels: Path) -> list[dict[str, Any]]:
    """Which of the downloaded wheels are not the pinned files: what the user's settings brought in their place."""
    others = []
    for path in sorted(wheels.glob("*.whl")):
        there = manifest.pinned(path.name)
        pin, digest = wanted.get(there.name), f"sha256:{sources.sha256(path)}"
        if pin and pin.hashes and manifest.same_version(there, pin) and digest not in pin.hashes:
            others.append(builds.other(pin, pins.Pin(there.name, there.version, (digest,)), builds.settings(None)))
    return others


def _download(python: str, wheels: Path, arguments: list[str]) -> None:
    """pip's own download, for the Python that it runs in; uv has none, but brings pip where there is none."""
    run = [commands.uv(), "run", "--quiet", "--no-project", "--python", python, "--with", "pip", "python", "-m", "pip"]
    options = ["download", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(wheels)]
    commands.run([*run, *options, *arguments], echo=True)


def _triton_of(table: Table, cell: Cell) -> str:
    if not cell.index:
        return "triton"
    return next((name for name in index.TRITONS if name in index.pins_of(table, cell)), "triton")


def _total(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
