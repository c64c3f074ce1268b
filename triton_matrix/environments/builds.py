"""Other builds: what a user's own setting brings in place of a pinned file, such as a torch for another backend.

Pins carry the hashes of the default index. A user may have good reasons for another build of a pinned version: a
vendor's index, a folder of wheels, uv's torch backend. Such a build is installed, said, and recorded; all else keeps
its hash.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base import commands
from . import pins
from .contents import Contents
from .pins import Pin

UV_SETTINGS = (
    "UV_TORCH_BACKEND",
    "UV_FIND_LINKS",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_CONFIG_FILE",
)
PIP_SETTINGS = ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE")
# those that stand in the place of the default index, where the pins' own files need not be
INSTEAD = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE", "PIP_INDEX_URL", "PIP_CONFIG_FILE")
# those that bring another build in place of the default index's: what is locked must not hold them
NOT_LOCKED = ("UV_FIND_LINKS", "UV_TORCH_BACKEND", "PIP_FIND_LINKS")


@dataclass(frozen=True)
class Resolved:
    """What is to be installed: the pins, and which of them a setting replaced.

    Attributes:
        pins: name -> pin; those of ``others`` have the version and the hashes of the other build.
        others: one object for each other build: ``name``, ``pinned``, ``installed``, ``hashes`` and ``settings``.
    """

    pins: Mapping[str, Pin]
    others: list[dict[str, Any]] = field(default_factory=list)

    @property
    def hashed(self) -> bool:
        """Whether every pin has a hash; a folder of wheels gives none before they are read."""
        return all(pin.hashes for pin in self.pins.values())


def sync(wanted: Mapping[str, Pin], python: str, uv: Optional[str], inside: Contents) -> None:
    """Give the environment of ``python`` these pins; with uv exactly these, which takes away what is not among them.

    Args:
        inside: the environment's; it is told what was installed.

    Raises:
        commands.ToolError: a file cannot be had, or is not the pinned one.
    """
    resolved = resolve(wanted, python, uv)
    changed = inside.other_than(resolved.pins.values())
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "pins.txt"
        listed.write_text(pins.render(resolved.pins.values()), encoding="utf-8")
        hashes = ["--require-hashes"] if resolved.hashed else []  # without it those that are there are still checked
        if uv:
            again = [f"--reinstall-package={name}" for name in changed]
            commands.run([uv, "pip", "sync", "--python", python, *hashes, *again, str(listed)], echo=True)
        else:
            install = [
                python,
                "-m",
                "pip",
                "install",
                "--no-deps",
                *hashes,
                *(["--force-reinstall"] if changed else []),
            ]
            commands.run([*install, "--requirement", str(listed)], echo=True)
    inside.installed(resolved.pins.values(), resolved.others)


def settings(uv: Optional[str]) -> list[str]:
    """The names of the user's settings that can bring another build here."""
    return [name for name in (UV_SETTINGS if uv else PIP_SETTINGS) if os.environ.get(name, "").strip()]


def resolve(wanted: Mapping[str, Pin], python: str, uv: Optional[str]) -> Resolved:
    """Ask uv, or without uv pip, which files the user's settings would bring, and say where they are others.

    Raises:
        commands.ToolError: a pinned version cannot be had with these settings.
    """
    given = settings(uv)
    if not given:
        return Resolved(wanted)
    offered = _ask(wanted, python, uv, dict(os.environ))
    different = {
        name: offered[name] for name, pin in wanted.items() if name in offered and not _is_of(pin, offered[name])
    }
    if different and not set(given) & set(INSTEAD):  # a file that the default index itself changed is no user's doing
        plain = _ask(wanted, python, uv, {key: value for key, value in os.environ.items() if key not in given})
        different = {name: offer for name, offer in different.items() if plain.get(name) != offer}
    others = [other(wanted[name], offer, given) for name, offer in different.items()]
    for each in others:
        print(sentence(each), flush=True)
    return Resolved({**wanted, **different}, others)


def _is_of(pin: Pin, offer: Pin) -> bool:
    """Whether what is offered is the pinned version with a file that the pin knows."""
    return offer.version == pin.version and (not offer.hashes or bool(set(offer.hashes) & set(pin.hashes)))


def _ask(wanted: Mapping[str, Pin], python: str, uv: Optional[str], env: Mapping[str, str]) -> dict[str, Pin]:
    """Which files of the wanted versions there are under the settings of ``env``."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "pins.txt"
        asked.write_text(pins.render(Pin(pin.name, pin.version) for pin in wanted.values()), encoding="utf-8")
        return _ask_uv(uv, python, asked, env) if uv else _ask_pip(python, asked, env)


def other(pin: Pin, offer: Pin, given: list[str]) -> dict[str, Any]:
    """What is recorded of another build: what was pinned, what is installed, and the settings that can bring it."""
    about = {"name": pin.name, "pinned": pin.version, "installed": offer.version}
    return {**about, "hashes": list(offer.hashes), "settings": given}


def sentence(other: Mapping[str, Any]) -> str:
    """Another build in one line."""
    file = " of another file" if other["installed"] == other["pinned"] else ""
    brings = f"{', '.join(other['settings'])} brings it"
    return f"{other['name']} {other['installed']}{file} in place of the pinned {other['pinned']}: {brings}"


def without_other_builds() -> dict[str, str]:
    """This process's environment without the settings that bring other files than those of an index."""
    return {name: value for name, value in os.environ.items() if name not in NOT_LOCKED}


def _ask_uv(uv: str, python: str, asked: Path, env: Mapping[str, str]) -> dict[str, Pin]:
    options = ["--quiet", "--no-deps", "--no-header", "--no-annotate", "--generate-hashes", "--python", python]
    return pins.parse(commands.run([uv, "pip", "compile", *options, str(asked)], env=env))


def _ask_pip(python: str, asked: Path, env: Mapping[str, str]) -> dict[str, Pin]:
    report = asked.with_name("report.json")
    options = ["--quiet", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report)]
    commands.run([python, "-m", "pip", "install", *options, "--requirement", str(asked)], env=env)
    by_name = {}
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        name = pins.normal(item["metadata"]["name"])
        hashes = item.get("download_info", {}).get("archive_info", {}).get("hashes", {})
        by_name[name] = Pin(
            name, item["metadata"]["version"], tuple(f"{kind}:{value}" for kind, value in hashes.items())
        )
    return by_name
