"""What the terminal shows of launches on a GPU: by launch and Triton, what is wrong, and the best configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ...base import tables
from ...base.tables import DASH
from ...codegen import metrics
from ..bandwidth import rates
from .document import moved
from .judging import Judged, Table
from .varying import Options, Varied


def lines(table: Table, copies: Mapping[str, Optional[float]], varied: Mapping[str, Varied]) -> list[str]:
    """All of a run.

    Args:
        copies: release -> bytes a second of a device copy in its process.
    """
    rows = [
        [release, *_figures(judged, copies[release]), _verdict(judged)]
        for of in table.values()
        for release, judged in of.items()
    ]
    headings = ["triton", "median us", "spread", "GB/s", "of a copy", "TFLOP/s", "of a matmul"]
    headings += ["regs", "spills", "verdict"]
    head, *drawn = tables.render(*tables.without_empty(headings, rows), labels=1).splitlines()
    output, left = ["", head], iter(drawn)
    for label, of in table.items():
        output.append(label)
        for release, judged in of.items():
            output.append(next(left))
            output += [f"  {release}: {each.kind}: {each.what}" for each in judged.verdicts]
            output += [f"  {release}: info: {each}" for each in judged.remarks]
    return [*output, *_best(varied)]


def _figures(judged: Judged, copy: Optional[float]) -> list[Any]:
    row = judged.row
    regs = metrics.first(row.metrics, "registers")
    code = [DASH if regs is None else regs, metrics.spills(row.metrics) if "spill_stores" in row.metrics else DASH]
    if row.times is None:
        return [DASH] * 6 + code
    bandwidth = rates(moved(judged), row.times.median, copy)
    rate = DASH if bandwidth["gb_per_s"] is None else f"{bandwidth['gb_per_s']:.0f}"
    share = DASH if bandwidth["share_of_copy"] is None else f"{bandwidth['share_of_copy']:.3f}"
    dots = [row.share.tflop_per_s, row.share.of_products] if row.share else [None, None]
    of_dots = [DASH if each is None else format(each, form) for each, form in zip(dots, (".3g", ".3f"))]
    return [f"{row.times.median * 1e6:.1f}", f"{row.times.spread:.1%}", rate, share, *of_dots, *code]


def _verdict(judged: Judged) -> str:
    kinds = list(dict.fromkeys(each.kind for each in judged.verdicts))
    return ", ".join(kinds) or ("ok" if judged.compared else "ran")


def _best(varied: Mapping[str, Varied]) -> list[str]:
    """The best configuration of each launch in each Triton."""
    if not varied:
        return []
    rows = [
        [release, shown(best), f"{of.seconds[release][best] * 1e6:.1f}", _own(of, release)]
        for of in varied.values()
        for release, best in of.best.items()
    ]
    headings = ["triton", "best configuration", "median us", "as launched"]
    head, *drawn = tables.render(headings, rows, labels=1).splitlines()
    output, left = ["", head], iter(drawn)
    for label, of in varied.items():
        output += [label, *(next(left) for _ in of.best)]
    return output


def _own(varied: Varied, release: str) -> str:
    """How long the launch's own configuration, which is the first, takes."""
    seconds = varied.seconds[release].get(varied.own)
    return DASH if seconds is None else f"{seconds * 1e6:.1f}"


def shown(options: Options) -> str:
    """``num_warps 4, num_stages 2``."""
    return ", ".join(f"{name} {value}" for name, value in options)
