"""What is known and not reported again: a file of findings, without line numbers, so that code may move.

An entry is one path, rule, cause and kernel, with how often it occurs. Paths are relative to the file's own folder.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ..base import files
from .finding import Finding

SCHEMA = "triton-matrix-lint-baseline/1"
FIELDS = ("path", "rule", "cause", "kernel")
Key = tuple[str, str, str, str]


def write(path: Path, findings: Iterable[Finding]) -> int:
    """Write the findings as what is known. Returns the number of entries."""
    counts = Counter(_key(finding, path) for finding in findings)
    entries = [{**dict(zip(FIELDS, key)), "count": counts[key]} for key in sorted(counts)]
    files.write_json(path, {"schema": SCHEMA, "findings": entries})
    return len(entries)


def read(path: Path) -> Counter[Key]:
    """What is known: entry -> how often.

    Raises:
        ValueError: the file cannot be read or is no baseline.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise KeyError("schema")
        known: Counter[Key] = Counter()
        for entry in document["findings"]:
            first, second, third, fourth = (str(entry[name]) for name in FIELDS)
            known[first, second, third, fourth] += int(entry["count"])
        return known
    except OSError as error:
        raise ValueError(f"the baseline {path} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"the baseline {path} is no {SCHEMA}; --write-baseline writes one") from None


def split(findings: Iterable[Finding], known: Counter[Key], path: Path) -> tuple[list[Finding], list[str]]:
    """The findings that are not known, and a sentence for each entry that occurs less often than it is known.

    Where more occur than are known, all of that entry are new: which of them is, nobody can tell.
    """
    by_key: dict[Key, list[Finding]] = {}
    for finding in findings:
        by_key.setdefault(_key(finding, path), []).append(finding)
    new = [item for key, items in by_key.items() if len(items) > known.get(key, 0) for item in items]
    gone = []
    for key in sorted(known):
        left, before = len(by_key.get(key, ())), known[key]
        if left < before:
            where, rule, cause, kernel = key
            now = f"found {left}" if left else "no longer found"
            about = f"{where}: {rule}: {cause}" + (f" in {kernel}" if kernel else "")
            gone.append(f"{about}: known {before} times, {now}; --write-baseline updates {path.name}")
    return sorted(new), gone


def _key(finding: Finding, path: Path) -> Key:
    where = os.path.relpath(finding.path, path.parent if str(path.parent) else ".")
    return (Path(where).as_posix(), *finding.key[1:])
