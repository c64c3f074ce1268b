"""Kernels under compute-sanitizer, which finds what a right result may hide: stray reads and writes, races, barriers.

tools.py     the four tools: their command lines, and what their logs say
choosing.py  a few tests of a cell's device level that reach each of its kernels
once.py      the process that runs launches once; running.py: that, or those tests, under each tool
filing.py    what was found, as the run and JUnit file of a level
cli.py       the verb ``sanitize``
"""
