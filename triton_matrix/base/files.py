"""Files of the matrix: how evidence is written, and how TOML is read.

Evidence is written whole or not at all: a killed run leaves the old file, or none, never half of one.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional, Union

STARTED_IN = "TRITON_MATRIX_STARTED_IN"  # where the user is, said by what runs a command in another folder: nox, a verb
PathLike = Union[str, "os.PathLike[str]"]


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; on success it replaces ``path`` in one step, on an error it is removed.

    Args:
        path: the file to produce. Missing parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        with scratch.open("rb") as written:  # on a full disk this fails, and nothing is replaced
            os.fsync(written.fileno())
        scratch.chmod(0o644)  # mkstemp makes it private to this user; evidence is meant to be read by others
        os.replace(scratch, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a disk that is full while it is written to names no file
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()


def as_given(path: Path) -> Path:
    """A path that a user gave, absolute: relative to where the user is, in whatever folder this process runs."""
    return (Path(os.environ.get(STARTED_IN) or os.getcwd()) / path).resolve()


def write_text(path: PathLike, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all.

    Raises:
        OSError: it cannot be written, or does not read back as it was written.
    """
    content = text.encode("utf-8")
    with replacing(path) as scratch:
        scratch.write_bytes(content)
        if scratch.read_bytes() != content:
            raise OSError(errno.EIO, "what was written does not read back", str(path))


def write_json(path: PathLike, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, so that two equal values give byte-identical files."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def write_table(path: PathLike, value: Mapping[str, Any]) -> None:
    """The same of a mapping that holds long lists: each of their rows is one line, which is written in a tenth of the
    time and read as easily.
    """

    def one(content: Any, indent: Optional[int] = 1) -> str:
        return json.dumps(content, indent=indent, sort_keys=True, allow_nan=False)

    def listed(rows: list[Any]) -> str:
        return "[\n" + ",\n".join(one(row, None) for row in rows) + "\n]"

    parts = [
        f"{one(key)}: {listed(each) if isinstance(each, list) and each else one(each)}"
        for key, each in sorted(value.items())
    ]
    write_text(path, "{\n" + ",\n".join(parts) + "\n}\n")


def read_toml(path: Path, what: str, error: type[ValueError] = ValueError) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: the file.
        what: what the file is to the reader of an error: the option that named it, such as ``--launches``.
        error: raised where there is no content.

    Raises:
        ValueError: it cannot be read, is not TOML, or this Python cannot read TOML; one sentence that names the file.
    """
    where = f"{what} is {str(path)!r}"
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"  # pytest brings tomli to an older Python
    try:
        toml: Any = importlib.import_module(name)
    except ModuleNotFoundError:
        raise error(
            f"{where}; reading it on Python {sys.version_info[0]}.{sys.version_info[1]} needs tomli in "
            f"{sys.executable}, which pytest brings; install pytest there"
        ) from None
    try:
        return dict(toml.loads(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise error(f"{where}; {problem.strerror}") from None
    except ValueError as problem:  # not TOML, or not even UTF-8
        raise error(f"{where}; it is not TOML: {problem}") from None
