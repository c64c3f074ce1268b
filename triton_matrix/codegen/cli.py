"""The verb ``compile``: compile in the Triton that this Python has. The verb ``codegen`` does it in every release."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ..base import commands, compiler_variables, env_vars, pairs, reads, records, targets, versions
from ..evidence import atlas_file, toolchain
from ..launches import hook, launch_file, loading
from ..launches.configuration import Configuration
from . import adapters, table
from .batches import OUT_OF_TIME, REFUSED, Rows, Settings, compile_all
from .cache import Cache, code_digest, default_folder
from .entries import entry


@commands.exit_status("compile", named=False)  # the verb `codegen` passes the sentence on under its own name
def main(argv: list[str]) -> int:
    """Exit status 0: all compiled or is n/a. 1: something does not compile or cannot be launched. 2: cannot ask."""
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix compile",
        description="Compile kernels for named GPU targets with this Python's Triton; needs no GPU and no torch.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--launches", type=Path, metavar="PATH", help="compile what this file, or each *.toml of a folder, says"
    )
    what.add_argument("--atlas", metavar="FILE.py:FUNCTION", help="compile the configurations that this gives")
    what.add_argument(
        "--check-driver", metavar="FILE.py:FUNCTION", help="on a GPU machine: hold its figures against the driver's"
    )
    parser.add_argument("--target", action="append", metavar="TARGET", help=targets.HELP)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--quiet", action="store_true", help="print nothing of the results; --json writes them")
    parser.add_argument(
        "--progress", type=int, metavar="FD", help="write a line 'progress DONE TOTAL' after each result"
    )
    add_loading_options(parser)
    parser.add_argument("--torch", metavar="VERSION", help="what torch says to be where it is not installed")
    guesses = "these launches are guesses: a tuner's smallest configuration comes first, each is compiled once"
    parser.add_argument("--guesses", action="store_true", help=guesses)
    parser.add_argument("--seconds", type=float, metavar="S", help="what is not begun by then is not asked")
    parser.add_argument("--release", metavar="NAME", help="the column's name; refuse to answer for another Triton")
    switch = "set this variable, as a variant of the table does"
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help=switch)
    parser.add_argument("--root", type=Path, default=Path.cwd(), metavar="DIR", help="what FILE.py is relative to")
    parser.add_argument("--cache", type=Path, default=default_folder(), metavar="DIR", help="where results are kept")
    parser.add_argument("--no-cache", action="store_true", help="compile everything, and keep nothing")
    options = parser.parse_args(argv)
    if options.progress is not None:
        os.set_inheritable(options.progress, False)  # a tool that outlives its compiler must not keep it open
    os.environ.pop(env_vars.INTERPRET, None)  # it would hand out interpreted functions, which cannot be compiled
    switches = _switches(options.switch)
    variables = {name: value for name, value in compiler_variables.of_shell(os.environ).items() if name not in switches}
    os.environ.update(switches)  # before Triton is imported
    if variables:
        print(f"compiled with {compiler_variables.shown(variables)}, as this shell has it", file=sys.stderr)
    names = target_names(options.target)
    release = installed_triton()
    if options.release:
        check_release(options.release, release)
        release = options.release
    _, remark = adapters.choose(release)
    if remark:
        print(remark, file=sys.stderr)
    if options.check_driver:
        from . import driver_check

        return driver_check.main(release, options.check_driver, options.root, options.json)
    read: reads.Reads = {}
    if options.atlas and (options.root / options.atlas).is_dir():
        configurations = launch_file.expand_all(options.root / options.atlas, names)
    elif options.atlas:
        configurations, read = hook.told(options.atlas, options.root, names)
    else:
        configurations = launch_file.expand_all(options.launches, names)
    settings = _guessing(options, settings_of(options, options.torch))
    cache = Cache(None if options.no_cache else options.cache, release, settings)
    source = options.root if options.atlas else loading.file_of(configurations[0].kernel) or Path()
    # of what is there before anything is compiled: sources that change meanwhile make the file one of other sources
    adapter, of_launches = adapters.name_of(release), bool(options.launches)
    about = atlas_file.make(release, adapter, source, code_digest(), of_launches=of_launches) if options.json else {}
    asked = {name: [each.label for each in configurations if each.target == name] for name in names}
    _tell(options.progress, f"asked {json.dumps(asked)}")
    rows = run(configurations, cache, settings, options.progress)
    by_configuration = [[entry(*row) for row in rows[index]] for index in range(len(configurations))]
    entries = [item for each in by_configuration for item in each]
    _check_names(entries)
    if options.json:
        given: dict[str, dict[str, list[str]]] = {name: {} for name in names}
        for each, items in zip(configurations, by_configuration):
            given[each.target][each.label] = [item["label"] for item in items]
        read_by = [read, *(result.reads for each in rows.values() for _, result in each)]
        about.update(variables=variables, switches=switches, configs=settings.configs, **_read(read_by, options.root))
        atlas_file.write(options.json, atlas_file.fill(about, given, entries))
    failed = [item for item in entries if item["status"] == "error"]
    if not options.quiet:
        print(table.of_one({"triton": release, "entries": entries}, options.markdown))
    return 1 if failed else 0


def _guessing(options: argparse.Namespace, settings: Settings) -> Settings:
    """The settings, with what is asked of guesses; ValueError for a time that is none."""
    if options.seconds is not None and not options.seconds >= 0:
        raise ValueError(f"--seconds is {options.seconds:g}; allowed is a number from 0 on")
    return replace(settings, guesses=options.guesses, seconds=options.seconds)


def _switches(given: list[str]) -> dict[str, str]:
    switches = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (equals and value and compiler_variables.is_switch(name)):
            what = "a variable that changes what Triton compiles, such as TRITON_DEFAULT_FP_FUSION"
            raise ValueError(f"--switch is {each!r}; allowed is NAME=VALUE of {what}")
        switches[name] = value
    return switches


def add_loading_options(parser: argparse.ArgumentParser) -> None:
    """The options that say how kernels are loaded; the verb ``codegen`` has them too."""
    add = parser.add_argument
    add("--source-root", type=Path, metavar="DIR", help="where the kernels' absolute imports start (default: found)")
    add("--configs", type=int, metavar="N", help="of a tuned kernel, only the first N configurations (default: all)")
    loading, compiling = Settings.import_seconds, Settings.compile_seconds
    long = "may take this long (default: %(default)s)"
    add("--import-seconds", type=float, default=loading, metavar="S", help=f"importing a kernel's module {long}")
    add("--compile-seconds", type=float, default=compiling, metavar="S", help=f"compiling one configuration {long}")


def settings_of(options: argparse.Namespace, torch_version: Optional[str]) -> Settings:
    """The settings that :func:`add_loading_options` asks for.

    Raises:
        ValueError: a number that is not positive, or a source root that is no folder.
    """
    for name in ("configs", "import_seconds", "compile_seconds"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ValueError(f"--{name.replace('_', '-')} is {value}; allowed is a positive number")
    root = options.source_root
    if root is not None and not root.is_dir():
        raise ValueError(f"--source-root is {str(root)!r}; allowed is a folder")
    return Settings(
        root and root.resolve(), torch_version, options.configs, options.import_seconds, options.compile_seconds
    )


def run(
    configurations: list[Configuration], cache: Cache, settings: Settings, progress: Optional[int]
) -> dict[int, Rows]:
    """The rows of each configuration, by its index: from the cache where it has them, else compiled.

    Raises:
        ValueError: none fits its kernel; one that does not beside others that do is an error of its own.
    """
    by_index: dict[int, Rows] = {}
    missing: list[int] = []
    for index, configuration in enumerate(configurations):
        kept = cache.get(configuration)
        if kept:
            by_index[index] = kept
        else:
            missing.append(index)
    unfit = 0
    if missing:

        def done(position: int, rows: Rows) -> None:
            index = missing[position]
            cache.put(configurations[index], rows)
            by_index[index] = rows
            _tell(progress, f"progress {len(by_index)} {len(configurations)}")

        try:
            refused = compile_all([configurations[index] for index in missing], settings, done)
            for position, result in refused.items():
                unfit += 1
                done(position, [(configurations[missing[position]], result)])
        finally:
            cache.save()
    results = [result for rows in by_index.values() for _, result in rows]
    left = sum(result.reason == OUT_OF_TIME for result in results)
    _tell(progress, f"compiled {len(missing) - unfit - left} {len(configurations) - len(missing)} {left}")
    sentences = dict.fromkeys(each.reason.removeprefix(REFUSED) for each in results if each.reason.startswith(REFUSED))
    if (
        sentences
        and not settings.guesses
        and all(each.status == "n/a" or each.reason.startswith(REFUSED) for each in results)
    ):
        raise ValueError("\n".join(sentences))
    return by_index


def _read(several: list[reads.Reads], root: Path) -> dict[str, Any]:
    """For the atlas file, what hook and kernels' modules read: files of the checkout, and variables that are set."""
    union = reads.merged({id(each): each for each in several}.values())
    return {"read": reads.below(union, root.resolve()), "shell": reads.shell(union)}


def _check_names(entries: list[dict[str, Any]]) -> None:
    """ValueError where two rows have one name, and so could not be told apart in any comparison."""
    names = Counter(item["id"] for item in entries)
    for name, times in names.items():
        if times > 1:
            raise ValueError(f"{times} configurations are called {name!r}; give each a label of its own")


def _tell(progress: Optional[int], line: str) -> None:
    if progress is not None:
        with open(progress, "w", encoding="utf-8", closefd=False) as reader:
            print(line, file=reader)


def target_names(given: Optional[list[str]]) -> list[str]:
    """Names of targets from repeated or comma-separated options; the default ones when none is given."""
    names = [name for item in given or [] for name in item.split(",") if name]
    if targets.ALL in names:
        return list(targets.TARGETS)
    return list(dict.fromkeys(targets.parse(name).name for name in names)) or list(targets.DEFAULT)


def check_release(asked: str, actual: str) -> None:
    """ValueError where Python imports another Triton than the environment's own: PYTHONPATH comes first."""
    origin, is_own = records.place("triton")
    if versions.plain(actual) != versions.plain(asked) or not is_own:
        path = os.environ.get("PYTHONPATH", "")
        raise ValueError(f"triton {asked} is asked, and Python imports {actual} from {origin}; PYTHONPATH is {path!r}")


def installed_triton() -> str:
    """The version of the Triton in this Python, without importing it; raises ValueError when there is none."""
    owner = str(toolchain.distribution_of("triton"))
    for name in (*pairs.DISTRIBUTIONS, owner):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise ValueError(f"this Python ({sys.executable}) has no Triton; install one, or use `nox -s codegen`")
