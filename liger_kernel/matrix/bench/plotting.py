"""The plot of docs/performance.md: share of the copy bandwidth by N, one panel per direction and dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from . import table
from .peers import OURS

COLOURS = {OURS: "#d62728", "torch": "#7f7f7f", "compile": "#1f77b4", "liger": "#2ca02c", "quack": "#ff7f0e"}
PANELS = (("forward", "bf16"), ("backward", "bf16"), ("forward", "fp32"), ("backward", "fp32"))


def write(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw ours and the peers of the report that timed the most of them, and ours in the others and in the sweep.

    Args:
        reports: of level device.
        path: the SVG; the same reports give the same bytes.

    Raises:
        ValueError: there is no matplotlib, or nothing to draw.
    """
    try:
        import matplotlib
    except ImportError:
        raise ValueError(f"plot is {path}, but matplotlib is not installed; install it or leave --plot out") from None
    timed = [report for report in reports if report["liger_matrix"]["level"] == "device"]
    if not timed:
        raise ValueError(f"plot is {path}, but none of the files has a timed row")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "liger-matrix", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    main = max(timed, key=lambda report: (len(table.implementations(report)), len(report["benchmarks"])))
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 7), sharex=True, sharey=True, constrained_layout=True)
    for axis, (direction, dtype) in zip(axes.flat, PANELS):
        for report in timed:
            for (kind, *panel), sizes in table.timed(report).items():
                if panel == [direction, dtype] and kind in ("large", "sweep"):
                    _lines(axis, report, kind, sizes, report is main)
        axis.set_title(f"{direction}, {dtype}")
        axis.set_xscale("log", base=2)
        axis.set_ylim(0, 1.05)
        axis.grid(True, alpha=0.3)
    for axis in axes[1]:
        axis.set_xlabel("N (columns)")
    for axis in axes[:, 0]:
        axis.set_ylabel("share of the copy bandwidth")
    handles: dict[str, Any] = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncol=5, frameon=False)
    with files.replacing(path) as scratch:
        figure.savefig(scratch, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def _lines(axis: Any, report: Mapping[str, Any], kind: str, sizes: Mapping[Any, Mapping[str, Any]], main: bool) -> None:
    triton = report["liger_matrix"]["versions"]["triton"]
    for name in table.implementations(report):
        if not main and name != OURS:
            continue
        points = [(n, row[name].share) for (n, _), row in sizes.items() if name in row and row[name].share]
        if not points:
            continue
        label = f"{name}, triton {triton}" if name == OURS else name
        style: dict[str, Any] = {"color": COLOURS[name], "linewidth": 1.2, "marker": "o", "markersize": 3}
        if kind == "sweep":
            label, style = f"{label}, sweep", {"color": COLOURS[name], "linewidth": 0.6, "alpha": 0.5}
        elif not main:
            style = {"linewidth": 1.0, "linestyle": "--"}
        axis.plot(*zip(*points), label=label, **style)
