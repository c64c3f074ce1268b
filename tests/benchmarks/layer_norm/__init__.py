"""What our benchmarks know of LayerNorm, beside the harness's bench, which knows no kernel.

    rows.py          which shapes, dtypes and directions are timed, and how many bytes each must move
    peers.py         our LayerNorm and the others, behind one signature
    problem.py       the tensors of a row
    suite.py         one process's measurements
    launches.py      what the launch plan says: settings of a row, kernels to compile
    first_call.py    what the first call costs in a fresh process
    tables.py        what the terminal shows
    options.py       the options of our conftest

From stored files:

    runs.py          files as tables need them
    goals.py, conditions.py              what is asked of the kernels
    run_tables.py, comparisons.py        tables of one run, and of several beside each other
    plotting.py, render.py               docs/performance.md and results/tables.md
"""
