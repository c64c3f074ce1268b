"""What a file asks of Triton outside its kernels, and some supported release lacks: imports, names, keywords, options.

What stands below a test of the release, or in a ``try`` that goes on without it, is left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from .finding import Finding
from .follow import Follower, Launcher
from .launches import HostCall
from .portable import Language, behaviour
from .source import ASKS_RELEASE, HEURISTICS, JIT, LANGUAGE, TUNERS, Function, Source

RULE = "not-portable"
# an object that its package calls as a module of its own is called
OBJECTS = {"triton.runtime.driver"}
# names of triton.* that stand for one function, whose keywords the survey has
DECORATORS: Mapping[str, str] = {
    "triton.Config": "triton.Config",
    "triton.runtime.Config": "triton.Config",
    "triton.runtime.autotuner.Config": "triton.Config",
    **dict.fromkeys(JIT, "triton.jit"),
    **dict.fromkeys(TUNERS, "triton.autotune"),
    **dict.fromkeys(HEURISTICS, "triton.heuristics"),
}
GOES_ON = re.compile(r"ImportError|ModuleNotFoundError|AttributeError|TypeError|KeyError|Exception")
ONE_SIDE = re.compile(r"TYPE_CHECKING")
Tests = (ast.If, ast.IfExp, ast.While)


def check_host(
    source: Source, nodes: list[ast.AST], calls: Iterable[HostCall], language: Language, follower: Follower
) -> Iterator[Finding]:
    """Every finding in a file outside the bodies of its kernels.

    Args:
        nodes: as :func:`unguarded` gives them.
        calls: of the file.
    """
    heads = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Import):
            for item in node.names:
                yield from _found(source, node, item.name, language.missing_module(item.name), language)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for item in node.names:
                name, missing = language.missing_import(node.module or "", item.name)
                yield from _found(source, node, name, missing, language)
        elif isinstance(node, ast.Attribute) and id(node) not in heads and isinstance(node.ctx, ast.Load):
            imported = source.aliases.get(_root(node), set())
            for full in source.resolve(node) - source.patched:
                name, missing = _missing_part(full, language)
                if not any(f"{each}.".startswith(f"{name}.") for each in imported):  # the import itself says so
                    yield from _found(source, node, name, missing, language)
        elif isinstance(node, ast.Call):
            yield from _keywords(source, node, language)
    seen = set(map(id, nodes))
    for call, place in calls:
        if id(call) in seen and any(item.arg and language.known_option(item.arg) for item in call.keywords):
            launchers = [value for value in follower.values(call.func, place) if isinstance(value, Launcher)]
            if launchers or isinstance(call.func, ast.Subscript):
                yield from _options(source, call, launchers, language)


def _found(source: Source, node: ast.AST, cause: str, missing: frozenset[str], language: Language) -> Iterator[Finding]:
    if missing:
        shown = f"tl{cause[len(LANGUAGE) :]}" if cause.startswith(f"{LANGUAGE}.") else cause
        yield Finding(source.path, getattr(node, "lineno", 0), RULE, shown, "", language.lacking(missing))


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _missing_part(full: str, language: Language) -> tuple[str, frozenset[str]]:
    """The first part of a dotted name that some release lacks, and these releases."""
    module, *parts = full.split(".")
    if module != "triton":
        return full, frozenset()
    for part in parts:
        if part.startswith("__"):
            break  # every module's own
        name = f"{module}.{part}"
        missing = language.missing_name(name) if module in language.data["names"] else frozenset()
        if missing or name in OBJECTS or name not in language.data["names"]:
            return name, missing
        module = name
    return full, frozenset()


def _keywords(source: Source, call: ast.Call, language: Language) -> Iterator[Finding]:
    for function in {DECORATORS[name] for name in source.resolve(call.func) if name in DECORATORS}:
        for keyword in call.keywords:
            if keyword.arg:
                missing = language.missing_keyword(function, keyword.arg)
                yield from _found(source, keyword, f"{function}({keyword.arg}=)", missing, language)


def _options(source: Source, call: ast.Call, launchers: Iterable[Launcher], language: Language) -> Iterator[Finding]:
    """Compile options that a launch passes and some release does not know: it refuses the call."""
    nodes = [launcher.kernel.node for launcher in launchers]
    own = {name for node in nodes if node is not None for name in _parameters(node)}
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in own and language.known_option(keyword.arg):
            missing = language.missing_option(keyword.arg)
            yield from _found(source, keyword, f"kernel[grid]({keyword.arg}=)", missing, language)
        if keyword.arg == "num_ctas" and "num_ctas" not in own and _more_than_one(keyword.value):
            for name in ("num_ctas", "num_ctas on HIP"):
                yield from behaviour(source, call.lineno, "", name, language)


def _more_than_one(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, int) and value.value > 1


def _parameters(node: Function) -> Iterator[str]:
    return (item.arg for item in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def unguarded(source: Source) -> list[ast.AST]:
    """The nodes that run whatever Triton is there, without those in the bodies of kernels."""
    kernels = {id(kernel.node) for kernel in source.kernels}
    nodes: list[ast.AST] = []
    todo: list[ast.AST] = [source.tree]
    while todo:
        node = todo.pop()
        nodes.append(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            asked = any(asks_release(item) for item in node.decorator_list)
            inside = node.decorator_list if id(node) in kernels else _children(node)
            todo += [] if asked else inside
        elif isinstance(node, ast.Try) and any(_goes_on(handler) for handler in node.handlers):
            todo += node.finalbody
        elif not _is_guard(node):
            todo += _children(node)
    return nodes


def _is_guard(node: ast.AST) -> bool:
    if isinstance(node, Tests):
        return asks_release(node.test)
    if isinstance(node, ast.BoolOp):
        return any(asks_release(item) for item in node.values)
    return isinstance(node, ast.With) and any("suppress" in ast.unparse(item.context_expr) for item in node.items)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes inside one, of a list of statements those up to a test of the release that leaves it."""
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
                    if isinstance(item, ast.If) and _leaves(item.body) and asks_release(item.test):
                        break
        elif isinstance(value, ast.AST) and not isinstance(value, (ast.expr_context, ast.Constant)):
            yield value


def asks_release(test: ast.AST) -> bool:
    """Whether an expression asks for Triton's version or what it has, or whether a type checker reads."""
    text = ast.unparse(test)
    return ASKS_RELEASE.search(text) is not None or ONE_SIDE.search(text) is not None


def _goes_on(handler: ast.ExceptHandler) -> bool:
    kind: Optional[ast.expr] = handler.type
    return kind is None or GOES_ON.search(ast.unparse(kind)) is not None


def _leaves(body: list[ast.stmt]) -> bool:
    last = body[-1]
    skips = isinstance(last, ast.Expr) and "skip" in ast.unparse(last)
    return isinstance(last, (ast.Return, ast.Raise, ast.Continue, ast.Break)) or skips
