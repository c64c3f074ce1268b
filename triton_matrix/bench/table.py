"""What the verb prints: plain text, no line beyond 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ..base import compiler_variables, tables
from ..base.tables import DASH
from ..codegen import metrics
from ..evidence.toolchain import called
from .timings import OURS, timings

WIDTH = 100


def text(report: Mapping[str, Any], body: Sequence[str]) -> str:
    """What was run, and ``body``; what a comparison found comes after it (``against``)."""
    lines = [*heading(report), *body]
    return "\n".join(part for line in lines for part in wrapped(line))


def heading(report: Mapping[str, Any]) -> list[str]:
    """What was run on what, and that nothing was timed where that is so."""
    about = report["triton_matrix"]
    versions = about["versions"]
    gpus = ", ".join(f"{called(gpu)}, driver {gpu['driver']}" for gpu in about["gpus"]) or "no GPU"
    lines = [
        "",
        f"{about['cell']}  level {about['level']}  python {versions['python']}  torch {versions['torch']}"
        f"  triton {versions['triton']}  {gpus}",
    ]
    if about.get("variables"):
        lines.append(f"with {compiler_variables.shown(about['variables'])}, as this shell has it")
    if about["level"] == "codegen":
        lines.append("no kernel was timed: torch sees no GPU here. Compile times and exact metrics only.")
    elif about["level"] == "interpreter":
        lines.append("no kernel was timed: the rows ran on the CPU in Triton's interpreter.")
    return lines


def body(report: Mapping[str, Any]) -> list[str]:
    """The rows of any suite: times, and what was compiled. A suite of its own tables gives those instead."""
    about = report["triton_matrix"]
    benchmarks = [each for each in timings(report) if each.info.get("kind") != "compile"]
    if about["level"] != "device":
        ran = ["", f"{len(benchmarks)} rows ran, level {about['level']}: {', '.join(each.row for each in benchmarks)}"]
        return [*(ran if benchmarks else []), *compiled(report)]
    rows = [
        [
            each.row,
            "" if each.implementation == OURS else each.implementation,
            f"{each.median * 1e6:.1f}",
            DASH if each.spread is None else f"{each.spread:.1%}",
            DASH if each.info.get("gb_per_s") is None else f"{each.info['gb_per_s']:.0f}",
            DASH if each.share is None else f"{each.share:.3f}",
        ]
        for each in benchmarks
    ]
    headings, rows = tables.without_empty(["row", "peer", "median us", "spread", "GB/s", "of a copy"], rows)
    return ["", *tables.render(headings, rows, labels=1).splitlines(), *compiled(report)] if rows else compiled(report)


def compiled(
    report: Mapping[str, Any], columns: Sequence[tuple[str, str]] = (("configuration", "configuration"),)
) -> list[str]:
    """The compile times of a file and the metrics that decide how a kernel runs; nothing where it has none.

    Args:
        columns: (heading, key of ``extra_info``) of what a suite tells its kernels apart by.
    """
    rows = []
    for each in timings(report):
        info = each.info
        if info.get("kind") != "compile":
            continue
        measured = info["metrics"]
        figures = [metrics.first(measured, "registers"), metrics.spills(measured)]
        figures.append(metrics.first(measured, "occupancy"))
        names = [str(info[key]).strip("_") for _, key in columns]
        rows.append([*names, info["target"], info["options"]["num_warps"], f"{each.median:.2f}", *figures])
    headings = [*(heading for heading, _ in columns), "target", "warps", "compile s", "regs", "spills", "occupancy"]
    note = "compiled, not run; spills in bytes (cuda) or registers (hip), occupancy in warps"
    return ["", note, *tables.render(headings, rows, labels=1).splitlines()] if rows else []


def wrapped(line: str) -> list[str]:
    """A line as lines of at most ``WIDTH`` columns, what follows the first one indented."""
    if len(line) <= WIDTH:
        return [line.rstrip()]
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ")


def against(report: Mapping[str, Any]) -> list[str]:
    """What a comparison found, where there was one."""
    comparison = report["triton_matrix"].get("against")
    if not comparison:
        return []
    noisy = comparison["too_noisy"]
    return [
        f"{len(comparison['regressed'])} of {comparison['compared']} rows regressed against {comparison['baseline']}"
        f" of {comparison['baseline_date']}, commit {str(comparison['baseline_commit'] or 'unknown')[:10]}",
        *(f"  {row['row']}: {row['slowdown']:+.1%}, limit {row['limit']:.1%}" for row in comparison["regressed"]),
        *(f"  {row}: in the baseline, not timed now" for row in comparison["not_timed"]),
        *(f"  {row}: not in the baseline" for row in comparison["new"]),
        *(f"  {row}: looked slower once, not when measured again" for row in comparison["not_confirmed"]),
        *([f"{len(noisy)} rows are too noisy to tell a change of {comparison['threshold']:.0%}"] if noisy else []),
        *(f"  {row['row']}: too noisy to tell, {noise(row['slowdown'], row['limit'])}" for row in noisy),
    ]


def noise(slowdown: float, limit: Optional[float]) -> str:
    """Why nothing can be told of a row, and how it looks."""
    why = "too few rounds to know its noise" if limit is None else f"noise {limit:.1%}"
    return f"{why}; it looks {1 + slowdown:.2f} x the earlier time"
