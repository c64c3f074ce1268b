"""From the evidence files under ``reports/`` to one answer: what works where, what changed, since which Triton.

The way of the data through these modules, one way only:

    evidence.py      reads folders of evidence files; a broken or foreign file becomes a named problem
    causes.py        what broke, from the table causes.toml
    merge.py         folders -> one matrix: per cell and level the newest result wins, the others are listed
    atlas.py         the codegen level: all releases in columns, and the codegen changes between them
    benches.py       the device's timings, and which of them moved beyond the noise
    compare_runs.py  this matrix against an earlier one, and cell against cell
    verdict.py       verdicts, known failures, what was required, the exit status
    terminal.py markdown.py page.py   the three ways to show it; their words and marks are in words.py
    answer.py        all of it in order, as the options of cli.py ask

Needs Python 3.11 and the distributions jinja2, jsonschema and rich; nothing else in the package imports it.
"""
