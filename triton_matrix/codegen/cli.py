"""The verb ``compile``: compile in the Triton that this Python has. The verb ``codegen`` does it in every release."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any, Optional

from ..evidence import atlas_file
from . import adapters, hook, loading, spec, table, targets
from .cache import Cache, default_folder
from .compile import Configuration, Result
from .loading import KernelError
from .spec import SpecError

_DISTRIBUTIONS = ("triton", "triton-rocm", "pytorch-triton-rocm", "pytorch-triton")


def main(argv: list[str]) -> int:
    """Exit status 0: all compiled or is n/a. 1: something does not compile or cannot be launched. 2: cannot ask."""
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix compile",
        description="Compile kernels for named GPU targets with this Python's Triton; needs no GPU and no torch.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--spec", type=Path, metavar="FILE.toml", help="compile the kernel that this file describes")
    what.add_argument("--atlas", metavar="FILE.py:FUNCTION", help="compile the configurations that this gives")
    what.add_argument(
        "--check-driver", metavar="FILE.py:FUNCTION", help="on a GPU machine: hold its figures against the driver's"
    )
    parser.add_argument("--target", action="append", metavar="TARGET", help=targets.HELP)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--quiet", action="store_true", help="print no table, only what failed")
    parser.add_argument("--progress", action="store_true", help="print a line 'progress DONE TOTAL' after each result")
    parser.add_argument("--root", type=Path, default=Path.cwd(), metavar="DIR", help="what FILE.py is relative to")
    parser.add_argument("--cache", type=Path, default=default_folder(), metavar="DIR", help="where results are kept")
    parser.add_argument("--no-cache", action="store_true", help="compile everything, and keep nothing")
    options = parser.parse_args(argv)
    os.environ.pop("TRITON_INTERPRET", None)  # it would hand out interpreted functions, which cannot be compiled
    try:
        names = target_names(options.target)
        release = installed_triton()
        _, remark = adapters.choose(release)
        if remark:
            print(remark, file=sys.stderr)
        if options.check_driver:
            from . import driver_check

            return driver_check.main(release, options.check_driver, options.root, options.json)
        if options.atlas:
            configurations = hook.configurations(options.atlas, options.root, names)
        else:
            configurations = spec.expand(spec.read(options.spec), names)
        cache = Cache(None if options.no_cache else options.cache, release)
        entries = run(configurations, cache, release, options.progress)
        if options.json:
            source = loading.file_of(configurations[0].kernel) or Path()
            atlas_file.write(options.json, atlas_file.make(release, adapters.name_of(release), entries, source))
    except (SpecError, KernelError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    failed = [item for item in entries if item["status"] == "error"]
    if not options.quiet:
        print(table.entries(entries, options.markdown))
    elif failed:
        print("\n".join(f"error: {item['id']}: {item['reason']}" for item in failed), file=sys.stderr)
    return 1 if failed else 0


def run(configurations: list[Configuration], cache: Cache, release: str, progress: bool) -> list[dict[str, Any]]:
    """Entries of all configurations, in their order: from the cache where it has them, else compiled."""
    found: dict[int, Result] = {}
    missing: list[tuple[int, Configuration]] = []
    for index, configuration in enumerate(configurations):
        kept = cache.get(configuration)
        if kept:
            found[index] = kept
        else:
            missing.append((index, configuration))
    if missing:
        from .worker import compile_all

        wanted = dict.fromkeys(configuration.kernel for _, configuration in missing)
        functions = {reference: loading.load(reference) for reference in wanted}
        check(missing, functions)
        order = iter(index for index, _ in missing)

        def done(configuration: Configuration, result: Result) -> None:
            cache.put(configuration, result)
            found[next(order)] = result
            if progress:
                print(f"progress {len(found)} {len(configurations)}", flush=True)

        try:
            compile_all([configuration for _, configuration in missing], functions, done)
        finally:
            cache.save()
    if progress:
        print(f"compiled {len(missing)} {len(configurations)}", flush=True)
    return [atlas_file.entry(configuration, found[index]) for index, configuration in enumerate(configurations)]


def check(missing: list[tuple[int, Configuration]], functions: dict[str, Any]) -> None:
    """Raise the one sentence about a configuration that does not fit its kernel before anything is compiled."""
    from .compile import sign, unwrap

    for _, configuration in missing:
        function = unwrap(functions[configuration.kernel])
        sign(function, configuration.args, configuration.constexprs, configuration.hints)


def target_names(given: Optional[list[str]]) -> list[str]:
    """Names of targets from repeated or comma-separated options; the default ones when none is given."""
    names = [name for item in given or [] for name in item.split(",") if name]
    if targets.ALL in names:
        return list(targets.TARGETS)
    return [targets.parse(name).name for name in names] or list(targets.DEFAULT)


def installed_triton() -> str:
    """The version of the Triton in this Python, without importing it; raises ValueError when there is none."""
    for name in _DISTRIBUTIONS:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise ValueError(f"this Python ({sys.executable}) has no Triton; install one, or use `nox -s codegen`")
