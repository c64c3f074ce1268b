"""A launch file: a TOML file that says all of a call of a kernel. docs/launches.md shows one.

``read`` gives its checked content, ``expand`` what compilers are asked, describing.py what computes it is asked.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

from ..base import compile_options, files
from . import arguments, naming
from .configuration import Configuration
from .loading import split
from .signing import REFERENCES

_TABLES = ("args", "constexprs", "options", "hints", "tuned")
_KEYS = ("kernel", "grid", "count", "reference", *_TABLES)
_HINTS = ("divisible_by_16", "equal_to_1")


class LaunchError(ValueError):
    """The launch file cannot be asked; one sentence that names the key, its value and what is allowed."""


def read(path: Path) -> dict[str, Any]:
    """The checked content of a launch file; a kernel's path in it is made absolute.

    Raises:
        LaunchError: the file is not there, is not TOML, or has a key or value that a launch file does not have.
    """
    content = files.read_toml(path, "--launches", LaunchError)
    for key in content:
        if key not in _KEYS:
            raise LaunchError(f"{path.name} has {key!r}; allowed are {', '.join(_KEYS)}")
    if not isinstance(content.get("kernel"), str):
        raise LaunchError(f"{path.name} names no kernel; it needs kernel = 'path/or/module:function'")
    for table in _TABLES:
        if not isinstance(content.setdefault(table, {}), dict):
            raise LaunchError(f"{path.name} has {table} = {content[table]!r}; allowed is a table")
    for table in ("args", "constexprs"):
        for name, value in content[table].items():
            _check_value(path, f"{table}.{name}", value)
    for name, hint in content["hints"].items():
        if name not in _HINTS or not isinstance(hint, list) or not all(isinstance(item, str) for item in hint):
            raise LaunchError(
                f"{path.name} has hints.{name} = {hint!r}; allowed are {' and '.join(_HINTS)}, lists of parameters"
            )
    for name in content["hints"].get("equal_to_1", ()):
        if content["args"].get(name, 1) not in (1, "i32", "i64"):
            raise LaunchError(f"{path.name} has {name!r} under hints.equal_to_1; allowed are integers of args")
        content["args"][name] = 1
    _check_grid(path, content)
    if "reference" in content:
        if not isinstance(content["reference"], str):
            raise LaunchError(f"{path.name} has reference = {content['reference']!r}; allowed is 'path/to.py:function'")
        content["reference"] = _absolute(content["reference"], path.resolve().parent)
    content["kernel"] = _absolute(content["kernel"], path.resolve().parent)
    content["constexprs"] = _functions(content["constexprs"], path.resolve().parent)
    return content


def _check_grid(path: Path, content: dict[str, Any]) -> None:
    grid, count = content.get("grid", [1]), content.get("count", 1)
    whole = isinstance(grid, list) and 1 <= len(grid) <= 3 and all(type(each) is int and each > 0 for each in grid)
    if not whole:
        raise LaunchError(f"{path.name} has grid = {grid!r}; allowed are 1 to 3 integers above 0")
    if type(count) is not int or count < 1:
        raise LaunchError(f"{path.name} has count = {count!r}; allowed is an integer above 0")
    for key, value in content["tuned"].items():
        if key not in ("constexprs", "options") or not isinstance(value, dict):
            raise LaunchError(f"{path.name} has tuned.{key} = {value!r}; allowed are tables constexprs and options")
        for name, item in value.items():
            _check_value(path, f"tuned.{key}.{name}", item)


def _functions(value: Any, folder: Path) -> Any:
    """Constexprs whose functions' files are absolute."""
    if isinstance(value, list):
        return [_functions(item, folder) for item in value]
    if isinstance(value, dict):
        return {
            key: _absolute(item, folder) if key in REFERENCES and isinstance(item, str) else _functions(item, folder)
            for key, item in value.items()
        }
    return value


def _check_value(path: Path, where: str, value: Any) -> None:
    """Refuse what is neither a value of a launch nor a list or table of such: a date, a number that is none."""
    if isinstance(value, float) and value - value != 0:
        raise LaunchError(f"{path.name} has {where} = {value!r}; allowed is a number that is finite")
    if isinstance(value, dict) and where.startswith("args."):
        try:
            arguments.check(where, value)
        except arguments.ArgumentError as problem:
            raise LaunchError(f"{path.name}: {problem}") from None
    elif isinstance(value, list):
        if where.startswith("args."):
            raise LaunchError(f"{path.name} has {where} = {value!r}; a tuple is {{tuple = [...]}}")
        if not value:
            raise LaunchError(f"{path.name} has {where} = []; allowed is a list that holds something")
        for item in value:
            _check_value(path, where, item)
    elif isinstance(value, dict):
        if set(value) not in ({"tuple"}, {"text"}, *({key} for key in REFERENCES)):
            allowed = ", ".join(["{tuple = [...]}", *(f"{{{key} = ...}}" for key in REFERENCES)])
            raise LaunchError(f"{path.name} has {where} = {value!r}; allowed are {allowed}")
        for item in value.values():
            if item != []:
                _check_value(path, where, item)
    elif not isinstance(value, (bool, int, float, str)):
        raise LaunchError(f"{path.name} has {where} = {value}; allowed is a type, a text, a number or a truth value")


def files_of(path: Path) -> list[Path]:
    """The launch files that ``--launches`` names: itself, or every ``*.toml`` below it where it is a folder.

    Raises:
        LaunchError: a folder without one.
    """
    if not path.is_dir():
        return [path]
    paths = sorted(path.rglob("*.toml"))
    if not paths:
        raise LaunchError(f"--launches is {str(path)!r}; this folder holds no *.toml")
    return paths


def expand_all(path: Path, target_names: list[str]) -> list[Configuration]:
    """The configurations of a launch file, or of every one of a folder, none twice and each with a label of its own.

    Raises:
        LaunchError: as of :func:`read` and :func:`expand`, or two kernels that labels do not tell apart.
    """
    result: dict[str, Configuration] = {}
    captured: set[str] = set()
    for file in files_of(path):
        content = read(file)
        for configuration in expand(content, target_names):
            if "count" in content:  # captured: of launches that differ in sizes alone, the first
                args = {name: arguments.told(value) for name, value in configuration.args.items()}
                same = _content(dataclasses.replace(configuration, settings=(), args=args))
                if same in captured:
                    continue
                captured.add(same)
            other = result.setdefault(configuration.id, configuration)
            if _content(other) != _content(configuration):
                both = f"{other.kernel} and {configuration.kernel}"
                raise LaunchError(
                    f"--launches is {str(path)!r}; {both} are both called {other.id}: ask for one of them"
                )
    return list(result.values())


def _content(configuration: Configuration) -> str:
    """All that is asked, however the path of the kernel's file is written."""
    return repr(dataclasses.replace(configuration, kernel=str(Path(configuration.kernel).resolve())))


def expand(content: dict[str, Any], target_names: list[str]) -> list[Configuration]:
    """One configuration per target and per combination of the lists in constexprs and options, none of them twice.

    Raises:
        LaunchError: an option that no release knows, or a value that it cannot have.
    """
    args = {name: arguments.compiled(value) for name, value in content["args"].items()}
    pointers = tuple(name for name, kind in args.items() if str(kind).startswith("*"))
    typed = content["hints"].get("divisible_by_16", [name for name in pointers if content["args"][name] == args[name]])
    hints = (*typed, *(name for name in pointers if name not in typed and arguments.is_aligned(content["args"][name])))
    return [
        Configuration(content["kernel"], _settings(args, hints, **chosen), target, dict(args), hints=hints, **chosen)
        for target in target_names
        for chosen in points(content)
    ]


def points(content: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """What the lists in constexprs and options make: ``constexprs`` and ``options`` of each combination, none twice.

    Raises:
        LaunchError: as of :func:`expand`.
    """
    grid: dict[tuple[str, str], list[Any]] = {}
    for table in ("constexprs", "options"):
        for name, value in content[table].items():
            values = value if isinstance(value, list) else [value]
            if table == "options":
                _check_option(name, values)
            grid[table, name] = [each for index, each in enumerate(values) if not _among(each, values[:index])]
    return [
        {
            kind: {name: value for (table, name), value in zip(grid, point) if table == kind}
            for kind in ("constexprs", "options")
        }
        for point in itertools.product(*grid.values())
    ]


def _check_option(name: str, values: list[Any]) -> None:
    if not values:
        raise LaunchError(f"options.{name} is []; allowed is a list that holds something")
    for each in values:
        try:
            compile_options.check(name, each, "options")
        except ValueError as problem:
            raise LaunchError(str(problem)) from None


def _settings(
    args: dict[str, Any], hints: tuple[str, ...], constexprs: dict[str, Any], options: dict[str, Any]
) -> tuple[str, ...]:
    """What tells a configuration from every other of its kernel: what its pointers point to, constexprs, options, and a
    digest of all that a launch would say.
    """
    said = json.dumps([args, sorted(hints), _named(constexprs), options], sort_keys=True)
    kinds = dict.fromkeys(kind.lstrip("*k") for kind in args.values() if isinstance(kind, str) and kind.startswith("*"))
    set_here = [f"{name}={shown(value)}" for name, value in (*_named(constexprs).items(), *options.items())]
    return (*kinds, *set_here, f"#{hashlib.sha256(said.encode()).hexdigest()[:8]}")


def _named(value: Any) -> Any:
    """A value with its functions called as kernels are, wherever their files lie."""
    if isinstance(value, list):
        return [_named(item) for item in value]
    if isinstance(value, dict):
        return {
            key: naming.kernel(item) if key in REFERENCES and isinstance(item, str) else _named(item)
            for key, item in value.items()
        }
    return value


def shown(value: Any) -> str:
    """A constexpr or an option as names have it."""
    return ",".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def remarks(content: dict[str, Any]) -> list[str]:
    """What in a launch file no launch would say, or what every launch would say and it does not; one sentence each."""
    args = {name: arguments.compiled(value) for name, value in content["args"].items()}
    function = split(content["kernel"])[1]
    hinted = content["hints"].get("divisible_by_16")
    sentences = []
    for name in hinted or ():
        if str(args.get(name)).startswith(("fp", "bf", "i1", "u1", "tensordesc")):
            sentences.append(
                f"{function}: hints has {name!r} of type {args[name]}; a launch gives a hint for integers and pointers"
            )
    integers = [name for name, kind in args.items() if kind in ("i32", "i64")]
    if hinted is None and integers:
        sentences.append(
            f"{function}: nothing says what {', '.join(integers)} may be divided by; a launch does, and loads may be"
            f" wider with it: write the value of a launch, such as {integers[0]} = 4096, or hints.divisible_by_16"
        )
    return sentences


def _among(value: Any, others: list[Any]) -> bool:
    return any(value == other and type(value) is type(other) for other in others)


def _absolute(reference: str, folder: Path) -> str:
    """A reference to a file, written relative to ``folder``, made absolute; a module's reference as it is."""
    module, function = split(reference)
    if module.endswith(".py"):
        return f"{folder / module}:{function}"
    if (folder / f"{module}.py").is_file():
        return f"{folder / module}.py:{function}"
    if "/" in module:
        raise LaunchError(f"kernel is {reference!r}; there is no file {folder / module}.py")
    return reference
