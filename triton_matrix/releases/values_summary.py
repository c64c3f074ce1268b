"""What the verb ``values`` says at its end, and the exit status that follows from it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import display_text, tables, versions
from ..codegen import accepted, compare, reasons
from ..codegen.accepted import Accepted
from ..values import entries as of_values
from .summary import Step, Told, accept, steps

NAMED = 3  # launches named in a sentence; the count is always the full one
NOTHING = "nothing is compared: no launch was computed in two consecutive releases"


def report(
    told: Told, atlases: Sequence[dict[str, Any]], entries: list[Accepted], path: Optional[Path], why: Mapping[str, str]
) -> int:
    """Print what each release computed, reasons, and where values differ.

    Args:
        atlases: the releases' files, in the order in which they are compared.
        entries: what is accepted.
        path: where to write what is accepted, with the reasons ``why`` by cause.

    Returns:
        1 where something differs and is not accepted, is wrong by its reference, or has no answer; 2 where several
        releases were asked and nothing is compared; else 0.
    """
    known = list(told.known) if len(atlases) != 2 else [each["triton"] for each in atlases]
    changes = functools.partial(of_values.changes, compared=of_values.compared_in(atlases))
    judged = accepted.of_compiled(entries, [item for each in atlases for item in each["entries"]])
    if path:
        entries = accept(atlases, entries, dict(why), len(atlases) == len(told.known), changes)
        accepted.write(path, entries)
        judged = accepted.of_compiled(entries, [item for each in atlases for item in each["entries"]])
    taken = steps(atlases, judged, changes)
    print(_overview(taken, atlases, told.markdown))
    print()
    said = reasons.grouped(atlases, known)
    if said:
        print(f"{reasons.render(said, len(atlases) > 1, told.markdown)}\n")
    rows = _rows(taken)
    if rows:
        print(tables.render(["triton", "", "launch", "change"], rows, markdown=told.markdown))
    compared = sum(map(_compared, taken))
    if not rows and taken:
        print(f"no values differ between consecutive releases; {compared} compared" if compared else NOTHING)
    compare.print_aside(_aside(atlases, known), told.markdown)
    counts = _counts(taken)
    total, fresh = sum(len(each["entries"]) for each in atlases), sum(each.compiled for each in told.outcomes)
    print(f"\n{total} launches in {len(atlases)} releases, {fresh} computed now, {counts}, {told.seconds:.1f} s")
    for line in (line for step in taken for line in compare.unused_lines(step.unused)):
        print(line)
    wrong = any(item.get("wrong") for each in atlases for item in each["entries"])
    if wrong or told.failed or any(step.open_ or step.unused for step in taken):
        return 1
    return 2 if not compared and len(told.outcomes) > 1 else 0


def _overview(taken: Sequence[Step], atlases: Sequence[Mapping[str, Any]], markdown: bool) -> str:
    """One row per release: how many launches ran, and how many differ from the release before."""
    since = {step.ends[1]: step for step in taken}
    rows = []
    for each in atlases:
        items, step = each["entries"], since.get(each["triton"])
        counts = [sum(item["status"] == status for item in items) for status in ("ok", "error", "n/a")]
        said = [f"{count} {what}" for count, what in zip(counts, ("ok", "error", "n/a")) if count]
        worse = str(sum(change.kind == "worse" for change in step.changes)) if step else "-"
        rows.append([each["triton"], ", ".join(said), worse, str(sum(bool(item.get("wrong")) for item in items))])
    return tables.render(["triton", "launches", "changed", "wrong by reference"], rows, markdown=markdown)


def _rows(taken: Sequence[Step]) -> list[list[str]]:
    rows = []
    for step in taken:
        for change in step.changes:
            if change.kind == "info" and change.what.startswith("was "):
                continue  # of a launch that one of the two does not run: its reason says so, with all its releases
            kind = change.kind if change.kind == "info" or change in step.open_ else "accepted"
            rows.append([" -> ".join(step.ends), kind, change.label, change.what])
    return rows


def _aside(atlases: Sequence[Mapping[str, Any]], known: Sequence[str]) -> list[str]:
    """Samples, accesses outside of tensors, and the interpreters' own faults that were repaired."""
    lines = []
    items = {item["label"]: item for each in atlases for item in each["entries"] if item["metrics"]}
    samples = [
        f"{name} {item['metrics']['programs']} of {item['metrics']['programs_of']}"
        for name, item in items.items()
        if item["metrics"]["programs"] < item["metrics"]["programs_of"]
    ]
    if samples:
        lines.append(
            f"info: a sample of the programs ran, the same in every release: {display_text.named(samples, NAMED)}"
        )
    outside = [name for name, item in items.items() if any(key.startswith("outside") for key in item["metrics"])]
    if outside:
        lines.append(f"info: loads or stores outside of the launch's tensors: {display_text.named(outside, NAMED)}")
    repaired: dict[str, dict[str, set[str]]] = {}
    for each in atlases:
        for item in each["entries"]:
            for name in item.get("repairs", ()):
                repaired.setdefault(name, {}).setdefault(each["triton"], set()).add(item["label"])
    for name, by_release in repaired.items():
        launches = set().union(*by_release.values())
        count = f"{len(launches)} launch{'es' * (len(launches) > 1)}"
        lines.append(f"info: repaired: {name}, triton {versions.ranges(by_release, known)}: {count}")
    return lines


def _counts(taken: Sequence[Step]) -> str:
    changes = [change for step in taken for change in step.changes]
    open_ = [change for step in taken for change in step.open_]
    worse = [change for change in changes if change.kind == "worse"]
    rounding = sum("as rounding does" in change.what for change in changes)
    differ = sum(change.cause == "values" for change in open_)
    lost = sum(change.cause == "run" for change in open_)
    return (
        f"{differ} differ, {lost} no longer run, {len(worse) - len(open_)} accepted, {rounding} differ as rounding does"
    )


def _compared(step: Step) -> int:
    old = {item["id"]: item.get("ran") for item in step.before["entries"]}
    return sum(item.get("ran") is not None and item["ran"] == old.get(item["id"]) for item in step.after["entries"])
