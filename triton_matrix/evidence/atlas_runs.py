"""A run over releases: declared before it starts, closed when it ends, and what is missing of what it asked for.

The verb ``codegen`` opens ``run-codegen.json`` beside the atlas files, ``values`` ``run-values.json``, and a bench of
launches ``run-device.json``. It names the
releases and targets, the configurations of each as soon as the release has told them, and how each release ended. A
release's last whole file stays until the new one takes its place. A run that asks for less takes nothing back: what an
older run asked for and this one does not stays asked, under ``earlier``.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from ..base import display_text, files
from . import file_names, schemas, toolchain

SCHEMAS = {"codegen": schemas.CODEGEN_RUN, "values": schemas.VALUES_RUN, "device": schemas.DEVICE_RUN}  # by verb
DONE, FAILED, UNAVAILABLE = "done", "failed", "unavailable"
NAMES = {verb: file_names.run(verb) for verb in SCHEMAS}
NAME = NAMES["codegen"]
LISTED = 3  # configurations named in a sentence; the count is always the full one
Targets = dict[str, Optional[list[str]]]


@dataclass
class Asked:
    """What a run asks of one release, and how that ended.

    Attributes:
        targets: name -> labels of its configurations; None until the release has told them.
        outcome: "" as long as it has none, else DONE, FAILED or UNAVAILABLE (this machine cannot provide the release).
        reason: one sentence where it is not done.
    """

    targets: Targets
    outcome: str = ""
    reason: str = ""


@dataclass
class AtlasRun:
    """The content of a run's file.

    Attributes:
        id: of this run alone.
        opened, closed: ISO dates, UTC; ``closed`` is None while it runs, and for ever where it was killed.
        sources, hook: as of an atlas file; both None of a run over a launch file.
        releases: what is asked of each.
        earlier: what older runs asked for and no younger one has.
        verb: one of SCHEMAS.
    """

    id: str
    opened: str
    commit: Optional[str]
    dirty: Optional[bool]
    sources: Optional[str]
    hook: Optional[str]
    releases: dict[str, Asked]
    closed: Optional[str] = None
    earlier: list[AtlasRun] = field(default_factory=list)
    verb: str = "codegen"

    def as_json(self) -> dict[str, Any]:
        """The file's content."""
        return {"schema": SCHEMAS[self.verb], **self._content()}

    def _content(self) -> dict[str, Any]:
        content = {name: value for name, value in asdict(replace(self, earlier=[])).items() if name != "verb"}
        return {**content, "earlier": [each._content() for each in self.earlier]}

    def parts(self) -> Iterator[AtlasRun]:
        """This run, then what is left of the older ones."""
        yield self
        yield from self.earlier

    def opened_by_release(self) -> dict[str, str]:
        """When the youngest run that asks something of a release was opened."""
        return {name: each.opened for each in reversed([*self.parts()]) for name in each.releases}

    def of_release(self, release: str) -> Iterator[tuple[AtlasRun, Asked]]:
        """Each run that asks something of a release, the youngest first."""
        yield from ((each, each.releases[release]) for each in self.parts() if release in each.releases)


def from_json(content: Mapping[str, Any], verb: str = "codegen") -> AtlasRun:
    """The run of a verb that a file holds."""
    known = {name: content[name] for name in AtlasRun.__dataclass_fields__ if name in content}
    releases = {name: Asked(**asked) for name, asked in content["releases"].items()}
    earlier = [from_json(each, verb) for each in content["earlier"]]
    return AtlasRun(**{**known, "releases": releases, "earlier": earlier, "verb": verb})


def read(folder: Path, verb: str = "codegen") -> Optional[AtlasRun]:
    """The run of a verb that is declared in a folder; None where none is, or where its file says nothing."""
    try:
        content = json.loads((folder / NAMES[verb]).read_text(encoding="utf-8"))
        return from_json(content, verb) if content["schema"] == SCHEMAS[verb] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def open_run(
    folder: Path,
    releases: Iterable[str],
    targets: Sequence[str],
    root: Path,
    sources: Optional[str],
    hook: Optional[str],
    *,
    whole: bool,
    verb: str = "codegen",
) -> AtlasRun:
    """Declare a run; from here on nothing in the folder is whole until it is closed.

    Args:
        root: the checkout, for the commit.
        sources, hook: as of an atlas file; None of a run over a launch file, which forgets what was asked before it.
        whole: whether this is all that the atlas is: what was asked of other sources is forgotten.

    Raises:
        OSError: it cannot be declared. What was declared before is then gone: nothing may look as if it had been asked.
    """
    commit, dirty = toolchain.git_state(root)
    asked = {release: Asked(dict.fromkeys(targets)) for release in releases}
    run = AtlasRun(uuid.uuid4().hex, toolchain.now(), commit, dirty, sources, hook, asked, verb=verb)
    before = read(folder, verb) if sources else None
    for each in before.parts() if before else ():
        alike = (each.sources, each.hook) == (sources, hook)
        left = _without(each, run)
        if left.releases and (alike or not whole):
            run.earlier.append(left)
    try:
        write(folder, run)
    except OSError:
        (folder / NAMES[verb]).unlink(missing_ok=True)
        raise
    return run


def write(folder: Path, run: AtlasRun) -> None:
    """Write the run's file, whole or not at all; OSError where that fails."""
    files.write_json(folder / NAMES[run.verb], display_text.cleaned(run.as_json()))


def _without(old: AtlasRun, new: AtlasRun) -> AtlasRun:
    """What ``old`` asked for and ``new`` does not."""
    left = {}
    for release, asked in old.releases.items():
        again = new.releases[release].targets if release in new.releases else {}
        targets = {name: labels for name, labels in asked.targets.items() if name not in again}
        if targets:
            left[release] = replace(asked, targets=targets)
    return replace(old, releases=left, earlier=[])


def shortfall(run: AtlasRun, asked: Asked, content: Optional[Mapping[str, Any]]) -> str:
    """Why a release's atlas file is no answer to what a run asked of it: one sentence; "" where it is.

    Args:
        content: of the file; None where there is none. Of a release that is unavailable it is not looked at.
    """
    if run.closed is None:
        return f"the run that was opened {run.opened} was never closed: it was killed, or still runs"
    if asked.outcome == UNAVAILABLE:
        return ""
    if asked.outcome != DONE:
        return asked.reason or "the run does not say how it ended"
    if content is None:
        return "its file is not there, or cannot be read"
    missing = absent(asked.targets, content)
    if missing:
        return f"its file lacks what was asked for, {display_text.named(missing, LISTED)}"
    return ""


def absent(targets: Targets, content: Mapping[str, Any]) -> list[str]:
    """Of what was asked, the configurations (or the whole target) that an atlas file has nothing of, by name."""
    there = content["configurations"]
    names = []
    for target, labels in targets.items():
        if labels is None or target not in there:
            names.append(f"all of {target}")
        else:
            names += [f"{label} {target}" for label in labels if label not in there[target]]
    return names
