"""What the terminal shows of our rows, and the timed rows of a file, grouped as tables show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from triton_matrix.base import tables
from triton_matrix.bench import table

from .peers import OURS, OURS_COMPILED, OWN

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


def lines(report: Mapping[str, Any]) -> list[str]:
    """What the verb prints of a file of ours, between its heading and what a comparison found."""
    about = report["triton_matrix"]
    found = []
    if about.get("copy_gb_per_s"):
        copies = about["copy_gb_per_s"], about["copy_gb_per_s_at_end"]
        found.append("a copy moves {:.0f} GB/s at the start, {:.0f} at the end".format(*copies))
    for (kind, direction, dtype), rows in timed(report).items():
        title = f"{direction} {dtype}"
        if kind == "small":
            found += ["", f"{title}: microseconds on the device, and on the host to enqueue a call"]
            found += _small(report, rows)
        elif about["level"] == "device":
            found += ["", f"{title}: share of the copy bandwidth" + (" (sweep)" if kind == "sweep" else "")]
            found += _shares(report, rows)
        else:
            found += ["", f"{title}: ran, level {about['level']}; {len(rows)} shapes"]
    compiled = table.compiled(report, (("kernel", "kernel"), ("N", "n_cols")))
    return [*found, *_first_calls(report), *compiled, *_ending(report)]


def against_best(row: Mapping[str, Timed]) -> Optional[float]:
    """Speed of ours against the fastest peer timed on the row; None without a peer."""
    others = [item.seconds for name, item in row.items() if name not in OWN]
    return min(others) / row[OURS].seconds if others and OURS in row else None


def _shares(report: Mapping[str, Any], rows: Mapping[tuple[int, int], Mapping[str, Timed]]) -> list[str]:
    names = implementations(report)
    cells = []
    for (n_cols, _), row in rows.items():
        ours = row.get(OURS)
        figures = ["-", "-", "-"]
        if ours:
            speed = _number(ours.info["speed_against_torch"], ".2f")
            figures = [f"{ours.seconds * 1e6:.1f}", f"{ours.info['gb_per_s']:.0f}", speed]
        shares = [_number(row[name].share if name in row else None, ".3f") for name in names]
        cells.append([str(n_cols), *shares, *figures, _number(against_best(row), ".2f")])
    return tables.render(["N", *names, "ours us", "GB/s", "x torch", "x best peer"], cells, labels=1).splitlines()


def _small(report: Mapping[str, Any], rows: Mapping[tuple[int, int], Mapping[str, Timed]]) -> list[str]:
    names = implementations(report)
    cells = []
    for (n_cols, n_rows), row in rows.items():
        there = [row.get(name) for name in names]
        shape = f"{n_rows} x {n_cols}"
        cells.append([shape, "device", *(f"{item.seconds * 1e6:.1f}" if item else "-" for item in there)])
        cells.append([shape, "host", *(f"{item.info['host_us_per_call']:.1f}" if item else "-" for item in there)])
    return tables.render(["shape", "", *names], cells, labels=1).splitlines()


def _first_calls(report: Mapping[str, Any]) -> list[str]:
    cells = []
    for info in _infos(report, "first-call"):
        seconds = [f"{info[key]:.2f}" for key in ("import_seconds", "forward_seconds", "backward_seconds")]
        cells.append([info["implementation"], *seconds])
    lines = tables.render(["", "import s", "forward s", "backward s"], cells, labels=1).splitlines()
    return ["", "first call in a fresh process, empty caches", *lines] if cells else []


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
    return lines


def _infos(report: Mapping[str, Any], kind: str) -> Iterable[Mapping[str, Any]]:
    return (item["extra_info"] for item in report["benchmarks"] if item["extra_info"]["kind"] == kind)


def _number(value: Optional[float], form: str) -> str:
    return "-" if value is None else format(value, form)
