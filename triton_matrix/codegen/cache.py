"""Results that were compiled before: kept by kernel source, settings, release, target and our own code's version."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from pathlib import Path
from typing import Any, Optional

from ..base import compiler_variables
from ..base.files import write_text
from ..base.sources import sha256
from .compile import Configuration, Result
from .loading import KernelError, file_of
from .many import Rows, Settings
from .sources import source_digest

_OUR_CODE = (
    *("adapters", "causes", "compile", "crashes", "cuda_metrics", "devices", "diagnostics", "driver_standin"),
    *("hip_metrics", "kernel_source", "places", "ptxas"),
    *(
        "loading",
        "many",
        "occupancy",
        "opened",
        "packages",
        "signing",
        "sources",
        "standins",
        "targets",
        "torch_standin",
        "tuned",
        "worker",
    ),
)
KEPT = 20_000  # entries per release; the oldest go first


class Cache:
    """The results of one Triton release, in one file under ``folder``; ``folder=None`` keeps nothing."""

    def __init__(self, folder: Optional[Path], release: str, settings: Optional[Settings] = None):
        self.path = folder / f"{release}.json" if folder else None
        self._settings = settings or Settings()
        self._release = release
        self._digests: dict[str, str] = {}
        self._entries: dict[str, Any] = {}
        self._changed = False
        if self.path and self.path.is_file():
            try:
                self._entries = json.loads(self.path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # not ours, or from a disk that filled up: compile again
                self._entries = {}
            if not isinstance(self._entries, dict):
                self._entries = {}

    def key(self, configuration: Configuration) -> str:
        """What decides the result of ``configuration``; raises KernelError when its source cannot be read."""
        kernel = configuration.kernel
        if kernel not in self._digests:
            path = file_of(kernel)
            if path is None:
                raise KernelError(f"kernel is {kernel!r}; its module has no Python source")
            self._digests[kernel] = source_digest(path, self._settings.source_root)
        parts = [
            OUR_CODE_DIGEST,
            self._release,
            self._digests[kernel],
            kernel.rpartition(":")[2],
            configuration.target,
            configuration.args,
            configuration.constexprs,
            configuration.options,
            sorted(configuration.hints),
            self._settings.configs,
            self._settings.torch_version,
            installed(),
            variables(),
            triton_files(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def get(self, configuration: Configuration) -> Optional[Rows]:
        """The rows kept of ``configuration``, under its label of now; None where there are none that can be read."""
        kept = self._entries.get(self.key(configuration))
        try:
            if any(_digest(path) != digest for row in kept or () for path, digest in row["read"].items()):
                return None  # a data file that its module read was changed since
            return [(_row(configuration, row), Result(**row["result"])) for row in kept] if kept else None
        except (AttributeError, KeyError, TypeError):
            return None

    def put(self, configuration: Configuration, rows: Rows) -> None:
        """Keep the rows of ``configuration``, unless one of them may be another the next time."""
        if not all(result.lasting for _, result in rows):
            return
        self._entries[self.key(configuration)] = [
            {
                "shown": row.label[len(configuration.label.rstrip("]")) :],
                "constexprs": row.constexprs,
                "options": row.options,
                "read": {path: _digest(path) for path in result.read},
                "result": {
                    "status": result.status,
                    "metrics": result.metrics,
                    "reason": result.reason,
                    "seconds": result.seconds,
                    "cpu_seconds": result.cpu_seconds,
                    "crash": result.crash,
                    **({"warnings": result.warnings} if result.warnings else {}),
                    "source": result.source,
                },
            }
            for row, result in rows
        ]
        self._changed = True

    def save(self) -> None:
        """Write the file, when there is something new and a folder to keep it in."""
        if self.path and self._changed:
            newest = list(self._entries.items())[-KEPT:]
            write_text(self.path, json.dumps(dict(newest)))


def _digest(path: str) -> Optional[str]:
    try:
        return sha256(Path(path))
    except OSError:
        return None


def _row(configuration: Configuration, kept: dict[str, Any]) -> Configuration:
    label = configuration.label.rstrip("]") + kept["shown"]
    return dataclasses.replace(configuration, label=label, constexprs=kept["constexprs"], options=kept["options"])


@functools.cache
def installed() -> str:
    """Digest of what is installed besides this harness: it decides which modules are stood in for."""
    found = {f"{each.metadata['Name']} {each.version}" for each in importlib.metadata.distributions()}
    others = sorted(name for name in found if not name.startswith("triton-matrix "))
    return hashlib.sha256("\n".join(others).encode()).hexdigest()


def default_folder() -> Path:
    """``$TRITON_MATRIX_CACHE``, or triton-matrix/codegen in the user's cache folder."""
    own = os.environ.get("TRITON_MATRIX_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "triton-matrix" / "codegen"


def variables() -> dict[str, str]:
    """The environment variables that change what is compiled: Triton's, and what kernels' modules often ask for.

    One that names a file, such as TRITON_PTXAS_PATH, comes with the file's size and time.
    """
    asked = {name: os.environ[name] for name in sorted(os.environ) if name.startswith(("DISABLE_", "ENABLE_", "USE_"))}
    asked.update(compiler_variables.found(os.environ))
    for name, value in asked.items():
        if os.path.isfile(value):
            status = os.stat(value)
            asked[name] = f"{value} {status.st_size} {status.st_mtime_ns}"
    return asked


@functools.cache
def triton_files() -> str:
    """Digest of names, sizes and times of Triton's files: another build may have the same version."""
    found = hashlib.sha256()
    spec = importlib.util.find_spec("triton")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                status = path.stat()
                found.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _our_code_digest() -> str:
    digest = hashlib.sha256()
    for name in _OUR_CODE:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


OUR_CODE_DIGEST = _our_code_digest()
