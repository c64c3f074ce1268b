"""The verb ``capture``: run a command and write the launches that it makes, whole and once each."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ...base import commands, env_vars, targets
from . import journal, writing

MOST = 8  # launches of a kernel
NO_VALUES = "nothing was recorded, since tensors on meta hold no values; leave out `--tensors meta`"
NO_VALUES += ", or give --interpret where launches depend on what others compute"
STEP_S = 0.2  # how often it is looked whether a limit is reached
PROGRESS_S = 5.0  # how often progress is said


@commands.exit_status("capture")
def main(argv: list[str]) -> int:
    """Exit status 0: launches were written. 1: there was none. 2: cannot ask. How the command ends is not judged.

    Interrupted or terminated, it writes what there is and ends with 130 or 143.
    """
    own, command = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    options = _parser().parse_args(own)
    if not command:
        raise ValueError("no command; write it behind --, as in: capture -o launches -- pytest tests")
    for name in ("most", "seconds", "quiet_seconds"):
        if getattr(options, name) is not None and not getattr(options, name) > 0:
            raise ValueError(f"--{name.replace('_', '-')} is {getattr(options, name)}; allowed is a number above 0")
    wanted: dict[str, Any] = {"target": targets.parse(options.target).name, "tensors": options.tensors}
    wanted |= {"interpret": options.interpret, "most": options.most, "command": command}
    with tempfile.TemporaryDirectory() as folder:
        ended, status = _run({**wanted, "folder": folder}, options)
        try:
            captured = journal.read(Path(folder))
        except OSError:
            raise ValueError(f"{ended} before it could be looked at") from None
        note = f"captured from `{shlex.join(command)}`; {ended}"
        written = writing.write(options.out, captured, Path(folder), note)
    for sentence in [*sorted(captured.problems), *_others(options.out, written)]:
        print(f"capture: {sentence}", file=sys.stderr)
    if not written and captured.valueless:
        print(f"capture: {NO_VALUES}", file=sys.stderr)
    if written and not options.no_check:
        for sentence in _refused(options):
            print(f"capture: {sentence}", file=sys.stderr)
    kernels = {launch["kernel"] for launch in captured.launches.values()}
    left = {name.rpartition(":")[2]: count for name, count in sorted(captured.left_out.items())}
    for name, count in left.items():
        sentence = f"{name}: {count} more distinct launches are left out; --most is {options.most}"
        print(f"capture: {sentence}", file=sys.stderr)
    print(f"{captured.total} launches of {len(kernels)} kernels, {len(written)} files in {options.out}; {ended}")
    return status or (0 if written else 1)


def _run(wanted: dict[str, Any], options: argparse.Namespace) -> tuple[str, int]:
    """Run the command; how it ended, and the exit status where someone ended this process."""
    # Without a GPU nothing is computed that an assertion could judge; -O leaves them out, so that tests go on.
    python = [sys.executable, *([] if options.interpret else ["-O"])]
    command = [*python, "-m", f"{__package__}.child", json.dumps(wanted)]
    missing = "; there may be launches that it did not come to"
    try:
        with commands.group(command, env=_environment(options)) as process:
            done = _watched(process, Path(wanted["folder"]), options)
    except Ended as end:
        return f"the command was ended {end}{missing}", 0
    except KeyboardInterrupt:
        return f"the command was interrupted{missing}", 130
    except SystemExit as end:
        return f"the command was ended{missing}", int(end.code or 0)
    if done:
        missing = f", which is not judged{missing}"
    return f"the command ended with {done}{missing if done else ''}", 0


class Ended(Exception):
    """The command was ended by a limit: after how long, or for what."""


def _watched(process: subprocess.Popen[Any], folder: Path, options: argparse.Namespace) -> int:
    """Wait for the command, say now and then what it brought, and end it at a limit.

    Raises:
        Ended: by which.
    """
    begun = news = said = time.monotonic()
    launches = 0
    while True:
        try:
            return process.wait(STEP_S)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        kept, kernels, total = journal.counted(folder)
        launches, news = (kept, now) if kept != launches else (launches, news)
        if now - said >= PROGRESS_S:
            said = now
            told = f"{now - begun:.0f} s: {total} launches, {kept} kept of {kernels} kernels"
            print(f"capture: {told}", file=sys.stderr, flush=True)
        if options.seconds and now - begun >= options.seconds:
            raise Ended(f"after {options.seconds:g} s")
        if options.quiet_seconds and launches and now - news >= options.quiet_seconds:
            raise Ended(f"since nothing new came for {options.quiet_seconds:g} s")


def _refused(options: argparse.Namespace) -> list[str]:
    """A sentence for each launch that this Python's Triton does not compile for the target: one of a tuner's is tried.

    A process of its own does it, as ``compile`` does: here torch and Triton may stand in for a GPU.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "compiled.json"
        asked = ["--launches", str(options.out), "--target", options.target, "--configs", "1", "--quiet"]
        command = [sys.executable, "-m", "triton_matrix", "compile", *asked, "--json", str(compiled)]
        done = commands.captured(command, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        if not compiled.is_file():
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            return [f"whether what was written compiles is not known: {last}"]
        content = json.loads(compiled.read_text(encoding="utf-8"))
    failed = [item for item in content["entries"] if item["status"] == "error"]
    said = [f"on triton {content['triton']}, {item['label']}: {item['reason'].splitlines()[0]}" for item in failed]
    return said or [f"each launch compiles on triton {content['triton']} for {options.target}"]


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
    add("--most", type=int, default=MOST, metavar="N", help=f"distinct launches to keep of a kernel (default: {MOST})")
    add("--seconds", type=float, metavar="S", help="end the command after this long, and keep what there is")
    quiet = "end it when nothing new came for so long, once there are launches"
    add("--quiet-seconds", type=float, metavar="S", help=quiet)
    add("--tensors", choices=("cpu", "meta"), default="cpu", help="where tensors live that ask for a GPU")
    add("--no-check", action="store_true", help="do not compile each launch once to say which does not")
    return parser


def _environment(options: argparse.Namespace) -> dict[str, str]:
    env = {**os.environ}
    env.pop(env_vars.INTERPRET, None)
    if options.interpret:
        env[env_vars.INTERPRET] = "1"
    else:
        env["PYTEST_ADDOPTS"] = f"{env.get('PYTEST_ADDOPTS', '')} --assert=plain".strip()
    return env
