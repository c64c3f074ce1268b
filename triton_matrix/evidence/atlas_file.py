"""The atlas file: what one Triton release made of a list of configurations. Its shape is in docs/codegen.md."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import cells, compiler_variables, files, reads, sources
from . import schemas, toolchain

SCHEMA = schemas.CODEGEN


class RecordError(ValueError):
    """A file is not there or not an atlas file; one sentence."""


def make(release: str, adapter: str, entries: list[dict[str, Any]], source: Path) -> dict[str, Any]:
    """The whole file's content, entries sorted by id. ``source`` is a path in the checkout that holds the kernels."""
    commit, dirty = toolchain.git_state(source if source.is_dir() else source.parent)
    return {
        "schema": SCHEMA,
        "triton": release,
        "adapter": adapter,
        "python": platform.python_version(),
        "date": toolchain.now(),
        "commit": commit,
        "dirty": dirty,
        "sources": _sources(source),
        "hook": _hook(source),
        "count": len(entries),
        "entries": sorted(entries, key=lambda item: item["id"]),
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write an atlas file, whole or not at all."""
    files.write_json(path, content)


def lacks(content: Mapping[str, Any]) -> str:
    """What an atlas file says that it holds and does not; "" where it is whole. A file of before has no count."""
    entries = content.get("entries")
    if not isinstance(entries, list):
        return "it has no entries"
    said, there = content.get("count"), len(entries)
    return f"it says that it holds {said} entries, and it holds {there}" if said not in (None, there) else ""


def keep_other_targets(path: Path, earlier: dict[str, Any], targets: Sequence[str]) -> None:
    """Add to the file at ``path`` what an earlier one of the same sources has for targets that were not asked now."""
    content = read(path)
    alike = all(content.get(key) == earlier.get(key) for key in ("sources", "hook", "read", "variables", "configs"))
    if content.get("sources") is None or not alike:
        return
    others = [item for item in earlier["entries"] if item["target"] not in targets]
    if others:
        entries = sorted([*content["entries"], *others], key=lambda item: item["id"])
        write(path, {**content, "entries": entries, "count": len(entries)})


def read(path: Path) -> dict[str, Any]:
    """An atlas file's content; raises RecordError when it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RecordError(f"{path}: {problem.strerror}; `nox -s codegen` writes the atlas files") from None
    except ValueError as problem:
        raise RecordError(f"{path} is not JSON: {problem}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise RecordError(f"{path} is not an atlas file; its schema is not {SCHEMA!r}")
    if lacks(content):
        raise RecordError(f"{path} is not whole: {lacks(content)}")
    return content


def outdated(content: Mapping[str, Any], table: cells.Table, now: str) -> str:
    """Why an atlas file is not what ``nox -s codegen`` would give now: one sentence; "" where it is.

    Args:
        now: :func:`triton_matrix.base.sources.package_digest` of the checkout.
    """
    said = content.get("sources")
    if said is None:
        return "it does not say which sources it is of"
    if said != now:
        return "it is of other sources than the checkout has now"
    if content.get("hook") not in (None, hook_digest(table)):
        return "the file that gives its configurations was changed since"
    changed = reads.changed(content.get("read") or {}, table.root)
    if changed:
        return f"{changed}, which a kernel's module or the hook reads, was changed since"
    if content.get("variables"):
        return f"it was compiled with {compiler_variables.shown(content['variables'])}"
    if content.get("configs"):
        return f"it holds no more than the first {content['configs']} configurations of each tuner"
    return ""


def hook_digest(table: cells.Table) -> Optional[str]:
    """SHA-256 of the file that gives the atlas's configurations; None where the package has none."""
    path = table.root / (table.package.atlas or "").partition(":")[0]
    return sources.sha256(path) if path.is_file() else None


def _hook(source: Path) -> Optional[str]:
    try:
        return hook_digest(cells.load_at(source if source.is_dir() else source.parent))
    except ValueError:
        return None


def _sources(source: Path) -> Optional[str]:
    """Digest of the package's sources in that checkout; None where there is no table to say what they are."""
    try:
        return sources.package_digest(cells.load_at(source if source.is_dir() else source.parent))
    except ValueError:
        return None
