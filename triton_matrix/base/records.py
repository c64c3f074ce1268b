"""Whether the Python files of installed distributions are those that were installed, by the RECORD of each.

uv links what it installs to its cache. An edit in an environment, as one makes it to look for a fault in Triton, is
therefore in every environment that has the same file, and comes back when it is installed again. Only Python files are
looked at: hashing torch's libraries takes as long as its suites.

``python -I records.py`` prints the distributions of that Python that were altered, one a line.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import os
import sys
from collections.abc import Container, Iterable
from importlib import metadata
from pathlib import Path
from typing import Optional


def altered(names: Optional[Container[str]] = None, folders: Optional[Iterable[Path]] = None) -> dict[str, str]:
    """Distribution -> the first of its Python files that is gone or is not as it was installed.

    Args:
        names: the distributions to look at, as their metadata spells them; None: all.
        folders: the site-packages of another Python, which need not be started for this; None: all of this Python.
    """
    files = {}
    for distribution in metadata.distributions(path=sys.path if folders is None else list(map(str, folders))):
        name = distribution.metadata["Name"]
        if name and (names is None or name in names):
            file = _altered_file(distribution)
            if file:
                files[name] = file
    return files


def installed() -> dict[str, str]:
    """Distribution -> its version and the digest of its RECORD, which another build of a version has differently."""
    builds: dict[str, str] = {}
    for distribution in metadata.distributions():
        record = hashlib.sha256((distribution.read_text("RECORD") or "").encode()).hexdigest()
        if distribution.metadata["Name"]:
            # of two with one name the first is imported
            builds.setdefault(distribution.metadata["Name"], f"{distribution.version} {record[:16]}")
    return builds


def place(module: str) -> tuple[str, bool]:
    """The file that a module would be imported from ("" where there is none), and whether this environment holds it."""
    spec = importlib.util.find_spec(module)
    file = os.path.realpath(spec.origin) if spec and spec.origin else ""
    return file, file.startswith(os.path.realpath(sys.prefix) + os.sep)


def by_hand(folders: Iterable[Path]) -> list[str]:
    """The distributions in site-packages that came from a path or an address, editable or not, and from no index."""
    all_ = metadata.distributions(path=list(map(str, folders)))
    return [each.metadata["Name"] for each in all_ if each.read_text("direct_url.json")]


def _altered_file(distribution: metadata.Distribution) -> str:
    # not `distribution.files`: since Python 3.12 it leaves out files that are gone
    for file, hashed, _ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        kind, _, wanted = hashed.partition("=")
        if file.endswith(".py") and wanted:
            try:
                with open(str(distribution.locate_file(file)), "rb") as content:
                    digest = hashlib.new(kind, content.read()).digest()
            except OSError:
                return file
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted:
                return file
    return ""


if __name__ == "__main__":
    print(*altered(), sep="\n")
