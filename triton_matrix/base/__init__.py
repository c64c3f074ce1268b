"""What every room needs and nobody else owns: the table of cells, versions, files, commands, hooks.

Standard library only, Python 3.9 and later, so that it also runs in an environment with nothing but one Triton.
"""
