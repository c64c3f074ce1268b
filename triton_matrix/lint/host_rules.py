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
from .launches import host_calls
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


def check_host(source: Source, language: Language, follower: Follower) -> Iterator[Finding]:
    """Every finding in a file outside the bodies of its kernels."""
    seen = set(map(id, unguarded(source)))
    heads = {id(node.value) for node in source.nodes if isinstance(node, ast.Attribute)}
    for node in source.nodes:
        if id(node) not in seen:
            continue
        if isinstance(node, ast.Import):
            for item in node.names:
                yield from _found(source, node, item.name, language.missing_module(item.name), language)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for item in node.names:
                name, missing = language.missing_import(node.module or "", item.name)
                yield from _found(source, node, name, missing, language)
        elif isinstance(node, ast.Attribute) and id(node) not in heads and isinstance(node.ctx, ast.Load):
            for full in source.resolve(node) - source.patched:
                yield from _found(source, node, *_missing_part(full, language), language)
        elif isinstance(node, ast.Call):
            yield from _keywords(source, node, language)
    for call, place in host_calls(source):
        if id(call) in seen and call.keywords:
            launchers = [value for value in follower.values(call.func, place) if isinstance(value, Launcher)]
            if launchers or isinstance(call.func, ast.Subscript):
                yield from _options(source, call, launchers, language)


def _found(source: Source, node: ast.AST, cause: str, missing: frozenset[str], language: Language) -> Iterator[Finding]:
    if missing:
        shown = f"tl{cause[len(LANGUAGE) :]}" if cause.startswith(f"{LANGUAGE}.") else cause
        yield Finding(source.path, getattr(node, "lineno", 0), RULE, shown, "", language.lacking(missing))


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


def unguarded(source: Source) -> Iterator[ast.AST]:
    """The nodes that run whatever Triton is there, without those in the bodies of kernels."""
    kernels = {id(kernel.node) for kernel in source.kernels}
    yield from _walk(source.tree, kernels)


def _walk(node: ast.AST, kernels: set[int]) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if any(asks_release(item) for item in node.decorator_list):
            return
        for item in node.decorator_list if id(node) in kernels else ():
            yield from _walk(item, kernels)
        if id(node) in kernels:
            return
    if isinstance(node, Tests) and asks_release(node.test):
        return
    if isinstance(node, ast.BoolOp) and any(asks_release(item) for item in node.values):
        return
    if isinstance(node, ast.Try) and any(_goes_on(handler) for handler in node.handlers):
        yield from (inner for item in node.finalbody for inner in _walk(item, kernels))
        return
    if isinstance(node, ast.With) and any("suppress" in ast.unparse(item.context_expr) for item in node.items):
        return
    for _, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield from _walk(value, kernels)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, ast.AST):
                yield from _walk(item, kernels)
                if isinstance(item, ast.If) and asks_release(item.test) and _leaves(item.body):
                    break


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
