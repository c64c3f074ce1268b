"""The verb ``launch-cost``: what a launch costs the host in every Triton, and which of its integers compile it anew."""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import cells, commands, compiler_variables, files, tables, versions
from ..bench import launching
from ..bench.device import workers
from ..environments import stamped
from ..evidence import toolchain
from .codegen_cli import add_naming_options, is_chosen, rows_of, table_of

ARGUMENTS, BATCHES, CALLS, TURNS = (6, 12, 20), 9, 500, 2
SLOWER = 0.10  # beyond which, and beyond three times the noise, in both turns, a launch got slower
NOISES = 3
SECONDS = 600.0


@commands.exit_status("launch-cost")
def main(argv: list[str]) -> int:
    """Time kernel[grid](...) on the host in every Triton, without a GPU or with one.

    Exit status 0; 1: launches got slower beyond the noise, or a launch compiles anew for each value of an integer;
    2: no Triton could be asked.
    """
    options = _parser().parse_args(argv)
    if options.triton_path and options.level != "device":
        raise ValueError("--triton-path is for level device; at level host, --triton names Tritons to install")
    if options.level == "device" and is_chosen(options):
        raise ValueError("level device asks this Python's Triton, and each --triton-path DIR; it installs none")
    if options.launches and not options.launches.is_file():
        raise ValueError(f"--launches is {str(options.launches)!r}; there is no such file")
    columns = _here(options.triton_path) if options.level == "device" else _installed(options)
    with tempfile.TemporaryDirectory(prefix="triton-matrix-launch-cost-") as scratch:
        measured, problems = _asked(columns, options, Path(scratch))
    for release, why in problems.items():
        print(f"triton {release}: {why}", file=sys.stderr)
    if not measured:
        return 2
    slower = [sentence for pair in zip(measured, list(measured)[1:]) for sentence in changed(*pair, measured)]
    sentences = compiling_anew([*measured.values()][-1][0]["launches"])
    print(rendered(measured, options.markdown))
    for sentence in [*slower, *sentences]:
        print(sentence)
    if options.json:
        content = {"date": toolchain.now(), "level": options.level, "found": measured, "problems": problems}
        files.write_json(options.json, {**content, "slower": slower, "compiling_anew": sentences})
    return 1 if slower or any("whenever" in each for each in sentences) else 0


@dataclass(frozen=True)
class _Column:
    """A Triton that is asked.

    Attributes:
        python: gives the Python that has it.
        env: variables that it is asked under.
    """

    name: str
    python: Callable[[], Path]
    env: Mapping[str, str]


def _installed(options: argparse.Namespace) -> list[_Column]:
    """The Tritons that are named, each in an environment of its own."""
    table = table_of(options)
    envs = (options.envs or table.root / ".nox" / "codegen").resolve()
    commands.uv()
    with_ = tuple(options.with_)
    return [
        _Column(row.name, functools.partial(stamped.of_release, row, with_, envs), dict(row.switches))
        for row in rows_of(options, table)
    ]


def _here(paths: Sequence[Path]) -> list[_Column]:
    """This Python's Triton, and each unpacked one in front of it; the oldest first.

    Raises:
        ValueError: one cannot be imported, or two have one release.
    """
    columns: dict[str, _Column] = {}
    for path in [None, *workers.unpacked([files.as_given(path) for path in paths])]:
        front = filter(None, [str(path or ""), os.environ.get("PYTHONPATH")])
        env = {"PYTHONPATH": os.pathsep.join(front)}
        command = [sys.executable, "-W", "ignore", "-c", "import triton; print(triton.__version__)"]
        done = commands.captured(command, env={**os.environ, **env})
        if done.returncode:
            what = f"triton-path is {str(path)!r}, whose" if path else "level device asks this Python's Triton, and its"
            raise ValueError(f"{what} triton cannot be imported: {done.stderr.strip().splitlines()[-1]}")
        name = versions.plain(done.stdout.strip())
        if name in columns:
            raise ValueError(f"triton-path is {str(path)!r}, triton {name}, which is there already")
        columns[name] = _Column(name, lambda: Path(sys.executable), env)
    return [columns[name] for name in sorted(columns, key=versions.key)]


def _asked(
    columns: Sequence[_Column], options: argparse.Namespace, scratch: Path
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """Each Triton's answers, one a turn; the second turn goes the other way, so that what drifts is no change."""
    answers_of: dict[str, list[dict[str, Any]]] = {column.name: [] for column in columns}
    problems: dict[str, str] = {}
    for turn in range(TURNS):
        for column in columns if turn % 2 == 0 else reversed(columns):
            if column.name in problems:
                continue
            try:
                answer = _answer(column, options, scratch / f"{column.name}-{turn}", not turn)
                answers_of[column.name].append(answer)
            except (commands.ToolError, ValueError) as problem:
                problems[column.name] = str(problem)
    return {name: answers for name, answers in answers_of.items() if name not in problems}, problems


def _answer(column: _Column, options: argparse.Namespace, folder: Path, count: bool) -> dict[str, Any]:
    folder.mkdir(parents=True)
    request = {"level": options.level, "arguments": ARGUMENTS, "batches": BATCHES, "calls": CALLS}
    launches = str(options.launches.resolve()) if options.launches and count else None
    request |= {"count": count, "launches": launches, "out": str(folder / "answer.json")}
    files.write_json(folder / "request.json", request)
    command = [str(column.python()), "-W", "ignore", "-m", launching.__name__, str(folder / "request.json")]
    env = {**compiler_variables.without(os.environ), "TRITON_CACHE_DIR": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    try:
        done = commands.captured(command, env={**env, **column.env}, timeout_s=SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"it took more than {SECONDS:g} s") from None
    if done.returncode == 2:
        raise ValueError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise commands.ToolError(command, done.returncode, "\n".join(done.stderr.splitlines()[-commands.TAIL_LINES :]))
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    return answer


def changed(before: str, after: str, measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Where a launch got slower from one Triton to the next: beyond SLOWER and the noise, in every turn."""
    sentences = []
    for count in map(str, ARGUMENTS):
        turns = [(one["us"][count], other["us"][count]) for one, other in zip(measured[before], measured[after])]
        if turns and all(is_slower(one, other) for one, other in turns):
            old, new = (median(measured[each], count) for each in (before, after))
            sentences.append(f"slower: a launch of {count} arguments, {before} -> {after}: {old:.1f} -> {new:.1f} us")
    return sentences


def is_slower(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether batches took longer, by more than SLOWER and than what the batches of either differ among themselves."""
    ratio = statistics.median(after) / statistics.median(before) - 1
    return ratio > max(SLOWER, NOISES * max(noise(before), noise(after)))


def noise(batches: Sequence[float]) -> float:
    """Half of what the middle half of the batches spans, as a share of their median."""
    low, middle, high = statistics.quantiles(batches, n=4)
    return (high - low) / 2 / middle


def median(answers: Sequence[Mapping[str, Any]], count: str) -> float:
    """Of all turns' batches."""
    return float(statistics.median(each for answer in answers for each in answer["us"][count]))


def compiling_anew(integers: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each integer of a launch that more than one kernel is compiled for."""
    sentences = []
    for each in integers:
        name, count, of = each["name"], each["compiled"], launching.COUNTED
        if each["kind"] == "constexpr" and count == of:
            why = f"it is a constexpr; where nothing needs it then, make it an argument, do_not_specialize=[{name!r}]"
            sentences.append(f"{each['kernel']} compiles again whenever {name} changes by one: {why}")
        elif count > 1:
            why = f"multiples of 16 and 1 are told apart; do_not_specialize=[{name!r}] makes it one kernel"
            sentences.append(f"{each['kernel']} compiles {count} times over {of} values of {name}: {why}")
    return sentences


def rendered(measured: Mapping[str, Sequence[Mapping[str, Any]]], markdown: bool) -> str:
    """Microseconds of a launch and what is compiled anew, a row for each Triton."""
    heads = ["triton", *(f"{count} arguments, us" for count in ARGUMENTS), "noise"]
    heads += [f"kernels of an integer, {launching.COUNTED} values", "do_not_specialize", "constexpr"]
    rows = []
    for release, answers in measured.items():
        noises = [noise(answer["us"][str(count)]) for answer in answers for count in ARGUMENTS]
        times = [f"{median(answers, str(count)):.1f}" for count in ARGUMENTS]
        compiled = answers[0]["compiled"]
        rows.append([release, *times, f"{max(noises):.0%}", *(compiled[name] for name in launching.INTEGERS)])
    return tables.render(heads, rows, markdown=markdown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix launch-cost", description=main.__doc__)
    add_naming_options(parser)
    add: Any = parser.add_argument
    what = "host: no GPU, Triton's own path without the driver's call; device: on this machine's GPU, with torch"
    add("--level", choices=["host", "device"], default="host", help=what)
    add("--triton-path", type=Path, action="append", default=[], metavar="DIR", help="an unpacked Triton, to ask too")
    add("--launches", type=Path, metavar="FILE.toml", help="say too which integers of this launch compile it anew")
    add("--json", type=Path, metavar="FILE", help="write the answer here too")
    add("--markdown", action="store_true", help="print a Markdown table")
    cells.add_root(parser)
    parser.set_defaults(cells=False)  # every Triton of the table, where none is named
    return parser
