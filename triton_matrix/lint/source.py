"""A Python file as the linter sees it: parsed, what its names stand for, and the kernels that it defines."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

RULES = ("compile-option-parameter", "not-portable", "not-interpreted", "num-warps-not-passed")
ADVICE = {"num-warps-not-passed"}  # breaks nothing: what every release does alike, and a kernel may be the slower for
SKIPPED_FOLDERS = {".git", ".nox", ".tox", ".venv", "__pycache__", "node_modules"}
ALLOW = re.compile(r"#\s*lint:\s*allow\s+([a-z-]+)\s*\(\s*(\S.*?)\s*\)")
LANGUAGE = "triton.language"
JIT = {"triton.jit", "triton.runtime.jit", "triton.runtime.jit.jit", "triton.runtime.autotuner.jit"}
TUNERS = {"triton.autotune", "triton.runtime.autotune", "triton.runtime.autotuner.autotune"}
HEURISTICS = {"triton.heuristics", "triton.runtime.heuristics", "triton.runtime.autotuner.heuristics"}
TUNES = re.compile(r"autotun", re.IGNORECASE)  # in the name of a package's own wrapper
ASKS_RELEASE = re.compile(r"version|hasattr|find_spec|TRITON_(ABOVE|GE|GT|LT|LE|AT_LEAST)", re.IGNORECASE)
Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
Scope = Union[ast.Module, ast.FunctionDef, ast.AsyncFunctionDef]


@dataclass(frozen=True)
class Kernel:
    """A function that triton.jit compiles.

    Attributes:
        node: its definition; None where only its name is known.
        tuned: an autotuner or a heuristic gives it its num_warps.
        chosen: it is defined for some releases only: below a test of Triton's version or of what it has.
    """

    name: str
    path: str
    node: Optional[ast.FunctionDef] = field(default=None, repr=False)
    tuned: bool = False
    chosen: bool = False


@dataclass
class Source:
    """A parsed file.

    Attributes:
        aliases: name -> full dotted names that the file's imports, or assignments of names of Triton, bind it to.
        kernels: the kernels defined in it, in order.
        functions, classes: by name, at any depth.
        globals: name -> the values that the module assigns to it at its top level.
        annotated: names that the top level annotates as constexpr.
        patched: full names of the language that the file assigns itself.
        nodes: every node of the tree: walking it takes most of the time, so it is walked once.
    """

    path: str
    text: str
    tree: ast.Module
    aliases: dict[str, set[str]] = field(default_factory=dict)
    kernels: list[Kernel] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    globals: dict[str, list[ast.expr]] = field(default_factory=dict)
    annotated: set[str] = field(default_factory=set)
    patched: set[str] = field(default_factory=set)
    nodes: list[ast.AST] = field(default_factory=list, repr=False)

    def resolve(self, node: Optional[ast.AST]) -> set[str]:
        """The full dotted names that ``node`` may stand for; empty where it is no imported name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return set()
        return {".".join([name, *reversed(parts)]) for name in self.aliases.get(node.id, ())}


def python_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The Python files at or under ``paths``.

    Raises:
        ValueError: a path that is not there, or a folder without a Python file.
    """
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


def read_all(paths: Iterable[Path]) -> tuple[list[Source], list[str]]:
    """The files that have to do with Triton: they name it, or a kernel of one that does. The others are not parsed.

    Returns:
        The files, and a sentence for each that cannot be read or that this Python cannot parse.

    Raises:
        ValueError: a path that is not there, or a folder without a Python file.
    """
    texts: dict[Path, str] = {}
    sources: dict[Path, Source] = {}
    unread: list[str] = []

    def take(path: Path, text: Optional[str] = None) -> None:
        try:
            if text is None:
                texts[path] = _text(path)
            else:
                sources[path] = parse(path, text)
        except ValueError as error:
            unread.append(str(error))

    files = list(dict.fromkeys(python_files(paths)))
    for path in files:
        take(path)
    for path, text in texts.items():
        if "triton" in text or len(files) == 1:
            take(path, text)
    names = {kernel.name for source in sources.values() for kernel in source.kernels}
    for path, text in texts.items():
        names_one = not names.isdisjoint(re.findall(r"\w+", text)) or ALLOW.search(text)
        if names_one and "triton" not in text and path not in sources:
            take(path, text)
    of_triton = [sources[path] for path in texts if path in sources]
    tuners = {name for source in of_triton for name in _own_tuners(source)}
    for source in of_triton:
        _add_kernels(source, tuners)
    return of_triton, unread


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not Python: {error}") from None


def parse(path: Path, text: str) -> Source:
    """Parse a file and note what its names stand for.

    Raises:
        ValueError: it is not Python.
    """
    try:
        source = Source(str(path), text, ast.parse(text, filename=str(path)))
    except (SyntaxError, ValueError) as error:
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        raise ValueError(f"{path} is nothing that {python} parses: {error}") from None
    source.nodes = list(ast.walk(source.tree))
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for item in node.names:
                bound = item.asname or item.name.split(".")[0]
                source.aliases.setdefault(bound, set()).add(item.name if item.asname else bound)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for item in node.names:
                full = f"{module}.{item.name}" if node.module else f"{module}{item.name}"
                source.aliases.setdefault(item.asname or item.name, set()).add(full)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            source.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            source.classes[node.name] = node
    stored = (node for node in source.nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    source.patched = {name for node in stored for name in source.resolve(node)}
    for statement, _ in top_level(source.tree.body):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            _note_global(source, statement, statement.value)
    _add_kernels(source, set())
    return source


def _note_global(source: Source, statement: Union[ast.Assign, ast.AnnAssign], value: ast.expr) -> None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        if not isinstance(target, ast.Name):
            continue
        source.globals.setdefault(target.id, []).append(value)
        of_triton = {name for name in source.resolve(value) if name.startswith("triton.")}
        if of_triton:
            source.aliases.setdefault(target.id, set()).update(of_triton)
        if isinstance(statement, ast.AnnAssign):
            annotation = source.resolve(statement.annotation)
            if f"{LANGUAGE}.constexpr" in annotation:
                source.annotated.add(target.id)


def top_level(body: Iterable[ast.stmt], chosen: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements that run when the module is imported, and whether they stand below a test of the release."""
    for statement in body:
        yield statement, chosen
        if isinstance(statement, ast.If):
            asks = chosen or ASKS_RELEASE.search(ast.unparse(statement.test)) is not None
            yield from top_level([*statement.body, *statement.orelse], asks)
        elif isinstance(statement, ast.Try):
            handlers = [inner for handler in statement.handlers for inner in handler.body]
            yield from top_level([*statement.body, *handlers, *statement.orelse, *statement.finalbody], chosen)
        elif isinstance(statement, (ast.With, ast.ClassDef)):
            yield from top_level(statement.body, chosen)


def _add_kernels(source: Source, tuners: set[str]) -> None:
    chosen = {id(statement) for statement, below in top_level(source.tree.body) if below}
    made = {
        node.args[0].id
        for node in source.nodes
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name) and is_jit(source, node.func)
    }
    source.kernels = []
    for node in source.nodes:
        if not isinstance(node, ast.FunctionDef):
            continue
        if node.name in made or any(is_jit(source, item) for item in node.decorator_list):
            tuned = any(tunes(source, item, tuners) for item in node.decorator_list)
            source.kernels.append(Kernel(node.name, source.path, node, tuned, id(node) in chosen))


def callee(node: ast.expr) -> ast.expr:
    """What is called, where it is a call; the node itself otherwise."""
    return node.func if isinstance(node, ast.Call) else node


def is_jit(source: Source, node: ast.expr) -> bool:
    """Whether ``node`` is ``triton.jit`` or a call of it with options only."""
    return bool(source.resolve(callee(node)) & JIT)


def tunes(source: Source, decorator: ast.expr, tuners: set[str]) -> bool:
    """Whether a decorator gives a kernel its num_warps: an autotuner, a package's wrapper of one, or a heuristic."""
    made_by = callee(decorator)
    name = made_by.attr if isinstance(made_by, ast.Attribute) else made_by.id if isinstance(made_by, ast.Name) else ""
    full = source.resolve(made_by)
    if full & TUNERS or name in tuners or TUNES.search(name):
        return True
    if not isinstance(decorator, ast.Call):
        return False
    if full & HEURISTICS:
        keys = [
            key for given in [*decorator.args, *(item.value for item in decorator.keywords)] for key in _keys(given)
        ]
        return "num_warps" in keys
    return any(keyword.arg == "configs" for keyword in decorator.keywords)


def _keys(node: ast.expr) -> Iterator[str]:
    for key in node.keys if isinstance(node, ast.Dict) else ():
        if isinstance(key, ast.Constant):
            yield str(key.value)


def _own_tuners(source: Source) -> Iterator[str]:
    """Functions of the file that make an autotuner: the package's own wrapper of it."""
    for name, function in source.functions.items() if "autotune" in source.text else ():
        calls = (callee(node) for node in ast.walk(function) if isinstance(node, ast.Call))
        kernels = {kernel.node for kernel in source.kernels}
        if function not in kernels and any(source.resolve(call) & TUNERS for call in calls):
            yield name


def allowances(source: Source) -> dict[int, set[str]]:
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
