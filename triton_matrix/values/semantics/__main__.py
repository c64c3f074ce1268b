"""``python -m triton_matrix.values.semantics``: what each operation of a Triton's language computes."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from ...base import cells, commands, files, markdown_sections, versions
from ...base.display_text import cleaned
from . import releases


@commands.exit_status("semantics")
def main(argv: list[str]) -> int:
    """Ask the Triton of this Python for every operation of its language, and write what it computed to --out.

    By default in its interpreter, repaired. With --releases, ask every release of the table in its own environment, in
    all ways that need no GPU; --out is then a folder. With --merge, write the page of such a folder's files.

    Exit status 0: it is written, whatever it says; 1: a process ended outside of every operation; 2: bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix.values.semantics", description=main.__doc__)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--device", action="store_true", help="compiled, on this machine's GPU (needs torch and numpy)")
    way.add_argument(
        "--frontend", action="store_true", help="only what the compiler's frontend says: no GPU, no values"
    )
    way.add_argument("--as-is", action="store_true", help="in the interpreter without its repairs")
    way.add_argument("--releases", nargs="?", const="", metavar="A,B,...", help="these releases; all without a list")
    way.add_argument("--merge", type=Path, metavar="DIR", help="write the page of the files *.json of a folder")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True)
    parser.add_argument("--only", default="", metavar="TEXT", help="only operations whose name has this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    options = parser.parse_args(argv)
    if options.jobs < 1:
        raise ValueError(f"--jobs is {options.jobs}; allowed is 1 or more")
    out = files.as_given(options.out)
    if options.releases is not None:
        table = cells.load_at()
        names = options.releases.split(",") if options.releases else sorted(table.releases, key=versions.key)
        unknown = [name for name in names if name not in table.releases]
        if unknown:
            raise ValueError(f"--releases has {unknown[0]!r}; allowed are {', '.join(table.releases)}")
        releases.ask(table, names, out, options.jobs)
        return 0
    return _merge(options.merge, out) if options.merge else _ask(options, out)


def _merge(folder: Path, out: Path) -> int:
    from . import table  # only here numpy is needed

    paths = sorted(files.as_given(folder).glob("*.json"))
    if not paths:
        raise ValueError(f"--merge is {str(folder)!r}; this folder holds no *.json")
    markdown_sections.replace(out, "semantics", table.markdown(table.read(paths)))
    return 0


def _ask(options: argparse.Namespace, out: Path) -> int:
    from . import run  # as above

    level = "device" if options.device else "codegen" if options.frontend else "interpreter"
    began = time.perf_counter()
    answer = run.run(level, repaired=not options.as_is, jobs=options.jobs, only=options.only)
    seconds = time.perf_counter() - began
    answer["about"]["seconds"] = round(seconds, 1)
    files.write_json(out, cleaned(answer))
    rows = answer["rows"].values()
    counts = [sum(kind in row for row in rows) for kind in ("type", "error", "n/a")]
    print(
        f"triton {answer['about']['triton']}, level {level}: {len(rows)} operations in {seconds:.0f} s;"
        f" {counts[0]} taken, {counts[1]} refused, {counts[2]} n/a"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
