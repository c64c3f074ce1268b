"""From the evidence files under ``reports/`` to one answer: what works where, what changed, since which Triton.

The way of the data through these modules, one way only:

    results.py       each result of the evidence, annotated once: outdated, own, machine, whole or not, causes
    standing.py known.py  what it is annotated by: the checkout as it is now, and the failures that it accepts
    selection.py     which of them count; the others are listed
    rows.py          a row for each column, with the results that count at each level
    atlas.py         what all releases made of the launches, in columns, and the changes between them
    benches.py       the timings of devices, and how the benches ended
    facts.py         all of these in order
    compare_runs.py  this run against an earlier one, and cell against cell (speed.py, columns.py)
    verdict.py       the verdict of every level, row and release
    status.py        what is stale, the exit status and its reasons (expected.py: what must be there)
    serialise.py     the content of matrix.json, with atlas_failures.py and launches.py; its types are in matrix.py
    stored.py        GPU runs that the repository keeps: shown, never counted
    over_time.py     what reports/history remembers of every row, written by a clean checkout
    terminal.py markdown.py page.py   the three ways to show it; their sentences and marks are in sentences.py
    answer.py        all of it in order, as the options of cli.py ask

Needs Python 3.11 and the distributions jinja2, jsonschema and rich; nothing else in the package imports it but ``ci``.
"""
