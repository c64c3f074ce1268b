"""Constraint files: what they pin, with which hashes, for which Python, and whether the cell's row says the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base.cells import Cell, Table
from ..base.schema import UNRELEASED

PLATFORM = "x86_64-manylinux_2_28"  # what cells are resolved for; the hashes are those of every platform's files


@dataclass(frozen=True)
class Pin:
    """One pin. ``hashes`` are as pip writes them, ``sha256:...``: those of every file of that version on the index."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " \\\n    ".join([f"{self.name}=={self.version}", *(f"--hash={each}" for each in self.hashes)])


def normal(name: str) -> str:
    """A distribution's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The distribution that a requirement names, as indexes write it; "" where it begins with no name."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.strip())
    return normal(match[0]) if match else ""


def parse(text: str) -> dict[str, Pin]:
    """Name -> pin, of the text of a constraint file."""
    pins = {}
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s#.*", "", line)
        pin = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;#]+)", line)
        if pin:
            name = normal(pin[1])
            pins[name] = Pin(name, pin[2], tuple(re.findall(r"--hash=(\S+)", line)))
    return pins


def read(path: Path) -> dict[str, Pin]:
    """Name -> pin, of a constraint file.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"constraints/{path.name} cannot be read: {problem}") from None


def render(pins: Iterable[Pin]) -> str:
    """The text of a requirements file with exactly these pins."""
    return "".join(f"{pin}\n" for pin in pins)


def header(python: str) -> str:
    """The line that says what a constraint file was resolved for."""
    return f"# for Python {python}"


def check(table: Table, cell: Cell) -> Mapping[str, Pin]:
    """The cell's pins, where they are what its row asks for.

    Raises:
        ValueError: no constraint file, one that disagrees with the row, or one whose pins have no hashes.
    """
    path = table.locked_pins(cell)
    pins = read(path)
    where, again = f"constraints/{path.name}", f"`nox -s lock -- {cell.name}` writes it anew"
    for name, wanted in (("torch", cell.torch), ("triton", cell.triton)):
        if wanted in UNRELEASED or (cell.index and name == "triton"):  # on its own index Triton has other names
            continue
        there = pins[name].version if name in pins else None
        if wanted and _without_local(there) != _without_local(wanted):
            says = f"pins {name} {there}" if there else f"does not pin {name}"
            raise ValueError(f"{where} {says}, and the row of cell {cell.name} says {name} {wanted}; {again}")
    python = re.search(r"^# for Python (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if python and cell.python and python[1] != cell.python:
        says = f"is for Python {python[1]}, and the row of cell {cell.name} says python {cell.python}"
        raise ValueError(f"{where} {says}; {again}")
    bare = [pin.name for pin in pins.values() if not pin.hashes]
    if bare and not cell.index:  # an index of a cell's own may give none
        shown = ", ".join(bare[:3]) + (f" and {len(bare) - 3} more" if len(bare) > 3 else "")
        raise ValueError(
            f"{where} has no hashes for {shown}; `nox -s lock -- {cell.name}` adds them and keeps the versions"
        )
    return pins


def _without_local(version: Optional[str]) -> Optional[str]:
    return version.partition("+")[0] if version else version
