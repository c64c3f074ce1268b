"""``python -I torch_check.py PLATFORM``: is torch here one for PLATFORM, with exactly one Triton beside it?

Run as a file by the cell's own Python, so it uses the standard library only; with -I, because this folder has modules
that are called like some of that library. It imports neither torch nor triton: it reads the version file of torch and
the file lists of what is installed. Exit status 1, and one sentence, where not.
"""

from __future__ import annotations

import runpy
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Optional

# what a torch built for the platform says in torch/version.py
SAYS = {"rocm": "hip", "cuda": "cuda", "xpu": "xpu"}


def trouble(platform: str) -> Optional[str]:
    """What is wrong here, or None."""
    path = Path(sysconfig.get_path("platlib"), "torch", "version.py")
    if not path.is_file():
        return f"there is no torch in {sys.prefix}"
    says = runpy.run_path(str(path))
    word = SAYS.get(platform)
    if word and not says.get(word):
        others = ", ".join(f"{other} = {says[other]}" for other in SAYS.values() if says.get(other)) or "none is set"
        torch = f"torch {says.get('__version__')}"
        return f"{torch} is not a build for {platform}: torch.version.{word} is empty ({others})"
    owners = sorted(
        f"{item.metadata['Name']} {item.version}"
        for item in metadata.distributions()
        if any(str(file) == "triton/__init__.py" for file in item.files or ())
    )
    if len(owners) != 1:
        return f"exactly one distribution must own triton/, and here are {len(owners)}: {', '.join(owners) or 'none'}"
    return None


if __name__ == "__main__":
    problem = trouble(sys.argv[1])
    if problem:
        print(problem)
    sys.exit(1 if problem else 0)
