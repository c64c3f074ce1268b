"""A spec: a TOML file that names a kernel and the configurations to compile. docs/codegen.md shows one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from ..base import files
from .compile import Configuration
from .loading import split

_TABLES = ("args", "constexprs", "options", "hints")
_HINTS = ("divisible_by_16",)


class SpecError(ValueError):
    """The spec cannot be asked; one sentence that names the key, its value and what is allowed."""


def read(path: Path) -> dict[str, Any]:
    """The checked content of a spec file; a kernel's path in it is made absolute.

    Raises:
        SpecError: the file is not there, is not TOML, or has a key or value that a spec does not have.
    """
    content = files.read_toml(path, "--spec", SpecError)
    for key in content:
        if key not in ("kernel", *_TABLES):
            raise SpecError(f"{path.name} has {key!r}; allowed are kernel, {', '.join(_TABLES)}")
    if not isinstance(content.get("kernel"), str):
        raise SpecError(f"{path.name} names no kernel; it needs kernel = 'path/or/module:function'")
    for table in _TABLES:
        if not isinstance(content.setdefault(table, {}), dict):
            raise SpecError(f"{path.name} has {table} = {content[table]!r}; allowed is a table")
    for name, kind in content["args"].items():
        if not isinstance(kind, str):
            raise SpecError(
                f"{path.name} has args.{name} = {kind!r}; allowed is a Triton type such as '*fp32' or 'i32'"
            )
    for name, hint in content["hints"].items():
        if name not in _HINTS or not isinstance(hint, list):
            raise SpecError(
                f"{path.name} has hints.{name} = {hint!r}; allowed is divisible_by_16, a list of parameters"
            )
    content["kernel"] = _absolute(content["kernel"], path.resolve().parent)
    return content


def expand(content: dict[str, Any], target_names: list[str]) -> list[Configuration]:
    """One configuration per target and per combination of the lists in constexprs and options."""
    function = split(content["kernel"])[1]
    options = {"num_warps": 4, **content["options"]}
    fixed: dict[tuple[str, str], Any] = {}
    varying: dict[tuple[str, str], list[Any]] = {}
    for table, settings in (("constexprs", content["constexprs"]), ("options", options)):
        for name, value in settings.items():
            (varying if isinstance(value, list) else fixed)[table, name] = value
    pointers = tuple(name for name, kind in content["args"].items() if kind.startswith("*"))
    hints = tuple(content["hints"].get("divisible_by_16", pointers))
    result = []
    for target in target_names:
        for values in itertools.product(*varying.values()):
            settings = {**fixed, **dict(zip(varying, values))}
            shown = ",".join(f"{name}={value}" for (_, name), value in zip(varying, values))
            result.append(
                Configuration(
                    kernel=content["kernel"],
                    label=f"{function}[{shown}]" if shown else function,
                    target=target,
                    args=dict(content["args"]),
                    constexprs={name: value for (table, name), value in settings.items() if table == "constexprs"},
                    options={name: value for (table, name), value in settings.items() if table == "options"},
                    hints=hints,
                )
            )
    for configuration in result:
        num_warps = configuration.options["num_warps"]
        if not isinstance(num_warps, int) or num_warps < 1 or num_warps & (num_warps - 1):
            raise SpecError(f"options.num_warps is {num_warps!r}; allowed is a power of two")
    return result


def _absolute(reference: str, folder: Path) -> str:
    """A reference to a file, written relative to ``folder``, made absolute; a module's reference as it is."""
    module, function = split(reference)
    if module.endswith(".py"):
        return f"{folder / module}:{function}"
    if (folder / f"{module}.py").is_file():
        return f"{folder / module}.py:{function}"
    if "/" in module:
        raise SpecError(f"kernel is {reference!r}; there is no file {folder / module}.py")
    return reference
