"""Results that were compiled before: kept by kernel source, settings, release, target and our own code's version."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Optional

from ..base.files import write_text
from .compile import Configuration, Result
from .loading import source_digest

# Settings in the environment that change what a Triton makes of a kernel.
_PREFIXES = ("TRITON_", "AMDGCN_", "NVPTX_", "MLIR_", "LLVM_", "DISABLE_", "USE_", "PTXAS_")
_NOT_CODE = ("TRITON_CACHE_DIR", "TRITON_HOME", "TRITON_DUMP_DIR")
_OUR_CODE = ("adapters", "compile", "crashes", "cuda_metrics", "hip_metrics", "occupancy", "targets")
KEPT = 20_000  # entries per release; the oldest go first


class Cache:
    """The results of one Triton release, in one file under ``folder``; ``folder=None`` keeps nothing."""

    def __init__(self, folder: Optional[Path], release: str):
        self.path = folder / f"{release}.json" if folder else None
        self._release = release
        self._digests: dict[str, str] = {}
        self._entries: dict[str, Any] = {}
        self._changed = False
        if self.path and self.path.is_file():
            try:
                self._entries = json.loads(self.path.read_text(encoding="utf-8"))
            except ValueError:  # not ours, or from a disk that filled up: compile again
                self._entries = {}

    def key(self, configuration: Configuration) -> str:
        """What decides the result of ``configuration``; raises KernelError when its source cannot be read."""
        kernel = configuration.kernel
        if kernel not in self._digests:
            self._digests[kernel] = source_digest(kernel)
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
            compiler_settings(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def get(self, configuration: Configuration) -> Optional[Result]:
        entry = self._entries.get(self.key(configuration))
        return Result(**entry) if entry else None

    def put(self, configuration: Configuration, result: Result) -> None:
        entry = {
            "status": result.status,
            "metrics": result.metrics,
            "reason": result.reason,
            "seconds": result.seconds,
            "cpu_seconds": result.cpu_seconds,
            "crash": result.crash,
        }
        self._entries[self.key(configuration)] = entry
        self._changed = True

    def save(self) -> None:
        """Write the file, when there is something new and a folder to keep it in."""
        if self.path and self._changed:
            newest = list(self._entries.items())[-KEPT:]
            write_text(self.path, json.dumps(dict(newest)))


def default_folder() -> Path:
    """``$TRITON_MATRIX_CACHE``, or triton-matrix/codegen in the user's cache folder."""
    own = os.environ.get("TRITON_MATRIX_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "triton-matrix" / "codegen"


def compiler_settings() -> dict[str, str]:
    """The environment variables that change what Triton compiles."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES) and name not in _NOT_CODE
    }


def _our_code_digest() -> str:
    digest = hashlib.sha256()
    for name in _OUR_CODE:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


OUR_CODE_DIGEST = _our_code_digest()
