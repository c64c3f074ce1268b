"""The bench: one timing function for every Triton and any kernel, regressions called beyond the noise.

    timing.py          times calls on a device, in the same way with every release of Triton
    bandwidth.py       what a device copy moves, and rates as a share of that
    compiling.py       compile times and exact metrics, where no GPU is
    plugin.py          the pytest side: options and fixtures that any suite of benchmarks may use
    header.py          what a file is evidence of: cell, level, versions, GPUs, commit
    timings.py         the rows of a file; ``evidence.benchmark_file`` says what a file holds, key by key
    runs.py            stored files: which GPU, Triton and settings each is of
    regression.py      is a row slower than before?
    table.py           what the terminal shows
    cli.py             the verb ``bench``
    device/            launches on a GPU; the verb ``tune``
    sanitizer/         the verb ``sanitize``

Nothing here knows what is timed: that is the suite's, in the folder that ``[package] bench`` names. docs/bench.md tells
how to write one.
"""
