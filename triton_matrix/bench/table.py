"""What the bench prints: plain text, no line beyond 100 columns. And how a report is laid out as a file."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .peers import OURS, OURS_COMPILED, OWN

WIDTH = 100
ORDER = (OURS, OURS_COMPILED, "torch", "compile", "liger", "quack")


@dataclass(frozen=True)
class Timed:
    """One timed row of a report, flat.

    Attributes:
        seconds: median of its rounds.
        info: its ``extra_info``.
    """

    seconds: float
    info: Mapping[str, Any]

    @property
    def share(self) -> Optional[float]:
        """Of the copy bandwidth of the same process."""
        return self.info.get("share_of_copy")


# (kind, direction, dtype) -> n_cols -> implementation -> row
Groups = dict[tuple[str, str, str], dict[tuple[int, int], dict[str, Timed]]]


def timed(report: Mapping[str, Any]) -> Groups:
    """The timed rows of a report, grouped as tables show them."""
    groups: Groups = {}
    for benchmark in report["benchmarks"]:
        info = benchmark["extra_info"]
        if info["kind"] in ("compile", "first-call"):
            continue
        group = groups.setdefault((info["kind"], info["direction"], info["dtype"]), {})
        row = group.setdefault((info["n_cols"], info["n_rows"]), {})
        row[info["implementation"]] = Timed(benchmark["stats"]["median"], info)
    return {key: dict(sorted(groups[key].items())) for key in groups}


def implementations(report: Mapping[str, Any]) -> list[str]:
    """Who was timed, ours first, the rest in the order that tables show; ours compiled is one of them, and no peer."""
    there = report["triton_matrix"].get("implementations", {})
    return [name for name in ORDER if name in there]


def late_rows(report: Mapping[str, Any]) -> list[str]:
    """The rows, each with its implementation, of which no head start kept the host ahead (``Measurement.late``)."""
    infos = (benchmark["extra_info"] for benchmark in report["benchmarks"])
    return [f"{info['row']} {info['implementation']}" for info in infos if info.get("late")]


def compact_json(report: Mapping[str, Any]) -> str:
    """The report as JSON with one line per benchmark: a stored result then has a diff that can be read."""
    head = {key: value for key, value in report.items() if key != "benchmarks"}
    lines = ",\n".join(json.dumps(benchmark) for benchmark in report["benchmarks"])
    return json.dumps(head, indent=1)[:-2] + ',\n "benchmarks": [\n' + lines + "\n]}\n"


def text(report: Mapping[str, Any]) -> str:
    """The whole answer for a terminal."""
    lines = [*_heading(report)]
    for (kind, direction, dtype), rows in timed(report).items():
        title = f"{direction} {dtype}"
        if kind == "small":
            lines += ["", f"{title}: microseconds on the device, and on the host to enqueue a call"]
            lines += _small(report, rows)
        elif report["triton_matrix"]["level"] == "device":
            lines += ["", f"{title}: share of the copy bandwidth" + (" (sweep)" if kind == "sweep" else "")]
            lines += _shares(report, rows)
        else:
            lines += ["", f"{title}: ran, level {report['triton_matrix']['level']}; {len(rows)} shapes"]
    lines += _first_calls(report) + _compiled(report) + _ending(report)
    return "\n".join(part for line in lines for part in wrapped(line))


def wrapped(line: str) -> list[str]:
    """A line as lines of at most ``WIDTH`` columns, what follows the first one indented."""
    if len(line) <= WIDTH:
        return [line.rstrip()]
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ")


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    ]


def against_best(row: Mapping[str, Timed]) -> Optional[float]:
    """Speed of ours against the fastest peer timed on the row; None without a peer."""
    others = [item.seconds for name, item in row.items() if name not in OWN]
    return min(others) / row[OURS].seconds if others and OURS in row else None


def _heading(report: Mapping[str, Any]) -> list[str]:
    about = report["triton_matrix"]
    found = about["versions"]
    gpus = ", ".join(f"{gpu['name']}, driver {gpu['driver']}" for gpu in about["gpus"]) or "no GPU"
    lines = [
        "",
        f"{about['cell']}  level {about['level']}  python {found['python']}  torch {found['torch']}"
        f"  triton {found['triton']}  {gpus}",
    ]
    if about.get("copy_gb_per_s"):
        copies = about["copy_gb_per_s"], about["copy_gb_per_s_at_end"]
        lines.append("a copy moves {:.0f} GB/s at the start, {:.0f} at the end".format(*copies))
    if about["level"] == "codegen":
        lines.append("no kernel was timed: torch sees no GPU here. Compile times and exact metrics only.")
    elif about["level"] == "interpreter":
        lines.append("no kernel was timed: the rows ran on the CPU in Triton's interpreter.")
    return lines


def _shares(report: Mapping[str, Any], rows: Mapping[tuple[int, int], Mapping[str, Timed]]) -> list[str]:
    names = implementations(report)
    cells = [["N", *names, "ours us", "GB/s", "x torch", "x best peer"]]
    for (n_cols, _), row in rows.items():
        ours = row.get(OURS)
        figures = ["-", "-", "-"]
        if ours:
            speed = _number(ours.info["speed_against_torch"], ".2f")
            figures = [f"{ours.seconds * 1e6:.1f}", f"{ours.info['gb_per_s']:.0f}", speed]
        shares = [_number(row[name].share if name in row else None, ".3f") for name in names]
        cells.append([str(n_cols), *shares, *figures, _number(against_best(row), ".2f")])
    return align(cells)


def _small(report: Mapping[str, Any], rows: Mapping[tuple[int, int], Mapping[str, Timed]]) -> list[str]:
    names = implementations(report)
    cells = [["shape", "", *names]]
    for (n_cols, n_rows), row in rows.items():
        there = [row.get(name) for name in names]
        shape = f"{n_rows} x {n_cols}"
        cells.append([shape, "device", *(f"{item.seconds * 1e6:.1f}" if item else "-" for item in there)])
        cells.append([shape, "host", *(f"{item.info['host_us_per_call']:.1f}" if item else "-" for item in there)])
    return align(cells)


def _first_calls(report: Mapping[str, Any]) -> list[str]:
    cells = [["", "import s", "forward s", "backward s"]]
    for info in _infos(report, "first-call"):
        seconds = [f"{info[key]:.2f}" for key in ("import_seconds", "forward_seconds", "backward_seconds")]
        cells.append([info["implementation"], *seconds])
    return ["", "first call in a fresh process, empty caches", *align(cells)] if len(cells) > 1 else []


def _compiled(report: Mapping[str, Any]) -> list[str]:
    cells = [["kernel", "N", "target", "warps", "compile s", "regs", "spills", "occupancy"]]
    for benchmark in report["benchmarks"]:
        info = benchmark["extra_info"]
        if info["kind"] != "compile":
            continue
        metrics = info["metrics"]
        cells.append(
            [
                info["kernel"].strip("_"),
                str(info["n_cols"]),
                info["target"],
                str(info["options"]["num_warps"]),
                f"{benchmark['stats']['median']:.2f}",
                str(metrics.get("registers", metrics.get("vgprs"))),
                str(spills(metrics)),
                str(metrics.get("occupancy_warps", metrics.get("waves_per_simd"))),
            ]
        )
    note = "compiled, not run; spills in instructions (cuda) or registers (hip), occupancy in warps"
    return ["", note, *align(cells)] if len(cells) > 1 else []


def spills(metrics: Mapping[str, Any]) -> int:
    """What a kernel spills: instructions that store or load spilled registers on CUDA, spilled VGPRs on HIP."""
    if "spill_stores" in metrics:
        return metrics["spill_stores"] + metrics["spill_loads"]
    return metrics["vgpr_spills"]


def _ending(report: Mapping[str, Any]) -> list[str]:
    about = report["triton_matrix"]
    lines = [""] + [f"absent: {name} ({reason})" for name, reason in about.get("absent", {}).items()]
    refused: dict[tuple[str, str], list[str]] = {}
    for item in about.get("refused", []):
        refused.setdefault((item["implementation"], item["reason"]), []).append(item["row"])
    for (name, reason), rows in refused.items():
        lines.append(f"{name} refuses {', '.join(rows)}: {reason}")
    late = late_rows(report)
    lines += [f"may hold gaps, because the host came late: {', '.join(late)}"] if late else []
    lines += [f"FAILED {item['row']}: {item['reason']}" for item in about.get("failed", [])]
    found = about.get("against")
    if found:
        lines.append(f"{len(found['regressed'])} of {found['compared']} rows regressed against {found['baseline']}")
        lines += [
            f"  {change['row']}: {change['slowdown']:+.1%}, limit {change['limit']:.1%}"
            for change in found["regressed"]
        ]
        lines += [f"  {row}: looked slower once, not when measured again" for row in found["not_confirmed"]]
    return lines


def _infos(report: Mapping[str, Any], kind: str) -> Iterable[Mapping[str, Any]]:
    return (item["extra_info"] for item in report["benchmarks"] if item["extra_info"]["kind"] == kind)


def _number(value: Optional[float], form: str) -> str:
    return "-" if value is None else format(value, form)
