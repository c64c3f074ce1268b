"""A package's own tests or examples, run under a stand-in GPU within a budget: the launches that they make."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from ..base import commands, files, pairs
from ..environments import stamped
from ..init import choice, modules
from ..suites import suite_paths
from . import interpreter
from .package import Scanned

MOST = 2  # launches of a kernel: the atlas compiles each for every release and target
EXAMPLES = ("examples", "example", "benchmarks", "benchmark")
PYTEST = (
    "pytest",
    "-q",
    "-p",
    "no:cacheprovider",
    "--continue-on-collection-errors",
    "-p",
    "triton_matrix.suites.in_turn",
)
NO_TESTS = "the command ended with 5,"  # as pytest does where it collects none
NO_TORCH = "nothing was captured: no environment with torch"
NOTHING = "nothing was captured: there are no tests and no examples"
QUIET_S = 60.0  # a command that brings no new launch for so long is ended


def torch_backend(env: Mapping[str, str]) -> dict[str, str]:
    """Torch's build for the CPU, unless the user's settings say where torch comes from: CUDA's has gigabytes."""
    said = ("UV_TORCH_BACKEND", "UV_FIND_LINKS", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
    return {} if any(env.get(name) for name in said) else {"UV_TORCH_BACKEND": "cpu"}


def capture(scanned: Scanned, envs: Path, out: Path, seconds: float, torch: Optional[str]) -> list[str]:
    """Write the launches into folders below ``out``; says how it went, one sentence each.

    Args:
        seconds: that all commands may take together.
        torch: of the environment; None: that of the newest pair that the package allows.
    """
    asked = list(commands_of(scanned.root))
    if not asked:
        return [NOTHING]
    limits, _ = choice.limits_of(scanned.project)
    fit = [pair for pair in reversed(pairs.known()) if choice.allows(limits, pair)]
    fit = [pair for pair in fit or reversed(pairs.known()) if torch is None or torch in pair.torch]
    if not fit:
        raise ValueError(f"--torch is {torch!r}; allowed are {', '.join(t for p in pairs.known() for t in p.torch)}")
    os.environ.update(torch_backend(os.environ))
    try:
        python, said = _environment(scanned, fit[0], torch or fit[0].torch[0], envs)
    except (commands.ToolError, ValueError) as problem:
        return [f"{NO_TORCH}: {str(problem).splitlines()[-1]}"]
    return [*said, *run(python, scanned.root, asked, out, seconds)]


def run(python: Path, root: Path, asked: Sequence[Sequence[str]], out: Path, seconds: float) -> list[str]:
    """Run these commands in an environment that has torch; says how it went, one sentence each."""
    until = time.monotonic() + seconds
    said: list[str] = []
    todo = list(asked)
    while todo:
        left = until - time.monotonic()
        if left < 1:
            said.append(f"{len(todo)} more commands were not run: --seconds is {seconds:g}")
            break
        command = todo.pop(0)
        said.append(_captured(python, root, out / str(len(said)), left, command))
        if command[0] == PYTEST[0] and NO_TESTS in said[-1]:
            todo += _scripts(root, command[len(PYTEST) :])
    return said


def _scripts(root: Path, suites: Sequence[str]) -> Iterator[list[str]]:
    """The files of suites that are run as programs: what they launch is not in tests of pytest's."""
    for file in sorted(choice.test_files(root, suites), key=lambda each: "bench" in each.name):  # these take longest
        if "__main__" in file.read_text(encoding="utf-8", errors="replace"):
            yield [file.relative_to(root).as_posix()]


def commands_of(root: Path, suites: Sequence[str] = ()) -> Iterator[list[str]]:
    """What is run: pytest over the package's suites; where these hold no test, each example.

    Args:
        suites: paths below the root; without one: those that the package's settings name.
    """
    suites = suites or choice.suites_of(root)
    if suite_paths.hold_tests(root / each for each in suites):
        yield [*PYTEST, *suites]
        return
    for folder in EXAMPLES:
        for file in sorted((root / folder).rglob("*.py")):
            yield [file.relative_to(root).as_posix()]


def _environment(scanned: Scanned, pair: pairs.Pair, torch: str, envs: Path) -> tuple[Path, list[str]]:
    """The Python of an environment with torch, a Triton, and as much of what the package needs as goes with them."""
    base = [f"torch=={torch}", f"triton=={pair.triton}", "pytest", "numpy", *pair.requires]
    own = [each for each in scanned.project.dependencies if not re.match(r"(torch|triton)\b(?!-)", each)]
    test = list(choice.test_requirements(scanned.project)[0])
    home = envs / f"scan-{scanned.project.name}"
    last: Optional[Exception] = None
    python = interpreter.of_pair(pair, scanned.project) or pairs.PYTHON
    for wanted, lacks in (([*own, *test], ""), (own, "what its tests need"), ([], "its dependencies")):
        try:
            made = stamped.make(home, python, [*base, *wanted], overrides=base[:2])
        except commands.ToolError as problem:
            last = problem
            continue
        return made, [f"the environment that captures lacks {lacks}: {_short(last)}"] if lacks else []
    raise ValueError(str(last))


def _captured(python: Path, root: Path, out: Path, seconds: float, command: Sequence[str]) -> str:
    paths = [str(home) for home in modules.homes_of(root)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg"}
    options = ["-o", str(out), "--seconds", f"{seconds:.0f}", "--most", str(MOST), "--quiet-seconds", f"{QUIET_S:g}"]
    options += ["--no-check"]  # the trial does it
    whole = [str(python), "-m", "triton_matrix", "capture", *options, "--", *command]
    done = commands.captured(whole, cwd=root, env=env)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    files.write_text(out.with_suffix(".log"), done.stdout + done.stderr)
    for line in done.stderr.splitlines():
        if line.startswith("capture:"):
            print(line, file=sys.stderr)
    match = re.search(r"\d+ launches of .*", lines[-1]) if lines else None  # pytest's dots stand before it
    told = re.sub(r" files in \S+;", " files;", match[0]) if match else _short(done.stderr)
    return "; ".join([f"{shlex.join(each for each in command if each not in PYTEST[1:])}: {told}", *_why(lines)])


def _why(lines: Sequence[str]) -> Iterator[str]:
    """What pytest said of the tests at its end, and the first error."""
    yield from [line.strip("= ") for line in lines[-8:] if re.search(r"\d+ (passed|failed|errors?|skipped)", line)][:1]
    first = next((line for line in lines if re.match(r"E +\w*(Error|Exception|Skipped)\b", line)), None)
    if first:
        yield f"the first error: {first[1:].strip()[:200]}"


def _short(problem: object) -> str:
    lines = str(problem).strip().splitlines()
    return lines[-1][:200] if lines else ""
