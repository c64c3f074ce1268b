"""The answer of a scan: as JSON, as text for a terminal, and as a page. All three say the same."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from ..base import tables
from ..codegen.batches import OUT_OF_TIME
from ..evidence import schemas
from . import bounds
from .bounds import BACKENDS, FAILS, NOT_REACHED, OK, UNKNOWN, Kernel, Range

_STYLE = "body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}"
_STYLE += (
    "table{border-collapse:collapse;display:block;overflow-x:auto}td,th{border:1px solid #8884;padding:.2rem .6rem;"
)
_STYLE += "text-align:left;vertical-align:top}pre{white-space:pre-wrap}"


def ranges(per_backend: Sequence[Range], declared: str, wider: Sequence[str], kernels: Sequence[Kernel]) -> list[str]:
    """The sentences that a scan ends with."""
    lines = []
    for each in per_backend:
        name = BACKENDS[each.backend]
        if not any(kernel.on(each.backend, OK) for kernel in kernels):
            lines.append(f"{name}: nothing compiled, so nothing is known of a range")
        elif not each.good:
            lines.append(f"{name}: there is no release on which all kernels work")
        elif not each.bounds:
            lines.append(f"{name}: no bound was found from triton {each.asked[0]} to {each.asked[-1]}")
        else:
            lines.append(f"{name}: kernels need triton {each.specifier}")
            lines += [f"    {bound.clause}  {bound.reason}" for bound in each.bounds]
    lines.append(f"declared: {declared}")
    if wider:
        lines.append(f"the declaration allows what does not work: triton {', '.join(wider)}")
    if per_backend and per_backend[0].specifier:
        lines.append(f'for pyproject: "triton{per_backend[0].specifier}"')
    return lines


def summary(kernels: Sequence[Kernel]) -> str:
    """How many kernels there are, and how they were learned of."""
    counts = {how: sum(kernel.how == how for kernel in kernels) for how in dict.fromkeys(k.how for k in kernels)}
    said = f"{len(kernels)} kernels: " + ", ".join(f"{count} {how}" for how, count in sorted(counts.items()))
    limited = cut_short(kernels)
    large, late = limited["too_large"], limited["out_of_time"]
    said += f"; {large} with a guess that is too large" if large else ""
    return said + (f"; {late} not asked with every launch on every release: {OUT_OF_TIME}" if late else "")


def cut_short(kernels: Sequence[Kernel]) -> dict[str, int]:
    """How many kernels were not asked as the others, since their guess takes long or its time was over."""
    return {
        "too_large": sum(kernel.is_too_large() for kernel in kernels),
        "out_of_time": sum(kernel.late for kernel in kernels),
    }


def rows(kernels: Sequence[Kernel], backends: Sequence[str], asked: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """A table: kernel by backend, on which releases it compiles, fails, or is not known."""
    headings = ["kernel", "at", "how"]
    for backend in backends:
        headings += [f"{BACKENDS[backend]} compiles", "fails"]
    table_rows = []
    for kernel in kernels:
        row = [kernel.name.rpartition(":")[2], kernel.place, kernel.how]
        for backend in backends:
            row += [bounds.span(kernel.on(backend, OK), asked), bounds.span(kernel.on(backend, FAILS), asked)]
        table_rows.append(row)
    return headings, table_rows


def unknown(kernels: Sequence[Kernel], backends: Sequence[str], asked: Sequence[str]) -> list[str]:
    """What is not known, and why: kernels that were not reached, and guesses that fail by themselves."""
    lines = []
    for kernel in kernels:
        if kernel.how == NOT_REACHED:
            why = next((text for texts in kernel.reasons.values() for text in reversed([*texts.values()]) if text), "")
            lines.append(f"not reached: {kernel.name} ({kernel.place}){f': {why[:160]}' if why else ''}")
            continue
        for backend in backends:
            some = [each for each in kernel.on(backend, UNKNOWN) if kernel.reasons.get(backend, {}).get(each)]
            if some:
                where = f"{BACKENDS[backend]} {bounds.span(some, asked)}"
                why = kernel.reasons[backend][some[-1]][:160]
                lines.append(f"not known: {kernel.name} ({kernel.how}), {where}: {why}")
                break  # the other backend says the same
    return lines


def as_json(about: dict[str, Any], kernels: Sequence[Kernel], per_backend: Sequence[Range]) -> dict[str, Any]:
    """Everything, for programs."""
    listed = [
        {
            "kernel": kernel.name,
            "place": kernel.place,
            "how": kernel.how,
            "launches": kernel.launches,
            "status": kernel.status,
            "reasons": kernel.reasons,
        }
        for kernel in kernels
    ]
    of_backends = [
        {
            "backend": each.backend,
            "specifier": each.specifier,
            "good": each.good,
            "bounds": [{"clause": bound.clause, "reason": bound.reason} for bound in each.bounds],
        }
        for each in per_backend
    ]
    return {"schema": schemas.SCAN, **about, "ranges": of_backends, "kernels": listed}


def page(title: str, parts: Sequence[tuple[str, Any]]) -> str:
    """One HTML file. A part is a heading with a list of lines, or with headings and rows of a table."""
    body = [f"<h1>{html.escape(title)}</h1>"]
    for heading, content in parts:
        body.append(f"<h2>{html.escape(heading)}</h2>")
        if isinstance(content, tuple):
            cells = [[f"<th>{html.escape(each)}</th>" for each in content[0]]]
            cells += [[f"<td>{html.escape(each)}</td>" for each in row] for row in content[1]]
            body.append("<table>" + "".join(f"<tr>{''.join(row)}</tr>" for row in cells) + "</table>")
        else:
            body.append(f"<pre>{html.escape(chr(10).join(content))}</pre>")
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def text(parts: Sequence[tuple[str, Any]]) -> str:
    """The same parts for a terminal."""
    said = []
    for heading, content in parts:
        shown = tables.render(*content, labels=3) if isinstance(content, tuple) else "\n".join(content)
        said.append(f"{heading}\n{shown}")
    return "\n\n".join(said)
