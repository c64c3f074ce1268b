"""``guard``: a static check of Triton kernels for what breaks on some release between 2.3.1 and the newest.

Three rules, each a regression that really happened (tests/incidents, docs/incidents.md):

    compile-option-parameter  a kernel declares a parameter named like a compile option; 2.3.1 drops it from the call
    not-portable              a kernel uses what not every release has, compiled and interpreted; see portable.py
    num-warps-not-passed      a kernel is launched without num_warps, and gets the default of 4, whatever its block is

A line that must break a rule says why, on it or above: ``# guard: allow not-portable (only compiled on 3.x)``.
It reads sources only: no Triton is needed, and nothing of what it checks is imported.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

from . import portable

RULES = ("compile-option-parameter", "not-portable", "num-warps-not-passed")
SKIPPED_FOLDERS = {".git", ".nox", ".tox", ".venv", "__pycache__", "node_modules"}
ALLOW = re.compile(r"#\s*guard:\s*allow\s+([a-z-]+)\s*\(\s*(\S.*?)\s*\)")
LANGUAGE = "triton.language"
KERNEL_DECORATORS = {"triton.jit", "triton.runtime.jit", "triton.runtime.jit.jit", "triton.runtime.autotuner.jit"}
TUNERS = {"triton.autotune", "triton.runtime.autotune", "triton.runtime.autotuner.autotune"}


@dataclass(frozen=True, order=True)
class Finding:
    """One line that breaks a rule; ``sentence`` says what, on which release, and what to write instead."""

    path: str
    line: int
    rule: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.sentence}"


@dataclass
class Source:
    """A parsed file: what its names stand for, and the kernels it defines."""

    path: str
    text: str
    tree: ast.Module
    aliases: dict[str, str] = field(default_factory=dict)
    kernels: dict[str, ast.FunctionDef] = field(default_factory=dict)
    tuned: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)


def check(paths: list[Path]) -> list[Finding]:
    """Every finding in the Python files at or under ``paths``, sorted by place.

    Raises:
        ValueError: a path that does not exist, holds no Python file, or holds one that cannot be read or parsed.
    """
    sources = [read(path) for path in _python_files(paths)]
    launchable = {name for source in sources for name in source.kernels}
    tuned = {name for source in sources for name in source.tuned}
    found = set()
    for source in sources:
        findings = {*_check_kernels(source), *_check_launches(source, launchable, tuned)}
        allowed = _allowances(source)
        found |= {item for item in findings if item.rule not in allowed.get(item.line, ())}
    return sorted(found)


def read(path: Path) -> Source:
    """Parse a file and note what its names stand for.

    Raises:
        ValueError: it cannot be read or is not Python.
    """
    try:
        text = path.read_text(encoding="utf-8")
        source = Source(str(path), text, ast.parse(text, filename=str(path)))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} is not Python: {error}") from None
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                bound = item.asname or item.name.split(".")[0]
                source.aliases[bound] = item.name if item.asname else bound
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            source.aliases.update({item.asname or item.name: f"{node.module}.{item.name}" for item in node.names})
        elif isinstance(node, ast.FunctionDef):
            decorators = {_resolve(source, _callee(item)) for item in node.decorator_list}
            if decorators & KERNEL_DECORATORS:
                source.kernels[node.name] = node
                if decorators & TUNERS:
                    source.tuned.add(node.name)
    for statement in source.tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            constexpr = f"{LANGUAGE}.constexpr"
            kinds = {_resolve(source, _callee(statement.value)), _resolve(source, statement.value)}
            if isinstance(statement, ast.AnnAssign):
                kinds.add(_resolve(source, statement.annotation))
            # a name for a function, a module or a dtype is no plain value: X = tl.float32
            plain = constexpr not in kinds and not any(str(kind).startswith("triton") for kind in kinds)
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            source.globals |= {item.id for item in targets if isinstance(item, ast.Name) and plain}
    return source


def _python_files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            files = [item for item in sorted(path.rglob("*.py")) if not SKIPPED_FOLDERS & set(item.parts)]
            if not files:
                raise ValueError(f"{path} holds no Python file")
            yield from files
        elif path.exists():
            yield path
        else:
            raise ValueError(f"there is no {path}")


def _callee(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _resolve(source: Source, node: Optional[ast.AST]) -> Optional[str]:
    """The full dotted name that ``node`` stands for by the file's imports; None where it is no imported name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in source.aliases:
        return None
    return ".".join([source.aliases[node.id], *reversed(parts)])


def _check_kernels(source: Source) -> Iterator[Finding]:
    if source.kernels and source.aliases.get("annotations") == "__future__.annotations":
        line = next(node.lineno for node in source.tree.body if getattr(node, "module", "") == "__future__")
        sentence = (
            "deferred annotations turn tl.constexpr into text, which interpreters up to 3.1 do not read; keep kernels "
            "in a file without this import"
        )
        yield Finding(source.path, line, RULES[1], sentence)
    for kernel in source.kernels.values():
        parameters = [*kernel.args.posonlyargs, *kernel.args.args, *kernel.args.kwonlyargs]
        for parameter in parameters:
            if parameter.arg in portable.COMPILE_OPTIONS:
                since, until = portable.COMPILE_OPTIONS[parameter.arg]
                sentence = (
                    f"{kernel.name} declares {parameter.arg!r}, a compile option of Triton {since} to {until}, as a "
                    "parameter; 2.3.1 drops such a keyword from the call, and so do interpreters to 3.2: rename it"
                )
                yield Finding(source.path, parameter.lineno, RULES[0], sentence)
        local = {parameter.arg for parameter in parameters}
        local |= {
            node.id for node in ast.walk(kernel) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for statement in kernel.body:
            for node in ast.walk(statement):
                for sentence in _not_portable(source, node, local):
                    yield Finding(source.path, getattr(node, "lineno", kernel.lineno), RULES[1], sentence)


def _not_portable(source: Source, node: ast.AST, local: set[str]) -> Iterator[str]:
    """Why ``node`` of a kernel's body is outside the portable subset; nothing where it is inside."""
    if isinstance(node, (ast.Attribute, ast.Name)):
        name = _resolve(source, node) or ""
        if name.startswith(f"{LANGUAGE}.") and name.count(".") == 2:
            yield from _language(name.rpartition(".")[2])
        elif isinstance(node, ast.Name):
            if name.startswith((f"{LANGUAGE}.", "triton.")) and name != LANGUAGE:
                yield from _language(name.split(".")[2] if name.count(".") >= 2 else name)
            elif node.id in source.globals and node.id not in local:
                yield (
                    f"{node.id} is a module global and no constexpr, a NameError from 3.0; pass it as a tl.constexpr "
                    "parameter"
                )
    if isinstance(node, ast.Subscript) and _selects_axes(node.slice):
        yield "indexing with None or : gives raw numpy in the interpreter of 2.3.1; write tl.expand_dims(x, axis)"
    if isinstance(node, ast.Call):
        yield from _call(source, node, local)


def _language(name: str) -> Iterator[str]:
    if name in portable.WORSE:
        yield portable.WORSE[name]
    elif name not in portable.LANGUAGE and not name.startswith("triton."):
        yield f"tl.{name} is not in every release from {portable.OLDEST} to {portable.NEWEST}"


def _call(source: Source, call: ast.Call, local: set[str]) -> Iterator[str]:
    name = _resolve(source, call.func) or ""
    if name.startswith(f"{LANGUAGE}."):
        short = name.rpartition(".")[2]
        by_position, missing = portable.CALLS.get(short, (None, set()))
        if by_position is not None and len(call.args) > by_position:
            yield f"tl.{short} takes only {by_position} arguments by position in every release; name the others"
        for keyword in call.keywords:
            if keyword.arg in missing:
                yield f"tl.{short} has no {keyword.arg} in some release from {portable.OLDEST} to {portable.NEWEST}"
    elif isinstance(call.func, ast.Attribute) and call.func.attr in portable.METHODS and not name:
        yield portable.METHODS[call.func.attr]
    elif isinstance(call.func, ast.Name) and call.func.id not in {*local, *source.aliases, *source.kernels}:
        yield from filter(None, [portable.BUILTINS.get(call.func.id)])


def _selects_axes(index: ast.AST) -> bool:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return any(isinstance(part, ast.Slice) or (isinstance(part, ast.Constant) and part.value is None) for part in parts)


def _check_launches(source: Source, launchable: set[str], tuned: set[str]) -> Iterator[Finding]:
    scopes: list[Union[ast.Module, ast.FunctionDef]] = [source.tree]
    scopes += [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef)]
    for scope in scopes:
        nodes = list(_own_nodes(scope))
        assigned = {
            target.id: node.value
            for node in nodes
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in nodes:
            if not isinstance(node, ast.Call):
                continue
            launcher: ast.AST = node.func
            if isinstance(launcher, ast.Name):
                launcher = assigned.get(launcher.id, launcher)
            kernel = _launched(launcher, launchable)
            if kernel is not None and kernel not in tuned and not _passes_num_warps(node, assigned):
                sentence = (
                    f"{kernel} is launched without num_warps and gets 4 warps, whatever its block is; pass num_warps="
                )
                yield Finding(source.path, node.lineno, RULES[2], sentence)
            if _resolve(source, node.func) == "triton.Config" and not _passes_num_warps(node, assigned):
                yield Finding(
                    source.path, node.lineno, RULES[2], "this triton.Config has no num_warps; pass num_warps="
                )


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module without those of the functions inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _own_nodes(child)
        else:
            for decorator in child.decorator_list:
                yield from ast.walk(decorator)


def _launched(launcher: ast.AST, launchable: set[str]) -> Optional[str]:
    """The kernel's name where ``launcher`` is ``kernel[grid]`` or ``kernel.run``; what getattr gives counts as one."""
    if isinstance(launcher, ast.Subscript):
        target = launcher.value
        if isinstance(target, ast.Call) and isinstance(target.func, ast.Name) and target.func.id == "getattr":
            return ast.unparse(target)
    elif isinstance(launcher, ast.Attribute) and launcher.attr == "run":
        target = launcher.value
    else:
        return None
    name = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else None
    return name if name in launchable else None


def _passes_num_warps(call: ast.Call, assigned: dict[str, ast.expr]) -> bool:
    """Whether num_warps is there to be read: as a keyword, or in a dictionary written out in the same function."""
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg is None and isinstance(value, ast.Name):
            value = assigned.get(value.id, value)
        if keyword.arg is None and isinstance(value, ast.Dict):
            if any(isinstance(key, ast.Constant) and key.value == "num_warps" for key in value.keys):
                return True
        elif keyword.arg is None and isinstance(value, ast.Call):
            if any(item.arg == "num_warps" for item in value.keywords):
                return True
        elif keyword.arg == "num_warps":
            return True
    return False


def _allowances(source: Source) -> dict[int, set[str]]:
    """Line number -> rules that a comment with a reason allows there.

    Raises:
        ValueError: a comment that allows a rule there is not.
    """
    allowed: dict[int, set[str]] = {}
    for number, line in enumerate(source.text.splitlines(), start=1):
        for rule, _ in ALLOW.findall(line):
            if rule not in RULES:
                raise ValueError(f"{source.path}:{number} allows {rule!r}; the rules are {', '.join(RULES)}")
            lines = {number, number + 1} if line.lstrip().startswith("#") else {number}
            for each in lines:
                allowed.setdefault(each, set()).add(rule)
    return allowed


def main(argv: list[str]) -> int:
    """Check kernel sources for what breaks on some Triton. Exit status 0 clean, 1 findings, 2 unreadable input."""
    parser = argparse.ArgumentParser(prog="python -m triton_matrix guard", description=main.__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a Python file, or a folder of them")
    options = parser.parse_args(argv)
    try:
        found = check(options.paths)
    except ValueError as error:
        print(f"guard: {error}", file=sys.stderr)
        return 2
    for finding in found:
        print(finding)
    return 1 if found else 0
