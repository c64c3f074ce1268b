"""The page: one HTML file with everything in it. It asks the network for nothing and reads well without colour.

Tables are rendered here, so they are there without scripts too; heat map and charts are drawn in the browser from the
columns of ``matrix.json``, with Observable Plot (``vendor/``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..base import versions
from ..codegen import metrics
from . import sentences
from .matrix import Matrix

FOLDER = Path(__file__).parent
SCRIPTS = ("vendor/d3.min.js", "vendor/plot.umd.min.js", "page.js")
TESTS_SHOWN = 20  # test ids listed per failure group and place
WORSE_SHOWN = 60  # codegen changes listed beside the heat map, which marks them all
TIMINGS_SHOWN = 500  # timings listed that no plot shows
DRAWN_BY = ("share_of_copy", "n_cols", "direction", "dtype")  # what a timing must say to be drawn


def render(matrix: Matrix, out: Path) -> str:
    """The page of ``matrix``.

    Args:
        matrix: the judged matrix.
        out: the folder that the page is written to; links to evidence files are relative to it.
    """
    codegen = matrix["codegen"]
    return _template().render(
        matrix=matrix,
        out=out,
        levels=sentences.levels(matrix),
        launched_by=_launched_by(matrix),
        changed=sentences.change_lines(matrix["changes"]),
        verdicts=_counted(
            sorted((cell["verdict"] for cell in matrix["cells"].values()), key=list(sentences.MARKS).index)
        ),
        causes=_counted(group["cause"] for group in matrix["failures"]),
        incidents=_incidents(matrix),
        worse=sorted(codegen["changes"], key=lambda row: bool(row["accepted"])),
        timings=[row for row in matrix["benches"] if not _is_drawn(row)],
        timings_shown=TIMINGS_SHOWN,
        tests_shown=TESTS_SHOWN,
        worse_shown=WORSE_SHOWN,
        css=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
        scripts=[Markup(_script(name)) for name in SCRIPTS],
        data=Markup(_embedded(matrix)),
    )


@cache
def _template() -> jinja2.Template:
    """The page's template. To compile it takes longer than to fill it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["link"] = os.path.relpath
    environment.filters["code"] = _code
    environment.globals.update(sentences=sentences, marks=sentences.MARKS)
    return environment.get_template("page.html.j2")


def _code(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    parts = str(text).split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _counted(values: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _launched_by(matrix: Matrix) -> list[str]:
    """The releases in which some kernel's launch was run, on a GPU or in an interpreter, the oldest first."""
    ran = (of for row in matrix["launches"] for level, of in row["levels"].items() if level != "codegen")
    return sorted({release for of in ran for release in of}, key=versions.order)


@cache
def _script(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _embedded(matrix: Matrix) -> str:
    """What heat map and charts are drawn from. ``<`` is escaped, so no text in it can end the script element."""
    codegen = matrix["codegen"]
    kept = ("releases", "metrics", "status", "reasons", "values")
    wanted = (
        "name",
        "implementation",
        "direction",
        "dtype",
        "kind",
        "n_rows",
        "n_cols",
        "share_of_copy",
        "gb_per_s",
        "triton",
    )
    data = {
        "codegen": {
            **{key: value for key, value in codegen.items() if key in kept},
            "entries": [[entry["kernel"], entry["target"], _short(entry)] for entry in codegen["entries"]],
            "less_is_worse": metrics.LESS_IS_WORSE,
            "changes": [
                [row["entry"], row["from"], row["to"], row["what"], row["accepted"]] for row in codegen["changes"]
            ],
        },
        "benches": [
            {"run": sentences.on(row["cell"], row["on"]), **_wanted(row, wanted)}
            for row in matrix["benches"]
            if _is_drawn(row)
        ],
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _wanted(row: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: row[key] for key in keys if row.get(key) is not None}


def _is_drawn(row: Mapping[str, Any]) -> bool:
    """Whether a timing is in the plot of shares over N."""
    return all(row.get(key) for key in DRAWN_BY)


def _short(entry: Mapping[str, Any]) -> str:
    """A configuration's label without the kernel, which the page shows apart."""
    return ",".join(entry["settings"]) or str(entry["label"])


def _incidents(matrix: Matrix) -> dict[str, Any]:
    """A table: one row per incident and level it is observed at, one column per cell that has results of it."""
    cells = list(dict.fromkeys(incident["cell"] for incident in matrix["incidents"]))
    rows: dict[str, dict[str, Any]] = {}
    for incident in matrix["incidents"]:
        title = str(incident.get("incident") or incident["test"])
        what = " ".join(filter(None, (incident["level"], incident.get("name"))))
        row = rows.setdefault(f"{title} {what}", {"title": title, "what": what, "cells": {}})
        shows = {"True": "shows", "False": "does not show"}.get(str(incident.get("shown")), incident["outcome"])
        bad = incident["outcome"] in ("failed", "error")
        row["cells"][incident["cell"]] = {"shows": shows, "bad": bad, "detail": incident.get("detail", "")}
    return {"cells": cells, "rows": list(rows.values())}
