"""The plots of the results: share of the copy bandwidth by N, one panel per direction and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, product
from pathlib import Path
from typing import Any

from triton_matrix.base import files

from .conditions import PARITIES
from .peers import OURS
from .runs import Run, most_met, newest, same_bench

COLOURS = {OURS: "#d62728", "torch": "#7f7f7f", "compile": "#1f77b4", "liger": "#2ca02c", "quack": "#ff7f0e"}
# for other Tritons, or for the sweeps
MORE_COLOURS = ("#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22")
PANELS = (("forward", "bf16"), ("backward", "bf16"), ("forward", "fp32"), ("backward", "fp32"))


def write(runs: Sequence[Run], path: Path) -> None:
    """Draw ours, and the peers on the Triton of the run that met most of them; ours is the newest run of each Triton.

    A peer's line is that of the run of this Triton which has the most sizes of it.

    Args:
        runs: timed tables of one GPU, in the order of ``runs.read``; the general rule is drawn only where no other is.
        path: the SVG; the same runs give the same bytes.

    Raises:
        ValueError: there is no matplotlib.
    """
    figure, axes = _figure(path)
    most = most_met(runs)
    main = next(run for run in newest(runs) if run.triton == most.triton)
    others = [run for together in same_bench(runs) for run in together if run.bench == main.bench]
    others = [run for run in others if run.triton != main.triton]
    alike = [main, *(run for run in runs if run.triton == main.triton and run is not main)]
    for axis, (direction, dtype) in zip(axes.flat, PANELS):
        for name in (*most.peers, OURS):
            lines = [run.shares(direction, dtype, name=name) for run in (alike if name != OURS else [main])]
            label = f"ours, triton {main.kernels}" if name == OURS else name
            points = list(max(lines, key=len).items())
            _line(axis, points, label, color=COLOURS[name], linewidth=1.2, marker="o", markersize=3)
        for run, (style, colour) in zip(others, product(("--", ":", "-."), MORE_COLOURS[1:])):
            points = list(run.shares(direction, dtype).items())
            _line(axis, points, f"ours, triton {run.kernels}", color=colour, linewidth=1.0, linestyle=style)
    _finish(figure, axes, main.gpu, path)


def write_sweep(runs: Sequence[Run], path: Path) -> None:
    """Draw the fine sweeps of N, ours alone: even N as a line, odd N as points of the same colour.

    Args:
        runs: timed sweeps.
        path: the SVG; the same runs give the same bytes.

    Raises:
        ValueError: there is no matplotlib.
    """
    figure, axes = _figure(path)
    looks: dict[str, dict[str, Any]] = {
        "even": {"linewidth": 0.9, "marker": "o", "markersize": 2},
        "odd": {"linestyle": "none", "marker": "x", "markersize": 4},
    }
    for axis, (direction, dtype) in zip(axes.flat, PANELS):
        for run, colour in zip(runs, cycle(MORE_COLOURS)):
            shares = run.shares(direction, dtype, "sweep")
            for parity, remainder in PARITIES.items():
                points = [(n, share) for n, share in shares.items() if n % 2 == remainder]
                _line(axis, points, f"{run.label}, {parity} N", color=colour, **looks[parity])
    _finish(figure, axes, "ours in fine steps of N", path)


def _figure(path: Path) -> tuple[Any, Any]:
    try:
        import matplotlib
    except ImportError:
        raise ValueError(f"plot is {path}, but matplotlib is not installed; install it or leave --plot out") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "triton-matrix", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    return pyplot.subplots(2, 2, figsize=(11, 7), sharex=True, sharey=True, constrained_layout=True)


def _line(axis: Any, points: Sequence[tuple[int, Any]], label: str, **style: Any) -> None:
    if points:
        axis.plot(*zip(*points), label=label, **style)


def _finish(figure: Any, axes: Any, title: str, path: Path) -> None:
    from matplotlib import pyplot

    for axis, (direction, dtype) in zip(axes.flat, PANELS):
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
    figure.suptitle(title)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncol=5, frameon=False)
    with files.replacing(path) as scratch:
        figure.savefig(scratch, format="svg", metadata={"Date": None})
    pyplot.close(figure)
