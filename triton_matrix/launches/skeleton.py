"""The verb ``launch``: a launch file to start from, for a kernel that nothing launches here."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..base import commands
from . import guess
from .loading import split

HEAD = """\
# Guessed from the source of {place}. Hold it against a call of the kernel:
# types of pointers follow from how they are used, sizes and switches from their names. Write the values of a launch.
"""


@commands.exit_status("launch")
def main(argv: list[str]) -> int:
    """Print a launch file for a kernel, guessed from its source: types by use, sizes and switches by name.

    Exit status 0; 2: there is no such kernel.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix launch", description=main.__doc__)
    parser.add_argument("kernel", metavar="FILE.py:KERNEL")
    options = parser.parse_args(argv)
    module, name = split(options.kernel)
    path = Path(module)
    if not path.is_file():
        raise ValueError(f"FILE.py:KERNEL is {options.kernel!r}; there is no file {module}")
    kernels, unread = guess.of_file(path.resolve())
    kernel = next((each for each in kernels if each.name == name), None)
    if unread:
        raise ValueError(f"FILE.py:KERNEL is {options.kernel!r}; {unread}")
    if kernel is None:
        listed = ", ".join(each.name for each in kernels) or "none"
        raise ValueError(f"FILE.py:KERNEL is {options.kernel!r}; kernels of {path.name} are {listed}")
    print(HEAD.format(place=f"{path.name}:{kernel.line}") + kernel.launch, end="")
    return 0
