"""What a bisection asks of a launch at level interpreter: what it computes, as the verb ``values`` sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import cells
from ..evidence import atlas_file, schemas
from ..evidence.atlas_file import INTERPRETER
from ..launches import launch_list, naming
from ..values import entries as of_values
from . import value_runs
from .compile_runs import Outcome
from .run_file import declare
from .searching import Answer
from .values_cli import MOST, SECONDS

DOES_NOT_RUN, WRONG = "does not run", "wrong by its reference"


def asking(
    file: Path,
    label: Optional[str],
    table: cells.Table,
    releases: Sequence[str],
    envs: Path,
    extra: tuple[str, ...],
    fresh: bool = False,
) -> Callable[[str], Answer]:
    """Compute a launch file in all of some releases at once; gives what each then says of it.

    Args:
        file: of one launch or several.
        label: only the launch of this label or id; all where None.
        releases: that may be asked, oldest first.
        envs: folder of the environments and of what was computed.
        extra: requirements to install beside Triton.
        fresh: take nothing that was kept.

    Raises:
        ValueError: no launch is called ``label``.
    """
    launches = launch_list.of_files([file])
    if label is not None:
        named = [each for each in launches if naming.fits(label, each.kernel, list(each.settings), INTERPRETER)]
        if not named:
            raise ValueError(f"--label is {label!r}; allowed are {', '.join(each.label for each in launches)}")
        launches = named
    request = value_runs.Request(
        launches=launches,
        read={},
        root=file.parent,
        of_launches=True,
        envs=envs,
        out=envs / "values" / "bisected" / file.stem,
        extra=extra,
        no_cache=fresh,
        settings={"most": MOST, "seconds": SECONDS, "source_root": None},
    )
    rows = [table.releases[release] for release in releases]
    answers: dict[str, Answer] = {}

    def ask(release: str) -> Answer:
        if not answers:
            declared = declare(request.out, rows, [INTERPRETER], table, of_launches=True, whole=False, verb="values")
            outcomes = value_runs.run(rows, request, os.cpu_count() or 1, declared)
            declared.close()
            answers.update(judged(outcomes, _documents(outcomes)))
        return answers[release]

    return ask


def _documents(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    return {each.release: atlas_file.read(each.path, schemas.VALUES) for each in outcomes if not each.problem}


def judged(outcomes: Sequence[Outcome], documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
    """What each release computes: alike in two releases where their values are, or differ only as rounding does."""
    compared = of_values.compared_in(documents.values())
    answers: dict[str, Answer] = {}
    before = ""
    alike: dict[str, str] = {}  # release -> the first release that computes as it does
    for each in outcomes:
        if each.problem:
            answers[each.release] = Answer(None, each.problem)
            continue
        document = documents[each.release]
        items = document["entries"]
        reasons = [f"{item['id']}: {item['status']}: {item['reason']}" for item in items if item.get("reason")]
        if all(item["status"] == "n/a" for item in items):
            answers[each.release] = Answer(None, "\n".join(reasons))
            continue
        if any(item["status"] == "error" and not item.get("wrong") for item in items):
            answers[each.release] = Answer(DOES_NOT_RUN, "\n".join(reasons))
            continue
        changes = of_values.changes(documents[before], document, compared) if before else []
        worse = [change.what for change in changes if change.kind == "worse"]
        same = [other for other in alike if _values(documents[other]) == _values(document)]
        first = same[0] if same else each.release if worse or not before else before
        alike[each.release] = alike.get(first, first)
        before = each.release
        wrong = [WRONG] if any(item.get("wrong") for item in items) else []
        state = ", ".join([f"computes as {alike[each.release]} does", *wrong])
        said = [change.what for change in changes] or [f"{len(items)} computed"]
        answers[each.release] = Answer(state, "\n".join([*said, *reasons]))
    return answers


def _values(document: Mapping[str, Any]) -> list[Any]:
    return [(item["id"], item.get("values")) for item in document["entries"]]
