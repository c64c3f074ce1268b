"""The verb ``bisect``: the first Triton release at which a test, a compiled kernel or what it computes changes.

Only Triton moves. A test runs on every release beside one and the same torch, so that what changes is Triton's doing;
``--torch pair`` takes the torch that pins each release instead. A launch file, compiled or interpreted, needs no torch.
The releases' environments are made on the way and kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import cells, commands, compiler_variables, env_vars, locks, tritons, versions
from ..base.levels import LEVELS
from ..codegen import metrics
from ..codegen.cli import target_names
from ..environments import stamped
from ..evidence import atlas_file, causes, reading, writing
from ..launches import naming
from . import bisecting_values, codegen_cli, wheels
from .searching import Answer, Found, confirm, search

PASSES, FAILS, COMPILES, DOES_NOT_COMPILE = "passes", "fails", "compiles", "does not compile"
TAIL_LINES = 12


@commands.exit_status("bisect")
def main(argv: list[str]) -> int:
    """Find the first Triton release at which a test, a compiled kernel or what it computes changes.

    Exit status: 0 it was found; 1 it was found, and something contradicts a single change; 2 it cannot be answered.
    """
    options = _parser().parse_args(argv)
    table = _table(options)
    versions = choose(list(table.releases), options.good, options.bad)
    envs = (options.envs or table.root / ".nox" / "bisect-releases").resolve()
    commands.uv()
    with locks.held(envs / ".bisect.lock", f"the folder {envs}"):  # where every release leaves its answer
        return _bisect(options, table, versions, envs)


def _table(options: argparse.Namespace) -> cells.Table:
    """The table's releases and those named beside them, or with --wheels the Tritons between releases in their place.

    The options hold the names of columns afterwards.

    Raises:
        ValueError: as of ``tritons.row`` and ``wheels.rows``, or an end that is none of those wheels.
    """
    table = cells.load_at(options.root)
    if not options.wheels:
        named = {text: tritons.row(table, text) for text in filter(None, (options.good, options.bad))}
        options.good, options.bad = (text and named[text].name for text in (options.good, options.bad))
        return tritons.with_rows(table, named.values())
    rows = {row.name: row for row in wheels.rows(table, options.wheels)}
    by_text = {text: name for name, row in rows.items() for text in (row.triton, name)}
    for end in ("good", "bad"):
        text = getattr(options, end)
        if text and text not in by_text:
            raise ValueError(f"--{end} is {text!r}; {options.wheels} has {', '.join(rows)}")
        setattr(options, end, by_text[text] if text else None)
    return dataclasses.replace(table, releases=rows)


def _bisect(options: argparse.Namespace, table: cells.Table, versions: list[str], envs: Path) -> int:
    named = (options.good is not None, options.bad is not None)
    if not options.what.endswith(".toml"):
        ask = _asking_a_test(options, table, envs)
        result = search(versions, _aloud(ask), options.all, named)
        confirm(result, ask)
        return _tell(options.what, result, versions)
    # of a release it takes a second; there may be a hundred nightlies, each with an environment to make
    every = options.all or not options.wheels
    result = search(versions, _aloud(_asking_launches(options, table, versions, envs)), every, named)
    if options.wheels:  # of releases compiling repeats exactly; a wheel may be another one than its name says
        again = _asking_launches(options, table, [result.before, result.after], envs, fresh=True)
        confirm(result, again, relative=options.level == "interpreter")
    return _tell(options.what, result, versions)


def choose(known: Sequence[str], one: Optional[str], other: Optional[str]) -> list[str]:
    """The releases from one end to the other, oldest first; ``--good`` may be the newer one.

    Raises:
        ValueError: both ends are alike.
    """
    ends = [one or known[0], other or known[-1]]
    first, last = sorted(known.index(version) for version in ends)
    if first == last:
        raise ValueError(f"both ends are triton {ends[0]}; they must be two releases")
    return list(known[first : last + 1])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix bisect", description=main.__doc__)
    add = parser.add_argument
    add(
        "what",
        metavar="TEST_OR_LAUNCH",
        help="a test id (tests/correctness/test_sizes.py::test_x) or a launch file FILE.toml",
    )
    add("--good", metavar="RELEASE", help="one end (default: the oldest release of the table)")
    add("--bad", metavar="RELEASE", help="the other end (default: the newest)")
    add("--wheels", metavar="WHERE", help="Tritons between releases: a folder of wheels, or an index's address")
    add("--metric", help="of a launch: what to look at, such as spill_stores (default: whether it compiles)")
    add("--worse-than", type=float, metavar="N", help="with --metric: the value beyond which it counts as changed")
    add("--label", metavar="LABEL", help="of a launch: only this configuration (default: of all of them the worst)")
    add(
        "--target",
        action="append",
        metavar="TARGET",
        help="of a launch: compile for this target (default: cuda:90)",
    )
    add("--with", dest="with_", action="append", default=[], metavar="REQUIREMENT", help="install this too")
    add("--level", choices=LEVELS, help="default: interpreter of a test, codegen of a launch")
    add("--torch", default="newest", metavar="VERSION|pair", help="of a test: the torch beside every release")
    add("--all", action="store_true", help="ask every release between the ends, as a launch of releases does anyway")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/bisect-releases)")
    cells.add_root(parser)
    return parser


def _asking_launches(
    options: argparse.Namespace, table: cells.Table, releases: Sequence[str], envs: Path, fresh: bool = False
) -> Callable[[str], Answer]:
    """Compile the launch file in a release and say whether it is beyond the condition, or compute it.

    ``fresh``: take nothing that was kept.
    """
    file = Path(options.what).resolve()
    if not file.is_file():
        raise ValueError(f"there is no launch file {options.what}")
    if options.level == "device":
        raise ValueError("--level is 'device'; allowed for a launch file are codegen, interpreter")
    if options.level == "interpreter":
        if options.metric or options.worse_than is not None or options.target:
            raise ValueError("--metric, --worse-than and --target are for level codegen; an interpreter gives values")
        return bisecting_values.asking(file, options.label, table, releases, envs, tuple(options.with_), fresh)
    if (options.metric is None) != (options.worse_than is None):
        raise ValueError("--metric and --worse-than go together: the metric, and the value beyond which it changed")
    names = tuple(target_names(options.target or ["cuda:90"]))
    request = codegen_cli.Request(
        file, None, table.root, names, tuple(options.with_), envs, envs / "launches" / file.stem, fresh
    )

    def ask(version: str) -> Answer:
        outcome = codegen_cli.run([table.releases[version]], request, 1)[0]
        if outcome.problem:
            return Answer(None, outcome.problem)
        entries = labelled(atlas_file.read(outcome.path)["entries"], options.label)
        return judge_launches(entries, options.metric, options.worse_than)

    return ask


def labelled(entries: Sequence[dict[str, Any]], label: Optional[str]) -> list[dict[str, Any]]:
    """The entries that ``label`` names, all of them where none is given.

    Raises:
        ValueError: there is none; the sentence lists those there are.
    """
    fitting = [
        entry
        for entry in entries
        if label is None or naming.fits(label, entry["kernel"], entry["settings"], entry["target"])
    ]
    if not fitting and entries:
        allowed = ", ".join(dict.fromkeys(entry["label"] for entry in entries))
        raise ValueError(f"--label is {label!r}; allowed are {allowed}")
    return fitting


def judge_launches(entries: Sequence[dict[str, Any]], metric: Optional[str], limit: Optional[float]) -> Answer:
    """The state of a launch file's entries in one release: of a grid, the worst configuration decides.

    Raises:
        ValueError: nothing that compiled has the metric.
    """
    lines = [f"{entry['id']}: {entry['status']}: {entry['reason']}" for entry in entries if entry["status"] != "ok"]
    compiled = [entry for entry in entries if entry["status"] == "ok"]
    if not entries or any(entry.get("unanswered") for entry in entries):
        return Answer(None, "\n".join(lines) or "it compiled nothing")
    if not compiled and all(entry["status"] == "n/a" for entry in entries):
        return Answer(None, "\n".join(lines))
    source = next((entry["source"] for entry in entries if entry.get("source")), "")
    if metric is None or limit is None:
        broken = [entry for entry in entries if entry["status"] == "error"]
        kinds = {"does not load" if entry["reason"].startswith("does not load") else "" for entry in broken}
        how = "does not load" if kinds == {"does not load"} else ""
        state = DOES_NOT_COMPILE if broken else COMPILES
        return Answer(state, "\n".join(lines) or f"{len(compiled)} compiled", how, source)
    if not compiled:
        return Answer(None, "\n".join(lines))
    values = {entry["id"]: entry["metrics"].get(metric) for entry in compiled}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ValueError(f"--metric {metric!r}: {missing[0]} has {', '.join(sorted(compiled[0]['metrics']))}")
    less = metric in metrics.LESS_IS_WORSE
    beyond = any(value < limit if less else value > limit for value in values.values())
    if not beyond and any(entry["status"] == "error" for entry in entries):  # the worst one may be among them
        return Answer(None, "\n".join(lines))
    said = f"{metric} {'below' if less else 'above'} {limit:g}" if beyond else f"{metric} within {limit:g}"
    output = "\n".join([*(f"{name}: {metric} {value}" for name, value in values.items()), *lines])
    return Answer(said, output, source=source)


def _asking_a_test(options: argparse.Namespace, table: cells.Table, envs: Path) -> Callable[[str], Answer]:
    """Run the test in a release, beside one torch."""
    test = options.what.removeprefix("tests/")
    file = table.root / "tests" / test.split("::")[0]
    if not file.exists():
        raise ValueError(f"there is no test {options.what}: {file.relative_to(table.root)} does not exist")
    if options.metric or options.worse_than is not None or options.label:
        raise ValueError("--metric, --worse-than and --label are for a launch file; a test passes or fails")
    if options.level == "codegen":
        raise ValueError("--level is 'codegen'; allowed for a test are interpreter, device")
    level = options.level or "interpreter"
    newest = next(cell.torch for cell in reversed(list(table.cells.values())) if cell.torch and not cell.nightly)

    def ask(version: str) -> Answer:
        release = table.releases[version]
        torch = {"newest": newest, "pair": release.torch}.get(options.torch, options.torch)
        try:
            python = test_environment(release, str(torch), tuple(options.with_), envs)
        except (commands.ToolError, ValueError) as problem:
            return Answer(None, f"its environment could not be made: {problem}")
        folder = envs / "results" / version
        return run_test(python, test, level, table.root, folder, table.package.level_timeout)

    return ask


def test_environment(release: cells.Release, torch: str, extra: tuple[str, ...], envs: Path) -> Path:
    """The Python of an environment with this Triton, this torch, and pytest; made on the first call, then reused.

    torch pins another Triton than the one asked for. uv is told to keep ours, which is what a bisection is about.

    Raises:
        commands.ToolError: uv failed; ValueError: no such Python, or no uv.
    """
    requirements = [f"torch=={torch}", "pytest", "hypothesis", *release.requires, *extra]
    home = envs / f"torch-{torch}" / release.environment
    own = [release.requirement]
    if release.index:
        raise ValueError("--wheels is an index, which is for launches; for a test, put the wheels into a folder")
    if release.install.endswith(".whl"):
        wheel = Path(release.install)
        own = [f"{wheel.name.partition('-')[0].replace('_', '-')} @ {wheel.as_uri()}"]
    return stamped.make(home, release.python, [*own, *requirements], overrides=own)


def run_test(python: Path, test: str, level: str, root: Path, folder: Path, seconds: float) -> Answer:
    """Run one test id of ``root/tests`` and say whether it passes; a skip or a run without result is no answer.

    Args:
        folder: where its JUnit file goes.
        seconds: after which it is ended, without an answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    junit = writing.junit_file(folder, level)
    junit.unlink(missing_ok=True)
    env = {**compiler_variables.without(os.environ), "PYTHONPATH": str(root)}
    env.update({env_vars.LEVEL: level, env_vars.CELL: "ambient"})
    if level == "interpreter":
        env[env_vars.INTERPRET] = "1"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", test, f"--junitxml={junit}"]
    try:
        done = commands.captured(command, cwd=root / "tests", env=env, timeout_s=seconds)
    except subprocess.TimeoutExpired:
        return Answer(None, f"it took more than {seconds:g} s")
    tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-TAIL_LINES:])
    try:
        suite = reading.read_junit(junit, str(folder))
    except (reading.Unusable, OSError):
        return Answer(None, f"pytest ended with status {done.returncode} and left no result:\n{tail}")
    if suite.failures:
        how = ", ".join(sorted({causes.classify(one)[0] for one in suite.failures}))
        said = dict.fromkeys(f"{causes.classify(one)[0]}: {causes.headline(one)}" for one in suite.failures)
        return Answer(
            FAILS, "\n".join([*list(said)[:3], f"{len(suite.failures)} of {len(suite.outcomes)} tests failed"]), how
        )
    if done.returncode not in (0, 5):  # it was interrupted: what did not run is not in the result
        return Answer(None, f"pytest ended with status {done.returncode}:\n{tail}")
    if "." not in suite.outcomes.values():
        reason = next(iter(suite.skips), f"pytest ran no test:\n{tail}")
        return Answer(None, f"not run: {reason}")
    return Answer(PASSES, tail.splitlines()[-1])


def _aloud(ask: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """``ask``, saying each answer as it comes: an environment may take a while to make."""

    def asked(version: str) -> Answer:
        answer = ask(version)
        state = answer.state or f"could not be asked ({answer.output.splitlines()[0]})"
        print(f"triton {version}: {state}", flush=True)
        return answer

    return asked


def _tell(what: str, result: Found, known: Sequence[str]) -> int:
    """Print the result with the outputs around each change; returns the exit status."""
    for before, after in result.changes:
        one, other = result.answers[before], result.answers[after]
        print(f"\n{what} changes with triton {after}: from {one.state!r} on {before} to {other.state!r}", end="")
    print()
    if len(result.changes) > 1:
        print("\nnot one change: " + "; ".join(_ranges(result, known)))
    for version in dict.fromkeys(version for pair in result.changes for version in pair):
        answer = result.answers[version]
        print(f"\n--- triton {version}: {answer.state}\n{answer.output}")
    for before, after in result.changes:
        if len({result.answers[version].source for version in (before, after)} - {""}) > 1:
            print(f"\nthe kernel's own source is not the same in {before} and {after}: its module chooses by release")
    if result.skipped:
        print(f"\n{', '.join(result.skipped)} could not be asked, so that it may have changed there already")
    mute = [
        version for version, answer in result.answers.items() if answer.state is None and version not in result.skipped
    ]
    if mute:
        print(f"\ncould not be asked: {', '.join(sorted(mute, key=versions.key))}")
    if result.unchecked:
        print(f"\nnot asked: {', '.join(result.unchecked)} (--all asks every release)")
    for sentence in result.otherwise:
        print(f"\n{sentence}: it may be another change; ask between the two with --good and --bad")
    return 1 if len(result.changes) > 1 or result.otherwise else 0


def _ranges(result: Found, known: Sequence[str]) -> list[str]:
    """Each state with the releases that are in it."""
    states: dict[str, list[str]] = {}
    for version in known:
        state = result.answers[version].state if version in result.answers else None
        if state is not None:
            states.setdefault(state, []).append(version)
    return [f"{state!r} on {versions.ranges(releases, known)}" for state, releases in states.items()]
