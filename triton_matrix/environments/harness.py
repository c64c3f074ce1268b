"""This harness as a wheel, so that an environment it makes has it too: whichever way it came to be here.

It may run from a checkout or from site-packages, with or without a network. So the wheel is written from the running
package's own files. Its version names their digest, and an environment that has that version is left as it is.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import triton_matrix

from ..base import commands, files, records
from ..base.cells import Table
from . import interpreters

NAME = "triton-matrix"
_PACKAGE = Path(triton_matrix.__file__).resolve().parent
_RECORD = "lib/python*/site-packages/triton_matrix-*.dist-info/RECORD"  # an installer writes it last
_NOT_SHIPPED = {"__pycache__", "dist", "build"}


@cache
def contents() -> dict[str, bytes]:
    """Path inside the wheel -> content, of every file of the package."""
    members = {}
    for path in sorted(_PACKAGE.rglob("*")):
        relative = path.relative_to(_PACKAGE)
        hidden = any(part.startswith(".") or part.endswith(".egg-info") for part in relative.parts)
        if path.is_file() and not hidden and not _NOT_SHIPPED & set(relative.parts):
            members[f"{_PACKAGE.name}/{relative.as_posix()}"] = path.read_bytes()
    return members


@cache
def version() -> str:
    """The package's version with the digest of its files as the local part: ``0.1.0+3f2a...``."""
    digest = hashlib.sha256()
    for name, content in contents().items():
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return f"{triton_matrix.__version__}+{digest.hexdigest()[:16]}"


def write_wheel(folder: Path) -> Path:
    """Write this harness's wheel, without requirements, into ``folder``; return its path."""
    stem = f"triton_matrix-{version()}"
    info = f"{stem}.dist-info"
    members = dict(contents())
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version()}\n".encode()
    members[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: triton-matrix\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    lines = []
    for name, content in members.items():
        hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={hashed},{len(content)}")
    members[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:  # stored: it is read once, right away, and to compress it takes longer
        for name, content in members.items():
            wheel.writestr(name, content)
    return path


def unpacked(table: Table) -> str:
    """A PYTHONPATH that gives a Python in which nothing is installed this harness, and nothing else of its environment.

    In a checkout that holds the harness itself, as its own repository does, that is the repo root.
    """
    if _PACKAGE.parent == table.root:
        return str(table.root)
    folder = table.root / ".nox" / "harness" / version()
    for name, content in contents().items():
        if not (folder / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return str(folder)


def extra(name: str) -> list[str]:
    """The requirements of this harness's own extra ``name``, as its pyproject.toml declares them."""
    declared = files.read_toml(_PACKAGE / "pyproject.toml", "the harness's description")
    return list(declared["project"]["optional-dependencies"][name])


def other_in(prefix: Path) -> str:
    """The version of the harness in the environment at ``prefix``, where it is not this one; "none" where none is."""
    versions = [each.parent.name[len("triton_matrix-") :][: -len(".dist-info")] for each in prefix.glob(_RECORD)]
    return "" if version() in versions else next(iter(versions), "none")


def install(python: str) -> None:
    """Give the environment of ``python`` this very harness, where it does not have it yet, or has it edited.

    Raises:
        commands.ToolError: it could not be installed.
    """
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(commands.run([python, "-I", "-c", code]).strip())
    if (site / f"triton_matrix-{version()}.dist-info" / "RECORD").is_file() and not records.altered([NAME], [site]):
        return
    options = ["--quiet", "--offline" if commands.find_uv() else "--no-index"]
    with tempfile.TemporaryDirectory() as folder:
        interpreters.install_wheel(python, write_wheel(Path(folder)), options)
