"""What is scanned, brought into a folder of ours: nothing is written where it came from."""

from __future__ import annotations

import email.parser
import hashlib
import re
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from packaging.requirements import InvalidRequirement, Requirement

from ..base import commands, files
from ..base.display_text import masked
from ..environments import project

ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz")
NOT_COPIED = (".git", ".nox", ".tox", ".venv", "venv", "__pycache__", "node_modules", "reports")
PYTHONS = ("3.13", "3.12", "3.10", "3.9")  # asked for where the running one is not allowed
LIMIT_S = 120.0  # of a download without a byte


@dataclass(frozen=True)
class Scanned:
    """A package whose sources lie in a folder of ours.

    Attributes:
        root: that folder.
        project: what the package says of itself.
        version: of it; "" where its files do not say.
        requirement: how an index or this machine gives it.
    """

    root: Path
    project: project.Project
    version: str
    requirement: str

    @property
    def title(self) -> str:
        """``name-version``."""
        return "-".join(filter(None, [self.project.name, self.version]))


def bring(what: str, folder: Path) -> Scanned:
    """The package that ``what`` names, in the new folder ``folder``.

    Raises:
        ValueError: it is no folder, wheel, source archive or requirement, or no index has it.
    """
    path = Path(what)
    if path.is_dir():
        shutil.copytree(
            path, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), ignore_dangling_symlinks=True, symlinks=False
        )
        return _described(folder, path.resolve().name, str(path.resolve()))
    if path.is_file():
        if not path.name.endswith(ARCHIVES):
            raise ValueError(
                f"WHAT is {what!r}; allowed is a folder, a file *{', *'.join(ARCHIVES)}, or NAME[==VERSION]"
            )
        return _described(_unpacked(path, folder), path.name.partition("-")[0], str(path.resolve()))
    try:
        asked = Requirement(what)
    except InvalidRequirement:
        raise ValueError(f"WHAT is {what!r}; there is no such folder or file, and it is no NAME[==VERSION]") from None
    with tempfile.TemporaryDirectory() as scratch:
        return _described(_unpacked(_downloaded(asked, Path(scratch)), folder), asked.name, what)


def _downloaded(asked: Requirement, folder: Path) -> Path:
    """The source archive, which holds tests too, or else a wheel, from where the user's indexes have it."""
    settings = folder / "uv.toml"  # what it needs is not asked for, and so nothing of it is built
    settings.write_text(f'dependency-metadata = [{{ name = "{asked.name}", requires-dist = [] }}]\n', encoding="utf-8")
    options = ["--quiet", "--no-deps", "--format", "pylock.toml", "--config-file", str(settings)]
    locked = folder / "pylock.toml"
    problem = ""
    for python in ([], *(["--python-version", each] for each in PYTHONS)):  # the package need not allow this one
        try:
            command = [commands.uv(), "pip", "compile", *options, *python, "-o", str(locked), "-"]
            commands.run(command, stdin=str(asked))
            break
        except commands.ToolError as error:
            problem = problem or error.tail
    else:
        raise ValueError(f"WHAT is {str(asked)!r}; uv does not find it: {problem}")
    (entry,) = files.read_toml(locked, "what uv found")["packages"]
    wheels = sorted(entry.get("wheels", []), key=lambda each: "none-any" not in str(each.get("url", each.get("path"))))
    for each in [*filter(None, [entry.get("sdist")]), *wheels]:
        return _fetched(each, folder)
    raise ValueError(f"WHAT is {str(asked)!r}; {entry['name']} {entry.get('version', '')} has no file")


def _fetched(each: dict[str, Any], folder: Path) -> Path:
    if "path" in each:
        return folder / str(each["path"])
    url = str(each["url"])
    path = folder / urllib.parse.unquote(url.partition("#")[0].rpartition("/")[2])
    try:
        with urllib.request.urlopen(url, timeout=LIMIT_S) as answer, path.open("wb") as out:
            shutil.copyfileobj(answer, out)
    except (urllib.error.URLError, OSError) as problem:
        raise ValueError(masked(f"{url} cannot be fetched: {problem}")) from None
    wanted = each.get("hashes", {}).get("sha256")
    if wanted and hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
        raise ValueError(masked(f"{url} is not what the index says: its sha256 is not {wanted}"))
    return path


def _unpacked(archive: Path, folder: Path) -> Path:
    """What an archive holds, in ``folder``; its one top folder where it has one, as source archives do."""
    try:
        if archive.name.endswith((".whl", ".zip")):
            zipfile.ZipFile(archive).extractall(folder)
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError) as problem:
        raise ValueError(f"WHAT is {str(archive)!r}, which cannot be unpacked: {problem}") from None
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and not archive.name.endswith(".whl") else folder


def _described(root: Path, name: str, requirement: str) -> Scanned:
    """What a package's metadata says of it, else its own files."""
    metadata = next(iter([*root.glob("*.dist-info/METADATA"), *root.glob("PKG-INFO")]), None)
    said = _from_metadata(metadata) if metadata else None
    version = said[1] if said else ""
    if said and (said[0].dependencies or not (root / "pyproject.toml").is_file()):
        package = said[0]
    else:
        try:
            package = project.read(root)
        except ValueError:
            package = said[0] if said else project.Project(name, "", (), source="nothing")
        declared = project.described(root).get("project", {})
        version = version or str(declared.get("version", ""))
    if not any((root / each).exists() for each in project.FILES):
        # a wheel's files, so that its modules are named as they are imported
        files.write_text(root / "pyproject.toml", f'[project]\nname = "{package.name}"\nversion = "{version or 0}"\n')
    return Scanned(root.resolve(), package, version, requirement)


def _from_metadata(path: Path) -> Optional[tuple[project.Project, str]]:
    said = email.parser.Parser().parsestr(path.read_text(encoding="utf-8", errors="replace"), headersonly=True)
    name = said.get("Name")
    if not name:
        return None
    rows: list[str] = said.get_all("Requires-Dist") or []
    extras: dict[str, tuple[str, ...]] = {}
    for extra in said.get_all("Provides-Extra") or []:
        marked = re.compile(project.OF_EXTRA % re.escape(extra))
        extras[extra] = tuple(marked.sub("", each).strip() for each in rows if marked.search(each))
    own = tuple(each for each in rows if not re.search(r"\bextra\s*==", each))
    package = project.Project(name, said.get("Requires-Python") or "", own, extras, source=path.name)
    return package, said.get("Version") or ""
