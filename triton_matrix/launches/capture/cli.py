"""The verb ``capture``: run a command and write every launch that it makes, each distinct signature once."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ...base import commands, targets
from . import writing


@commands.exit_status("capture")
def main(argv: list[str]) -> int:
    """Exit status 0: launches were written. 1: there was none. 2: cannot ask. How the command ends is not judged."""
    own, command = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    options = _parser().parse_args(own)
    if not command:
        raise ValueError("no command; write it behind --, as in: capture -o launches -- pytest tests")
    target = targets.parse(options.target).name
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        wanted: dict[str, Any] = {"out": str(options.out.resolve()), "target": target, "report": str(report)}
        wanted |= {"interpret": options.interpret, "tensors": options.tensors, "command": command}
        # Without a GPU nothing is computed that an assertion could judge; -O leaves them out, so that tests go on.
        python = [sys.executable, *([] if options.interpret else ["-O"])]
        done = subprocess.run([*python, "-m", f"{__package__}.child", json.dumps(wanted)], env=_environment(options))
        if not report.is_file():
            raise ValueError(f"the command ended with {done.returncode} before it could be looked at")
        found = json.loads(report.read_text(encoding="utf-8"))
    for sentence in [*found["problems"], *_others(options.out, found["files"])]:
        print(f"capture: {sentence}", file=sys.stderr)
    ended = f"the command ended with {done.returncode}"
    ended += ", which is not judged; there may be launches that it did not come to" if done.returncode else ""
    writing.note(options.out, found["files"], f"captured from `{shlex.join(command)}`; {ended}")
    print(
        f"{found['launches']} launches of {found['kernels']} kernels, {len(found['files'])} files in {options.out};"
        f" {ended}"
    )
    return 0 if found["files"] else 1


def _others(folder: Path, written: list[str]) -> list[str]:
    """The sentence about files that lie in the folder and that this run did not write; none where there are none."""
    names = sorted({path.name for path in folder.glob("*.toml")} - set(written))
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return [f"{folder} also holds what this run did not write, and may be of before: {listed}"] if names else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix capture",
        description="Run a command in this Python and write every Triton launch that it makes as a file.",
        usage="%(prog)s [-o DIR] [--interpret] [--target TARGET] -- COMMAND ...",
    )
    add = parser.add_argument
    add(
        "-o",
        "--out",
        type=Path,
        default=Path("launches"),
        metavar="DIR",
        help="where to write (default: launches)",
    )
    add("--interpret", action="store_true", help="run launches in Triton's interpreter, where code depends on values")
    add("--target", default="cuda:90", help="the GPU that torch and Triton describe where there is none")
    add("--tensors", choices=("cpu", "meta"), default="cpu", help="where tensors live that ask for a GPU")
    return parser


def _environment(options: argparse.Namespace) -> dict[str, str]:
    env = {**os.environ}
    env.pop("TRITON_INTERPRET", None)
    if options.interpret:
        env["TRITON_INTERPRET"] = "1"
    else:
        env["PYTEST_ADDOPTS"] = f"{env.get('PYTEST_ADDOPTS', '')} --assert=plain".strip()
    return env
