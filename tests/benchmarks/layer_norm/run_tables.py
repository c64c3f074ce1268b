"""The tables of one run: shares beside the peers', host and device time of small problems, compiled against eager."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Optional

from . import goals, tables
from .conditions import WHOLE, host_below, host_us
from .markdown import DASH, folded, section
from .markdown import table as markdown
from .peers import OURS, OURS_COMPILED
from .runs import Run
from .tables import Timed

COMPILE_COLUMNS = (OURS, OURS_COMPILED, "torch", "compile")


def peers_summary(run: Run) -> str:
    """Ours against each peer over all sizes of a direction and dtype; "" where torch alone was timed."""
    if len(run.peers) < 2:
        return ""
    rows = [["", "sizes", "fastest, within 2 %", "lowest x best peer", "at N", *(f"x {name}" for name in run.peers)]]
    for direction, dtype in run.large():
        if not run.meets_peers(direction, dtype):
            continue
        sizes = {n: row for (n, _), row in run.rows("large", direction, dtype).items()}
        best = {n: speed for n, row in sizes.items() if (speed := tables.against_best(row)) is not None}
        if not best:
            continue
        worst = min(best, key=lambda n: best[n])
        level = sum(speed >= goals.LEVEL for speed in best.values())
        figures = [str(len(best)), str(level), f"{best[worst]:.2f}", str(worst)]
        rows.append([f"{direction} {dtype}", *figures, *(_median_speed(sizes, name) for name in run.peers)])
    note = (
        "`x` is a speed: how many times as fast ours is, the median over the sizes; best is the fastest of each size."
    )
    return section(f"Against the peers: {run.label}", markdown(rows), note) if len(rows) > 1 else ""


def shares(run: Run) -> str:
    """Every large row: the share of each implementation, ours against torch and against the fastest peer; folded."""
    names = [OURS, *run.peers]
    parts = []
    for direction, dtype in run.large():
        rows = [["N", *names, "ours, us", "x torch", "x best peer"]]
        for (n_cols, _), row in run.rows("large", direction, dtype).items():
            rows.append(
                [
                    str(n_cols),
                    *(_share(row.get(name), row) for name in names),
                    *_speeds(row, run.meets_peers(direction, dtype)),
                ]
            )
        parts.append(f"#### {direction}, {dtype}\n\n{markdown(rows)}")
    if not parts:
        return ""
    refused = run.about.get("refused", [])
    notes = ["The fastest of a row is bold; `-` was not timed, or refused."]
    notes += [
        f"Refused by {name}: {_rows_of(refused, name)}." for name in sorted({r["implementation"] for r in refused})
    ]
    notes += [f"Absent: {name} ({reason})." for name, reason in run.about.get("absent", {}).items()]
    late = tables.late_rows(run.report)
    notes += [f"May hold gaps, because the host came late: {', '.join(late)}."] if late else []
    listed = "\n".join(f"- {note}" for note in notes)
    return folded(f"Shares of the copy bandwidth, every size: {run.label}", *parts, listed)


def host_times(runs: Sequence[Run]) -> str:
    """Host time of small problems, forward + backward, against torch's and half of Liger's."""
    rows = [["", "shape", *tables.ORDER, "below torch's", "below half of Liger's"]]
    for run in runs:
        for (n_cols, n_rows), row in run.rows("small", WHOLE, "bf16").items():
            times = [_us(host_us(row, name)) for name in tables.ORDER]
            asked = [_below(row, "torch", 1.0), _below(row, "liger", goals.OF_LIGER)]
            rows.append([run.label, f"{n_rows} x {n_cols}", *times, *asked])
    note = "Microseconds of host time per call; `ours` against the two conditions."
    return section("Small problems: host time of forward + backward", markdown(rows), note) if len(rows) > 1 else ""


def compiled(run: Run) -> str:
    """Our operator under torch.compile against ours in eager mode, and torch's own two; "" where it was not timed."""
    summary = [["", "sizes", "median speed, compiled against eager", "lowest", "at N"]]
    parts = []
    for direction, dtype in run.large():
        sizes = {n: row for (n, _), row in run.rows("large", direction, dtype).items() if OURS_COMPILED in row}
        speeds = {n: row[OURS].seconds / row[OURS_COMPILED].seconds for n, row in sizes.items() if OURS in row}
        if not speeds:
            continue
        worst = min(speeds, key=lambda n: speeds[n])
        figures = [str(len(speeds)), f"{statistics.median(speeds.values()):.3f}", f"{speeds[worst]:.3f}", str(worst)]
        summary.append([f"{direction} {dtype}", *figures])
        rows = [["N", *(f"{name}, us" for name in COMPILE_COLUMNS), "compiled against eager"]]
        rows += [
            [
                str(n),
                *(_us(row[name].seconds * 1e6 if name in row else None) for name in COMPILE_COLUMNS),
                f"{speeds[n]:.3f}" if n in speeds else DASH,
            ]
            for n, row in sizes.items()
        ]
        parts.append(f"#### {direction}, {dtype}: device time\n\n{markdown(rows)}")
    host = [["host time, us", "shape", *COMPILE_COLUMNS]]
    for kind, direction, dtype in run.groups:
        for (n_cols, n_rows), row in run.rows(kind, direction, dtype).items() if kind == "small" else ():
            if OURS_COMPILED in row:
                times = [_us(host_us(row, name)) for name in COMPILE_COLUMNS]
                host.append([direction, f"{n_rows} x {n_cols}", *times])
    every_size = folded(f"Device time, every size: {run.label}", *parts)
    return section(f"torch.compile of the operator: {run.label}", markdown(summary), markdown(host), every_size)


def small(run: Run) -> str:
    """Host and device time of the small problems, every direction; folded."""
    rows = [["us", "shape", *(f"{name} {where}" for where in ("host", "device") for name in run.names)]]
    for kind, direction, dtype in run.groups:
        for (n_cols, n_rows), row in run.rows(kind, direction, dtype).items() if kind == "small" else ():
            host = [_us(host_us(row, name)) for name in run.names]
            device = [_us(row[name].seconds * 1e6 if name in row else None) for name in run.names]
            rows.append([direction, f"{n_rows} x {n_cols}", *host, *device])
    return folded(f"Small problems, host and device time: {run.label}", markdown(rows))


def first_calls(run: Run) -> str:
    """What the first call costs in a fresh process; folded."""
    rows = [["", "import, s", "first forward, s", "first backward, s"]]
    for benchmark in run.report["benchmarks"]:
        info = benchmark["extra_info"]
        if info["kind"] == "first-call":
            keys = ("import_seconds", "forward_seconds", "backward_seconds")
            rows.append([info["implementation"], *(f"{info[key]:.2f}" for key in keys)])
    return folded(f"First call, fresh process and empty caches: {run.label}", markdown(rows))


def _below(row: dict[str, Timed], peer: str, part: float) -> str:
    below = host_below(row, peer, part)
    return DASH if below is None else "met" if below else "missed"


def _median_speed(sizes: Mapping[int, Mapping[str, Timed]], name: str) -> str:
    speeds = [row[name].seconds / row[OURS].seconds for row in sizes.values() if name in row and OURS in row]
    return f"{statistics.median(speeds):.2f}" if speeds else DASH


def _speeds(row: Mapping[str, Timed], meets_peers: bool) -> list[str]:
    if OURS not in row:
        return [DASH, DASH, DASH]
    ours, best = row[OURS], tables.against_best(row) if meets_peers else None  # with torch alone it is "x torch"
    speed = ours.info["speed_against_torch"]
    return [f"{ours.seconds * 1e6:.0f}", f"{speed:.2f}" if speed else DASH, f"{best:.2f}" if best else DASH]


def _share(item: Optional[Timed], row: Mapping[str, Timed]) -> str:
    if item is None or item.share is None:
        return DASH
    fastest = min(other.seconds for name, other in row.items() if name != OURS_COMPILED)
    return f"**{item.share:.3f}**" if item.seconds == fastest else f"{item.share:.3f}"


def _us(value: Optional[float]) -> str:
    return DASH if value is None else f"{value:.1f}"


def _rows_of(refused: Sequence[Mapping[str, str]], name: str) -> str:
    by_reason: dict[str, list[str]] = {}
    for item in refused:
        if item["implementation"] == name:
            by_reason.setdefault(item["reason"], []).append(item["row"])
    return "; ".join(f"{', '.join(rows)} ({reason})" for reason, rows in by_reason.items())
