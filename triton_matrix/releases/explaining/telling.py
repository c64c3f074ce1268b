"""The answer of ``explain``: one sentence with its evidence, a table per stage, and the same as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...base import tables
from . import statistics
from .compiling import Both, same_stages
from .judging import COMPILES, STEPS, WHOLE, Swap, Verdict, value_of

SCHEMA = "triton-matrix/explain/2"
NAMED = 4  # functions and values that a sentence names
ROWS = 6  # statistics of one stage that the printed table shows; the file has all


def sentence(both: Both, metric: str, verdict: Verdict) -> str:
    """What changes, with which step it enters, and the swaps that prove it."""
    before, after = both.own
    backend = str(both.configuration["target"]).partition(":")[0]
    steps = STEPS[backend]
    old, new = (value_of(metric, both.own[release]) for release in (before, after))
    what = f"{metric} {old} -> {new}" if metric != COMPILES else f"{old} -> {new}"
    where = " or ".join(steps[stage] for stage in verdict.entered)
    mainly = "" if verdict.share >= WHOLE else f"mainly ({verdict.share:.0%}) "
    text = f"From triton {before} to {after}, {what} enters {mainly}with {where}"
    evidence = [_said(metric, swap) for swap in (*verdict.left, *verdict.right)]
    if evidence:
        text += f": {'; '.join(evidence)}"
    if len(verdict.entered) > 1:
        text += _first_difference(both, verdict)
    for stages, share in verdict.others:
        text += f". {' or '.join(steps[stage] for stage in stages)} makes {share:.0%} of it"
    if verdict.contradictions:
        text += f". The two directions disagree at {', '.join(verdict.contradictions)}"
    refused = [swap for swap in verdict.refused if swap.stage in _around(backend, verdict)]
    if refused:
        text += f". Not accepted: {'; '.join(_said(metric, swap) for swap in refused)}"
    return text + "."


def own_source(both: Both) -> str:
    """That the kernel's own source is not the same in the two releases, and what differs; "" where it is."""
    if not both.source:
        return ""
    before, after = both.own
    shown = [
        f"{name} ({old or 'not there'} in {before}, {new or 'not there'} in {after})" for name, old, new in both.source
    ]
    more = f" and {len(shown) - NAMED} more" if len(shown) > NAMED else ""
    what = f"the kernel's own source differs between the two releases: {', '.join(shown[:NAMED])}{more}"
    return f"{what}; what enters with the frontend may come from that, and not from Triton"


def _first_difference(both: Both, verdict: Verdict) -> str:
    """Of the steps that no swap tells apart, the first whose stage differs, with its most telling count."""
    by_stage = differences(both)
    for stage in verdict.entered:
        if stage in by_stage:
            name, old, new = by_stage[stage][0]
            return f". The first of these stages that differs is {stage}: {name} {old or 0} -> {new or 0}"
    return ""


def _around(backend: str, verdict: Verdict) -> Sequence[str]:
    """The stages of the steps that the change enters with, and the one before them."""
    stages = list(STEPS[backend])
    first, last = stages.index(verdict.entered[0]), stages.index(verdict.entered[-1])
    return stages[max(0, first - 1) : last + 1]


def _said(metric: str, swap: Swap) -> str:
    outcome = swap.outcome
    note = f" ({outcome.note})" if outcome.note else ""
    if outcome.status == "ok":
        value = value_of(metric, outcome)
        end = "compiles" if metric == COMPILES else f"gives {value}"
        return f"{swap.of}'s {swap.stage} finished by {swap.by}{note} {end}"
    return f"{swap.by} with {swap.of}'s {swap.stage}{note}: {_short(outcome.reason)}"


def _short(reason: str) -> str:
    reason = reason.removeprefix("does not compile: ")
    return reason if len(reason) <= 160 else f"{reason[:157]}..."


def stages_table(both: Both, metric: str, verdict: Verdict, markdown: bool) -> str:
    """A row per stage: what finishing each release's text with the other gives, and whether the texts differ."""
    before, after = both.own
    backend = str(both.configuration["target"]).partition(":")[0]
    same = same_stages(both)
    by = {(swap.stage, swap.by): swap for swap in both.swaps}
    rows = []
    for stage in STEPS[backend]:
        last = stage == list(STEPS[backend])[-1]
        row: list[Any] = [f"{stage} <--" if stage in verdict.entered and not markdown else stage]
        for release in (after, before):
            swap = by.get((stage, release))
            own = both.own[release]
            if swap in verdict.refused:
                row.append("not accepted")
            else:
                row.append(value_of(metric, own) if last else value_of(metric, swap.outcome) if swap else "-")
        row.append("" if last else "same" if stage in same else "differs")
        rows.append(row)
    heads = [f"{before}'s, finished by {after}", f"{after}'s, finished by {before}"]
    return tables.render(["stage", *heads, "text"], rows, markdown=markdown)


def statistics_table(both: Both, markdown: bool, rows_each: int = ROWS) -> str:
    """What differs in each stage's counts, the most telling first."""
    before, after = both.own
    rows = []
    for stage, counts in differences(both).items():
        rows += [[stage, name, old or "-", new or "-"] for name, old, new in counts[:rows_each]]
        if len(counts) > rows_each:
            rows.append([stage, f"and {len(counts) - rows_each} more", "", ""])
    return (
        tables.render(["stage", "count", before, after], rows, markdown=markdown)
        if rows
        else "no count of any stage differs"
    )


def differences(both: Both) -> dict[str, list[tuple[str, Any, Any]]]:
    """Per stage that both releases reached, the counts that differ; of the last stage, the metrics."""
    before, after = both.own
    by_stage: dict[str, list[tuple[str, Any, Any]]] = {}
    for stage in STEPS[str(both.configuration["target"]).partition(":")[0]]:
        texts = [both.text(release, stage) for release in (before, after)]
        if texts[0] is not None and texts[1] is not None:
            rows = statistics.differences(statistics.of(stage, texts[0]), statistics.of(stage, texts[1]))
            if rows:
                by_stage[stage] = rows
    old, new = (both.own[release].metrics for release in (before, after))
    rows = [(name, old[name], new[name]) for name in old if name in new and old[name] != new[name]]
    return {**by_stage, **({"metrics": rows} if rows else {})}


def document(both: Both, metric: str, verdict: Verdict, date: str) -> dict[str, Any]:
    """All of it as plain data, for a page or another program."""
    before, after = both.own
    return {
        "schema": SCHEMA,
        "date": date,
        "configuration": both.configuration,
        "from": before,
        "to": after,
        "metric": metric,
        "own": {release: _plain(both.own[release]) for release in (before, after)},
        "answer": sentence(both, metric, verdict),
        "own_source": both.source,
        "entered": list(verdict.entered),
        "share": round(verdict.share, 3),
        "others": [{"steps": list(steps), "share": round(share, 3)} for steps, share in verdict.others],
        "contradictions": list(verdict.contradictions),
        "same": same_stages(both),
        "swaps": [{"stage": swap.stage, "of": swap.of, "by": swap.by, **_plain(swap.outcome)} for swap in both.swaps],
        "differences": {stage: [list(row) for row in rows] for stage, rows in differences(both).items()},
    }


def _plain(outcome: Any) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "note": outcome.note,
        "metrics": dict(outcome.metrics),
    }


def render(both: Both, metric: str, verdict: Verdict, markdown: bool) -> str:
    """The sentence, then the two tables."""
    parts: Iterable[str] = (
        both.configuration["id"],
        sentence(both, metric, verdict),
        *([f"Note: {own_source(both)}."] if both.source else []),
        stages_table(both, metric, verdict, markdown),
        statistics_table(both, markdown),
    )
    return "\n\n".join(parts)
