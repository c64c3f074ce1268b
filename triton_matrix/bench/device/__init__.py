"""Launches at level device: in every Triton at hand, their values compared and their times taken in turns.

worker.py       the process of one Triton; served.py: what it does with a launch
workers.py      those processes, asked from outside
rounds.py       times taken in turns
run.py          launches, one after the other
varying.py      the best of several options and constexprs, and where it moved
tune.py         the verb ``tune``; sweeps.py: its file
interpreted.py  what interpreters computed, to hold values against
dots.py         which share of a matrix product a launch's dots reach
judging.py      verdicts
document.py     the file of a Triton; terminal.py: what the terminal shows
cli.py          ``bench --launches``
"""
