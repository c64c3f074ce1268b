"""Tritons that are asked for by name: a row of the table, any release of an index, a wheel, another distribution that
owns ``triton/``; each also in another Python, or under a switch of the table.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from packaging import utils

from . import files, pairs, schema, versions
from .cells import Release, Table, Variant, release_of

_DISTRIBUTION = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.+]*)")
_PYTHON = re.compile(schema.PYTHON)
ALL = "all"


def row(table: Table, text: str, index: Optional[str] = None) -> Release:
    """The row of a Triton that is named ``3.7.0``, ``PATH.whl`` or ``NAME==VERSION``.

    Args:
        index: the only index that it may come from; None means the user's own.

    Raises:
        ValueError: it is none of these, or older than any that is known.
    """
    if text.endswith(".whl"):
        if index:
            raise ValueError(f"--index is {index!r}, and triton is a file, {text!r}; give one of the two")
        return _of_wheel(text)
    if index and not re.fullmatch(schema.INDEX, index):
        raise ValueError(f"--index is {index!r}; allowed is {schema.INDEX_SAID}")
    tags = (_host(index),) if index else ()
    named = _DISTRIBUTION.fullmatch(text)
    if named:
        name = utils.canonicalize_name(named[1])
        version = named[2]
        other = () if name == "triton" else (name,)
        release = _row(version, text, python=None)
        return replace(release, tags=(*other, *tags), install=f"{name}=={version}", index=index)
    if text in table.releases:
        return replace(table.releases[text], tags=tags, index=index)
    if not versions.is_release(text) or pairs.nearest(text) is None:
        oldest, known = pairs.known()[0].triton, ", ".join(table.releases)
        allowed = f"{known} ({table.path.parent.name}/{table.path.name}), another release from {oldest} on"
        raise ValueError(f"triton is {text!r}; allowed are {allowed}, PATH.whl, or NAME==VERSION")
    return replace(_row(text, text, python=None), tags=tags, index=index)


def with_rows(table: Table, rows: Iterable[Release]) -> Table:
    """The table with these beside its own releases, each under its name."""
    releases = {**table.releases, **{each.name: each for each in rows}}
    return replace(table, releases={name: releases[name] for name in sorted(releases, key=versions.order)})


def in_python(row: Release, python: str) -> Optional[Release]:
    """The row in another Python, as a column of its own; None where this Triton has no wheels for it.

    Raises:
        ValueError: it is no ``major.minor``.
    """
    if not _PYTHON.fullmatch(python):
        raise ValueError(f"--python is {python!r}; allowed is major.minor, such as 3.13, or 3.14t without the GIL")
    if python == row.python:
        return row
    pair = pairs.nearest(row.triton) or pairs.known()[-1]
    oldest, newest = (int(each.partition(".")[2]) for each in pair.pythons)
    minor = int(python.partition(".")[2].rstrip("t"))
    if minor < oldest or (minor > newest and pair != pairs.known()[-1]):  # what the newest has, its index says
        return None
    return replace(row, python=python, of_python=python)


def add_variant(parser: Any) -> None:
    """Give a parser, or a group of one, the option ``--variant``."""
    what = "also under this switch of the table; or all"
    parser.add_argument("--variant", action="append", default=[], metavar="NAME", help=what)


def variants(table: Table, named: Iterable[str]) -> list[Variant]:
    """The switches that ``--variant`` names.

    Raises:
        ValueError: the table has none of that name.
    """
    names = [name for item in named for name in item.split(",") if name]
    there = ", ".join([*table.variants, ALL]) if table.variants else "none: the table has no [variant.*] row"
    for name in names:
        if name != ALL and name not in table.variants:
            raise ValueError(f"--variant is {name!r}; allowed are {there}")
    return list(table.variants.values()) if ALL in names else [table.variants[name] for name in dict.fromkeys(names)]


def under(row: Release, variant: Variant) -> Release:
    """The row under a switch."""
    return replace(row, variant=variant.name, switches=tuple(variant.env.items()))


def _of_wheel(text: str) -> Release:
    path = files.as_given(Path(text))
    try:
        name, version, _, said = utils.parse_wheel_filename(path.name)
    except utils.InvalidWheelFilename:
        said = frozenset()
    if not said or not path.is_file():
        raise ValueError(f"triton is {text!r}; allowed is a wheel that is there, NAME-VERSION-...whl")
    own = () if version.local else ("file",)
    tags = own if name == "triton" else (name,)
    only = {tag.interpreter for tag in said if tag.abi != "abi3"}
    exact = re.fullmatch(r"cp3(\d+)", "".join(only))  # several run together are none
    return replace(_row(str(version), text, f"3.{exact[1]}" if exact else None), tags=tags, install=str(path))


def _row(version: str, text: str, python: Optional[str]) -> Release:
    """The row of a version that the table has not: its own torch is not known, so it is that of the nearest release."""
    pair = pairs.nearest(versions.plain(version))
    if pair is None:
        raise ValueError(f"triton is {text!r}; allowed are versions from {pairs.known()[0].triton} on")
    about: Mapping[str, Any] = {"torch": pair.torch[0], **({"python": python} if python else {})}
    return release_of(version, about, version)


def _host(index: str) -> str:
    """What tells a release of this index from that of another."""
    parts = urllib.parse.urlsplit(index)
    return (parts.hostname or parts.path.strip("/").rpartition("/")[2]).lower()
