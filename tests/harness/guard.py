"""Tells a test that uses an environment beside this Python's without the fixture that says so."""

import os
import sys
from pathlib import Path

REFUSED = False  # whether the test that runs now is one of those
SAYS = "a test of `nox -s check` uses an environment of its own; ask for the fixture `venv`, `release_python` or "
SAYS += "`environments`: then it runs in `nox -s check-environments`"


def watch(releases: Path) -> None:
    """Look at each program that this process starts from now on: a hook of Python's that cannot be taken back."""
    inside = str(releases) + os.sep

    def hook(event: str, args: tuple) -> None:
        if REFUSED and event == "subprocess.Popen":
            words = list(map(os.fsdecode, args[1])) if isinstance(args[1], (list, tuple)) else [os.fsdecode(args[1])]
            # uv venv FOLDER, python -m venv FOLDER; the program itself may lie in a folder of any name
            if {"venv", "virtualenv"} & set(words[1:3]) or words[0].startswith(inside):
                raise AssertionError(f"{SAYS} (it starts {' '.join(words)})")

    sys.addaudithook(hook)


def check(folder: Path) -> None:
    """Raise where an environment lies in a test's folder, whoever made it."""
    made = [path.parent for path in folder.rglob("pyvenv.cfg") if (path.parent / "bin" / "python").exists()]
    assert not made, f"{SAYS} (it made {made[0]})"
