"""Runs beside each other: the kernels on each Triton, the general rule against the tuned table, and the fine sweep."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from . import goals
from .conditions import PARITIES, SINGLE, drops
from .markdown import DASH, folded, section
from .markdown import table as markdown
from .runs import GENERAL, Run, general_and_tuned, same_bench

SHARPEST = 3


def tritons(runs: Sequence[Run]) -> str:
    """Ours on each Triton, same GPU and settings, against the newest; what one of them alone has is left out."""
    return "\n\n".join(_tritons(together) for together in same_bench([run for run in runs if not run.is_sweep]))


def general(runs: Sequence[Run]) -> str:
    """What a GPU without a tuned table gets: the general rule, timed on a GPU that has one."""
    return "\n\n".join(
        _general(by_rule, by_table)
        for by_rule, by_table in general_and_tuned([run for run in runs if not run.is_sweep])
    )


def sweep(run: Run) -> str:
    """The sharpest drops from one N to the next, which is where a cliff would be; even and odd N apart."""
    rows = [["", "N", "sizes", "lowest share", "at N", "sharpest drops"]]
    for kind, direction, dtype in run.groups:
        shares = run.shares(direction, dtype, "sweep") if kind == "sweep" else {}
        for parity, remainder in PARITIES.items():
            some = {n: share for n, share in shares.items() if n % 2 == remainder}
            steps = drops(run, direction, dtype, parity)[:SHARPEST]
            if not some:
                continue
            lowest = min(some, key=lambda n: some[n])
            listed = ", ".join(f"{change:.1%} at {after}" for change, _, after in steps if change < 0) or "none"
            rows.append([f"{direction} {dtype}", parity, str(len(some)), f"{some[lowest]:.3f}", str(lowest), listed])
    return section(f"Sweep of N: {run.label}", markdown(rows))


def _tritons(runs: Sequence[Run]) -> str:
    newest = runs[-1]
    summary = [["", *(f"{run.triton} / {newest.triton}" for run in runs[:-1])]]
    parts = []
    for direction, dtype in newest.large():
        there = [run for run in runs if run.shares(direction, dtype)]
        if len(there) < 2:
            continue
        by_run = [run.shares(direction, dtype) for run in there]
        rows = [["N", *(run.triton for run in there), *(f"{run.triton} / {newest.triton}" for run in there[:-1])]]
        for n in sorted(set().union(*by_run)):
            shares = [share.get(n) for share in by_run]
            last = shares[-1]
            ratios = [f"{share / last:.3f}" if share and last else DASH for share in shares[:-1]]
            rows.append([str(n), *(f"{share:.3f}" if share else DASH for share in shares), *ratios])
        parts.append(f"#### {direction}, {dtype}\n\n{markdown(rows)}")
        if direction in SINGLE:
            summary.append([f"{direction} {dtype}", *(_lowest(run, newest, direction, dtype) for run in runs[:-1])])
    title = "The same kernels on each Triton: " + newest.gpu + (f", {GENERAL}" if newest.settings == GENERAL else "")
    note = f"Lowest ratio up to N = {goals.WITH_NEWEST_UP_TO}, then over all N."
    return section(title, markdown(summary), note, folded("Shares on each Triton, every size", *parts))


def _lowest(run: Run, newest: Run, direction: str, dtype: str) -> str:
    ratios = run.against(newest, direction, dtype)
    usual = {n: ratio for n, ratio in ratios.items() if n <= goals.WITH_NEWEST_UP_TO}
    lowest = (min(part, key=lambda n, part=part: part[n]) for part in (usual, ratios) if part)  # type: ignore[misc]
    return ", ".join(dict.fromkeys(f"{ratios[n]:.3f} at {n}" for n in lowest)) or DASH


def _general(by_rule: Run, by_table: Run) -> str:
    summary = [["", "sizes", "median, general / tuned", "lowest", "at N"]]
    parts = []
    for direction, dtype in by_rule.large():
        rule, tuned = by_rule.shares(direction, dtype), by_table.shares(direction, dtype)
        ratios = by_rule.against(by_table, direction, dtype)
        if not ratios:
            continue
        lowest = min(ratios, key=lambda n: ratios[n])
        figures = [f"{statistics.median(ratios.values()):.3f}", f"{ratios[lowest]:.3f}", str(lowest)]
        summary.append([f"{direction} {dtype}", str(len(ratios)), *figures])
        rows = [["N", "general rule", "tuned table", "general / tuned"]]
        rows += [[str(n), f"{rule[n]:.3f}", f"{tuned[n]:.3f}", f"{ratio:.3f}"] for n, ratio in ratios.items()]
        parts.append(f"#### {direction}, {dtype}\n\n{markdown(rows)}")
    title = f"General rule against tuned table: {by_rule.gpu}, triton {by_rule.triton}"
    return section(title, markdown(summary), folded("Shares by either, every size", *parts))
