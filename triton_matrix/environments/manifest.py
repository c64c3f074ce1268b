"""``manifest.json`` of a wheelhouse: what it may say, and whether the folder holds exactly what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging import utils
from packaging.version import Version

from ..base import display_text, files, schema, sources
from ..base.cells import Cell, Table
from . import pins
from .pins import Pin

SCHEMA = "triton-matrix/wheelhouse/3"
CHUNK = 1 << 20
TOOLS = "tools.txt"  # pins of nox and uv, beside the cells' own

_TEXT = {"type": "string", "description": "text"}
_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "a SHA-256 in hexadecimal"}
_BYTES = {"type": "integer", "description": "a number of bytes"}
# a name is one of a file in DIR/wheels, never a path
_WHEEL = r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl"
_PIECE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": rf"^{_WHEEL}\.[0-9]{{3,}}$", "description": "NAME.whl.000"},
        "sha256": _SHA256,
        "bytes": _BYTES,
    },
    "required": ["name", "sha256", "bytes"],
    "description": "name, sha256 and bytes of a piece",
}
_FILE = {
    "type": "object",
    "properties": {
        "sha256": _SHA256,
        "bytes": _BYTES,
        "made_from": _SHA256,
        "pieces": {"type": "array", "items": _PIECE, "minItems": 1, "description": "a list of pieces"},
    },
    "required": ["sha256", "bytes"],
    "description": "sha256 and bytes of a wheel",
}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 0, "description": "a list of texts"}
_OTHER = {
    "type": "object",
    "properties": {"name": _TEXT, "pinned": _TEXT, "installed": _TEXT, "hashes": _TEXTS, "settings": _TEXTS},
    "required": ["name", "pinned", "installed", "hashes", "settings"],
    "description": "name, pinned, installed, hashes and settings of a build",
}
_PROPERTIES: dict[str, Any] = {
    "schema": {"type": "string", "enum": [SCHEMA], "description": SCHEMA},
    "cell": _TEXT,
    "platform": _TEXT,
    "python": _TEXT,
    "nox_python": _TEXT,
    "date": _TEXT,
    "commit": {"type": ["string", "null"], "description": "a commit, or null"},
    "dirty": {"type": ["boolean", "null"], "description": "true, false or null"},
    "pins": _SHA256,
    "sources": _SHA256,
    "package": {"type": "string", "pattern": f"^{_WHEEL}$", "description": "the file name of a wheel"},
    "slim": {"type": "boolean", "description": "true or false"},
    "bytes": _BYTES,
    "other_builds": {
        "type": "array",
        "items": _OTHER,
        "minItems": 0,
        "description": "a list of builds",
    },
    "files": {
        "type": "object",
        "propertyNames": {"pattern": f"^{_WHEEL}$", "description": "the file name of a wheel, without a folder"},
        "additionalProperties": _FILE,
        "minProperties": 1,
        "description": "NAME.whl: {sha256, bytes}",
    },
}
ALLOWED: dict[str, Any] = {
    "type": "object",
    "properties": _PROPERTIES,
    "required": list(_PROPERTIES),
    "description": ", ".join(_PROPERTIES),
}


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a wheelhouse, as far as it can be checked alone.

    Raises:
        ValueError: none, or one that does not say what a manifest says; one sentence.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"--wheelhouse {folder}: no manifest.json, so it is no wheelhouse or not finished") from None
    except OSError as error:
        raise ValueError(f"--wheelhouse {folder}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if isinstance(manifest, dict) and manifest.get("schema") != SCHEMA:
        raise ValueError(f"{path}: schema is {schema.show(manifest.get('schema'))}; this reads {SCHEMA}")
    wrong = schema.trouble(manifest, ALLOWED)
    if wrong:
        raise ValueError(f"{path}: {wrong}")
    if manifest["package"] not in manifest["files"]:
        raise ValueError(f"{path}: package is {manifest['package']!r}, which is none of its files")
    return dict(manifest)


def open_house(table: Table, cell: Cell, folder: Path) -> dict[str, Any]:
    """Check every file of ``folder``, join what was cut, and return the manifest.

    Raises:
        ValueError: not a wheelhouse, one for another cell or other pins, or a file missing or altered; names them.
    """
    manifest = read(folder)
    again = f"gather it again with `nox -s wheelhouse -- {cell.name} DIR`"
    if manifest["cell"] != cell.name:
        raise ValueError(f"--wheelhouse {folder} is for cell {manifest['cell']}, not {cell.name}; {again}")
    if manifest["pins"] != sources.sha256(table.locked_pins(cell)):
        raise ValueError(f"--wheelhouse {folder} was gathered for other pins than constraints/{cell.name}.txt; {again}")
    wrong: list[str] = []
    for name, about in manifest["files"].items():
        whole = folder / "wheels" / name
        if not whole.is_file() and "pieces" in about:
            wrong += _join(whole, about["pieces"])
        wrong += _trouble(whole, about) if not wrong else []
    if wrong:
        shown = ", ".join(wrong[:5]) + (f", and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise ValueError(f"--wheelhouse {folder}: {shown}; copy it again")
    foreign = [sentence for name in manifest["files"] if (sentence := _foreign(table, cell, name, manifest))]
    if foreign:
        raise ValueError(f"--wheelhouse {folder}: {display_text.named(foreign, 3)}; {again}")
    return manifest


def _foreign(table: Table, cell: Cell, name: str, manifest: Mapping[str, Any]) -> str:
    """Why a file is not the one that the checkout pins, as words; "" where it is, or where nothing there pins it.

    A slimmed file is held by what it was made from. Another build that a setting brought when it was gathered is said
    so, and is no pinned file (:mod:`builds`).
    """
    about, of = manifest["files"][name], pinned(name)
    digest = f"sha256:{about.get('made_from', about['sha256'])}"
    if any(each.get("name") == of.name and digest in each.get("hashes", ()) for each in manifest["other_builds"]):
        return ""
    fitting = [
        (path, pin)
        for path, wanted in _all_pins(table, cell)
        if (pin := wanted.get(of.name)) and pin.hashes and same_version(of, pin)
    ]
    if not fitting or any(digest in pin.hashes for _, pin in fitting):
        return ""
    made = " was made from a file that" if "made_from" in about else ""
    return f"{name}{made} is none of those that constraints/{fitting[0][0].name} pins"


def unpinned(table: Table, cell: Cell, manifest: Mapping[str, Any]) -> list[str]:
    """The files that the manifest alone vouches for: no pin of the checkout has their hash."""
    known = {digest for _, wanted in _all_pins(table, cell) for pin in wanted.values() for digest in pin.hashes}
    return [name for name, about in manifest["files"].items() if f"sha256:{about['sha256']}" not in known]


def _all_pins(table: Table, cell: Cell) -> list[tuple[Path, Mapping[str, Pin]]]:
    """The constraint files that say what a wheelhouse holds: the cell's, and that of the tools."""
    return [(path, pins.read(path)) for path in (table.pins(cell), table.path.parent / TOOLS) if path.is_file()]


def listed(folder: Path, manifest: Mapping[str, Any], scratch: Path) -> Path:
    """A folder of links to the files that the manifest lists, and to no other that lies beside them."""
    scratch.mkdir()
    for name in manifest["files"]:
        (scratch / name).symlink_to((folder / "wheels" / name).resolve())
    return scratch


def requirements(cell: Cell, wanted: Mapping[str, Pin], manifest: Mapping[str, Any]) -> list[Pin]:
    """The cell's pins, each with the hashes of the manifest's own files: slimmed ones are not those of the index.

    Raises:
        ValueError: the manifest has no file of a pin.
    """
    result = []
    for pin in wanted.values():
        fitting = {name: pinned(name) for name in manifest["files"]}
        fitting = {name: of for name, of in fitting.items() if of.name == pin.name and same_version(of, pin)}
        if not fitting:
            raise ValueError(
                f"the wheelhouse of cell {cell.name} has no file of {pin.name} {pin.version}; gather it again"
            )
        hashes = tuple(f"sha256:{manifest['files'][name]['sha256']}" for name in fitting)
        result.append(Pin(pin.name, next(iter(fitting.values())).version, hashes))
    return result


def pinned(wheel: str) -> Pin:
    """Name and version of a wheel by its file name; of another file nothing that a pin has."""
    try:
        name, version, _, _ = utils.parse_wheel_filename(wheel)
    except utils.InvalidWheelFilename:
        return Pin(wheel, "")
    return Pin(name, str(version))


def same_version(one: Pin, pin: Pin) -> bool:
    """Whether a wheel is of the pinned version; one that says which build of it it is (``2.13.0+cpu``) is too."""
    wanted = str(Version(pin.version))
    return one.version == wanted or one.version.partition("+")[0] == wanted


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


def _trouble(path: Path, about: Mapping[str, Any]) -> list[str]:
    if not path.is_file():
        return [f"{path.name} is missing"]
    return [] if sources.sha256(path) == about["sha256"] else [f"{path.name} was altered"]
