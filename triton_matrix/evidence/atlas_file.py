"""The atlas file: what one Triton release made of configurations. Its shape is in evidence.schema.json.

What it computed of launches is a file of the same shape, under another schema: its only target is ``interpreter``. So
is what became of launches on a GPU, with timings besides.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import cells, compiler_variables, display_text, files, reads, sources
from . import schemas, toolchain

SCHEMA = schemas.CODEGEN
VERBS = {schemas.CODEGEN: "codegen", schemas.VALUES: "values", schemas.DEVICE: "device"}
_DID = {"codegen": "compiled", "values": "computed", "device": "ran"}
INTERPRETER = "interpreter"
# of what an entry is, besides its release, target and configuration: only what agrees in all of it is compared or kept
QUESTION = ("sources", "hook", "variables", "shell", "configs", "extra", "harness")
STATUSES = ("ok", "n/a", "error")


class RecordError(ValueError):
    """A file is not there or not an atlas file; one sentence."""


def make(
    release: str, adapter: str, source: Path, harness: str, *, of_launches: bool, schema: str = SCHEMA
) -> dict[str, Any]:
    """What a file says besides its configurations and entries.

    Args:
        source: a path in the checkout that holds the kernels.
        harness: digest of the code that compiles and measures, or that computes.
        of_launches: whether a launch file says what is compiled, and not the package's hook.
    """
    folder = source if source.is_dir() else source.parent
    commit, dirty = toolchain.git_state(folder)
    try:
        table: Optional[cells.Table] = cells.load_at(folder)
    except ValueError:  # no table says what the package's sources are
        table = None
    return {
        "schema": schema,
        "triton": release,
        "adapter": adapter,
        "python": platform.python_version(),
        "commit": commit,
        "dirty": dirty,
        "sources": sources.package_digest(table) if table else None,
        "hook": hook_digest(table) if table and not of_launches else None,
        "harness": harness,
    }


def verb_of(content: Mapping[str, Any]) -> str:
    """The verb that wrote a file."""
    return VERBS.get(content.get("schema", ""), "codegen")


def fill(made: Mapping[str, Any], configurations: Mapping[str, Any], entries: Sequence[Any]) -> dict[str, Any]:
    """The whole file's content.

    Args:
        made: of :func:`make`, and further keys.
        configurations: target -> label of each configuration that was asked -> labels of its entries: one, or of a
            tuned kernel one for each configuration of its tuner.
    """
    ordered = sorted(entries, key=lambda item: item["id"])
    return {**made, "date": toolchain.now(), "configurations": configurations, "entries": ordered}


def write(path: Path, content: dict[str, Any]) -> None:
    """Write an atlas file, whole or not at all."""
    files.write_table(path, content)


def lacks(content: Mapping[str, Any]) -> str:
    """Why an atlas file cannot be what it says that it is: one sentence; "" where it is whole."""
    entries, configurations = content.get("entries"), content.get("configurations")
    if not isinstance(entries, list) or not isinstance(configurations, dict) or not _are_lists(configurations):
        return "it has no entries, or does not say of which configurations"
    if not all(isinstance(content.get(key), dict) for key in ("read", "shell")):
        return "it does not say what was read"
    for number, item in enumerate(entries):
        if not _is_entry(item):
            return f"its entry {number} is none"
    return _not_as_given(entries, configurations)


def _not_as_given(entries: list[dict[str, Any]], configurations: Mapping[str, Any]) -> str:
    """That the entries are not those of the configurations, one for each; "" where they are."""
    said = Counter(
        (label, target) for target, asked in configurations.items() for labels in asked.values() for label in labels
    )
    empty = [f"{label} {target}" for target, asked in configurations.items() for label in asked if not asked[label]]
    there = Counter((item["label"], item["target"]) for item in entries)
    lost = [*empty, *(" ".join(key) for key in said - there)]
    if lost:
        return f"it has no entry of {display_text.named(lost, 3)}"
    more = [" ".join(key) for key in there - said]
    return f"it has an entry of {more[0]} that no configuration gave" if more else ""


def _are_lists(configurations: Mapping[str, Any]) -> bool:
    asked = configurations.values()
    return all(isinstance(each, dict) and all(isinstance(labels, list) for labels in each.values()) for each in asked)


def _is_entry(item: Any) -> bool:
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("id", "label", "target")):
        return False
    said = item.get("metrics") if item.get("status") == "ok" else item.get("reason")
    return bool(said) and item.get("status") in STATUSES


def with_other_targets(content: dict[str, Any], earlier: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """``content``, and what an earlier file that answers the same question has for targets that it does not name."""
    if earlier is None or content.get("sources") is None or question(content) != question(earlier):
        return content
    if content.get("row") != earlier.get("row") or not reads.agree(content["read"], earlier["read"]):
        return content
    others = {name: asked for name, asked in earlier["configurations"].items() if name not in content["configurations"]}
    entries = [*content["entries"], *(item for item in earlier["entries"] if item["target"] in others)]
    ordered = sorted(entries, key=lambda item: item["id"])
    read = reads.merged([content["read"], earlier["read"]])
    return {**content, "read": read, "configurations": {**content["configurations"], **others}, "entries": ordered}


def question(content: Mapping[str, Any]) -> tuple[str, ...]:
    """What must be alike in two files whose entries are compared or put together."""
    return tuple(json.dumps(content.get(key) or None, sort_keys=True) for key in QUESTION)


def read(path: Path, schema: str = SCHEMA) -> dict[str, Any]:
    """The content of an atlas file, or of one of launches; raises RecordError when it is not a whole one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RecordError(f"{path}: {problem.strerror}; `nox -s {VERBS[schema]}` writes these files") from None
    except ValueError as problem:
        raise RecordError(f"{path} is not JSON: {problem}") from None
    if not isinstance(content, dict) or content.get("schema") != schema:
        raise RecordError(f"{path} is not an atlas file; its schema is not {schema!r}")
    if lacks(content):
        raise RecordError(f"{path} is not whole: {lacks(content)}")
    return content


def outdated(content: Mapping[str, Any], table: cells.Table, now: str, harness: str) -> str:
    """Why an atlas file is not what ``nox -s codegen`` would give now: one sentence; "" where it is.

    Args:
        now: :func:`triton_matrix.base.sources.package_digest` of the checkout.
        harness: as of :func:`make`, of the code that is here.
    """
    old = of_other_sources(content.get("sources"), content.get("hook"), table, now)
    if old:
        return old
    switched = _other_switches(content, table)
    if switched:
        return switched
    row = table.releases.get(content.get("triton", ""))
    if row and content.get("row", row_of(row)) != row_of(row):
        return "its row of the table was changed since"
    if content.get("harness") != harness:
        return f"another version of the harness {_DID[verb_of(content)]} it"
    changed = reads.changed(content["read"], table.root)
    if changed:
        return f"{changed}, which a kernel's module or the hook reads, was changed since"
    if content.get("variables"):
        return f"it was compiled with {compiler_variables.shown(content['variables'])}"
    if content.get("configs"):
        return f"it holds no more than the first {content['configs']} configurations of each tuner"
    return ""


def _other_switches(content: Mapping[str, Any], table: cells.Table) -> str:
    """Why what was compiled under a variant is not what the table's variant of that name is now; "" where it is."""
    switches = content.get("switches") or {}
    name = str(content.get("triton")).rpartition("+")[2]
    if not switches:
        return ""
    now = table.variants.get(name)
    if now is None:
        return f"the table has no variant {name} now"
    return "" if dict(now.env) == switches else f"its variant {name} was changed since"


def row_of(release: cells.Release) -> dict[str, Any]:
    """What a file says of the row that its release has in the table."""
    return {"python": release.python, "torch": release.torch, "requires": list(release.requires)}


def of_other_sources(said: Optional[str], hook: Optional[str], table: cells.Table, now: str) -> str:
    """Why an atlas file, or a run of the atlas, says nothing of the checkout as it is now; "" where it does.

    Args:
        said, hook: what it says of its sources and of the file that gives its configurations; None of a launch file.
    """
    if said is None:
        return "it does not say which sources it is of"
    if said != now:
        return "it is of other sources than the checkout has now"
    return "" if hook in (None, hook_digest(table)) else "the file that gives its configurations was changed since"


def ages(contents: Sequence[Mapping[str, Any]], table: Optional[cells.Table], harness: str) -> list[str]:
    """Which of several atlas files are of other sources than the checkout has now, or than one another: sentences.

    Args:
        table: of the checkout; None where there is none.
        harness: as of :func:`outdated`.
    """
    now = sources.package_digest(table) if table else ""
    alike: dict[tuple[Any, str, str], list[str]] = {}
    for each in contents:
        why = outdated(each, table, now, harness) if table else ""
        alike.setdefault((question(each), display_text.short(each.get("commit")), why), []).append(each["triton"])
    if len({asked for asked, _, _ in alike}) == 1 and not any(why for _, _, why in alike):
        return []
    return [
        f"{', '.join(releases)}, of commit {commit}: {why or 'of the sources that go with it'}"
        for (_, commit, why), releases in alike.items()
    ]


def hook_digest(table: cells.Table) -> Optional[str]:
    """SHA-256 of the file that gives the atlas's configurations, or of all files of the folder of launches that does;
    None where the package has none.
    """
    path = table.root / (table.package.atlas or "").partition(":")[0]
    if table.package.atlas and path.is_dir():
        return sources.digest([path], table.root)
    return sources.sha256(path) if path.is_file() else None
