"""``python -m triton_matrix.values.semantics``: what each operation of a Triton's language computes."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from ...base import commands, files, marked
from ...base.text import cleaned
from . import run, table


@commands.exit_status("semantics")
def main(argv: list[str]) -> int:
    """Ask the Triton of this Python for every operation of its language, and write what it computed.

    By default in its interpreter, repaired. With --merge, make the page of the files of several such runs; no Triton is
    asked then.

    Exit status 0: the file is written, whatever it says; 1: a process ended outside of every operation; 2: bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix.values.semantics", description=main.__doc__)
    level = parser.add_mutually_exclusive_group()
    level.add_argument("--device", action="store_true", help="compiled, on this machine's GPU (needs torch)")
    level.add_argument(
        "--frontend", action="store_true", help="only what the compiler's frontend says: no GPU, no values"
    )
    level.add_argument("--as-is", action="store_true", help="in the interpreter without its repairs")
    level.add_argument("--merge", type=Path, metavar="DIR", help="make the page of the files *.json of a folder")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="the file to write: JSON, or the page")
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name has this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    options = parser.parse_args(argv)
    if options.jobs < 1:
        raise ValueError(f"--jobs is {options.jobs}; allowed is 1 or more")
    out = files.as_given(options.out)
    if options.merge:
        paths = sorted(files.as_given(options.merge).glob("*.json"))
        if not paths:
            raise ValueError(f"--merge is {str(options.merge)!r}; this folder holds no *.json")
        marked.replace(out, "semantics", table.markdown(table.read(paths)))
        return 0
    return _ask("device" if options.device else "codegen" if options.frontend else "interpreter", options, out)


def _ask(level: str, options: argparse.Namespace, out: Path) -> int:
    began = time.perf_counter()
    found = run.run(level, repaired=not options.as_is, jobs=options.jobs, only=options.only)
    seconds = time.perf_counter() - began
    found["about"]["seconds"] = round(seconds, 1)
    files.write_json(out, cleaned(found))
    rows = found["rows"].values()
    counts = [sum(kind in row for row in rows) for kind in ("type", "error", "n/a")]
    print(
        f"triton {found['about']['triton']}, level {level}: {len(rows)} operations in {seconds:.0f} s;"
        f" {counts[0]} taken, {counts[1]} refused, {counts[2]} n/a"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
