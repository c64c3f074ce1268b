"""Find the kernels of a package's files and guess a launch of each: types, sizes and switches by name and by use.

The guess need not be a launch that the package makes, only one that it could: it is right where the kernel compiles. A
failure of a guess alone says nothing of the kernel.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

_INTEGER_DATA = re.compile(
    r"ind|idx|offset|seqlen|lens|_ids?$|table|map|order|token|target|label|count|pos(?!t)|start|^lo$|^hi$|crow|bmask"
    r"|packed",
    re.IGNORECASE,
)
_POINTER = re.compile(r"ptr|^p_", re.IGNORECASE)
_STRIDE = re.compile(r"stride", re.IGNORECASE)
_EXACT_DATA = re.compile(r"lse|rstd|mean|^m$|^l$|delta|max|sum|loss|norm", re.IGNORECASE)
_FLOAT = re.compile(
    r"eps|scale|alpha|beta|lr|decay|theta|cap|prob|^p$|factor|momentum|temperature|smooth", re.IGNORECASE
)
_SIZE = re.compile(
    r"BLOCK|SIZE|^B[A-Z]{0,2}\d?$|DIM|HEAD|^[A-Z]$|GROUP|WIDTH|TILE|CHUNK|^N_|^NUM|COLS|ROWS|LEN", re.IGNORECASE
)
_ATOMICS = ("add", "max", "min", "cas", "xchg", "and", "or")
_LAUNCHED = {"program_id", "store", *(f"atomic_{name}" for name in _ATOMICS)}  # a kernel calls one of these
_BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)
_POINTERS = {"load", "store", "make_block_ptr", "advance"} | {f"atomic_{name}" for name in _ATOMICS}


BESIDE = {"tests", "test", "benchmarks", "benchmark", "docs", "build", "dist", "reports", "triton_matrix"}
# what a guess is tried with where it does not compile: other data, other switches, other sizes
_SMALLER = ("= 64", "= 16")
_OTHERWISE = (("bf16", "fp16"), ("bf16", "fp32"), ('"*bf16"', '"*i32"'), ("= false", "= true"), _SMALLER)


@dataclass(frozen=True)
class Kernel:
    """A kernel, and the launch file that was guessed for it.

    Attributes:
        name: of the function, with the class or function around it as Python's ``__qualname__`` has it.
        file, line: where it is defined.
        launch: the file's text as TOML.
    """

    name: str
    file: Path
    line: int
    launch: str

    @property
    def reference(self) -> str:
        """As a launch file names it."""
        return f"{self.file}:{self.name}"


def kernels(root: Path) -> tuple[list[Kernel], dict[Path, str]]:
    """The kernels below ``root`` that are launched, and not only called by others; tests and benchmarks have none.

    Returns:
        beside them, the files that this Python cannot parse, with what it says.
    """
    by_reference: dict[str, Kernel] = {}
    unread: dict[Path, str] = {}
    called: set[str] = set()  # by kernels
    for file in python_files(root):
        here, problem, used = _of_file(file)
        by_reference |= {kernel.reference: kernel for kernel in here}
        called |= used
        if problem:
            unread[file] = problem
    return [kernel for kernel in by_reference.values() if kernel.name not in called], unread


def python_files(root: Path) -> list[Path]:
    """The package's own files at and below ``root``: no tests and benchmarks, nothing hidden, no environment."""
    files = []
    for place, folders, names in os.walk(root):
        kept = (each for each in folders if each not in BESIDE and not each.startswith("."))
        folders[:] = [each for each in kept if not Path(place, each, "pyvenv.cfg").is_file()]
        files += [Path(place, name) for name in names if name.endswith(".py") and not name.startswith(".")]
    return sorted(files)


def can_read(root: Path) -> bool:
    """Whether this Python can parse all files below ``root`` that may define kernels."""
    return not any(_parsed(file)[1] for file in python_files(root))


def otherwise(launch: str, too_large: bool = False) -> Iterator[str]:
    """Other guesses for a launch that was guessed and does not compile; only smaller ones where it is ``too_large``."""
    seen = {launch}
    kernel, arguments, rest = launch.partition("[args]")
    for old, new in (_SMALLER,) if too_large else _OTHERWISE:
        other = kernel + (arguments + rest).replace(old, new)
        if other not in seen:
            seen.add(other)
            yield other


def of_file(file: Path) -> tuple[list[Kernel], str]:
    """Every kernel of one file, and why it cannot be parsed; "" where it can."""
    return _of_file(file)[:2]


def _parsed(file: Path) -> tuple[Optional[ast.Module], str]:
    """A file that may define kernels, or why it cannot be parsed."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if ".jit" not in text and "import jit" not in text:
        return None, ""
    try:
        return ast.parse(text), ""
    except (SyntaxError, ValueError) as problem:
        return None, f"{file.name} cannot be parsed: {problem}"


def _of_file(file: Path) -> tuple[list[Kernel], str, set[str]]:
    """The kernels of a file, why it cannot be parsed, and the functions that its kernels call."""
    tree, problem = _parsed(file)
    if tree is None:
        return [], problem, set()
    definitions, called = [], set()
    functions = dict(_functions(tree.body, ""))
    helpers = {name: node for name, node in functions.items() if _is_jit(node)}
    for name, node in functions.items():
        if _is_jit(node):
            called |= _called(node)
        if _is_kernel(node):
            launch = _launch(f"{file}:{name}", node, _tuned(node, tree), helpers)
            definitions.append(Kernel(name, file, node.lineno, launch))
    return definitions, "", called


@functools.lru_cache(maxsize=256)  # a kernel's body is asked for each of its parameters, again and again
def _nodes(node: ast.AST) -> tuple[Any, ...]:
    return tuple(ast.walk(node))


def _functions(body: list[ast.stmt], above: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions that statements define, also inside classes, functions and blocks, by their qualified name."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if isinstance(node, ast.FunctionDef):
                yield f"{above}{node.name}", node
            yield from _functions(node.body, f"{above}{node.name}.<locals>.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{above}{node.name}.")
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            handlers = [each for handler in getattr(node, "handlers", ()) for each in handler.body]
            rest = [*getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
            yield from _functions([*node.body, *handlers, *rest], above)


def _is_jit(node: ast.FunctionDef) -> bool:
    decorators = [ast.dump(decorator) for decorator in node.decorator_list]
    return any("'jit'" in each and "gluon" not in each for each in decorators)


def _is_kernel(node: ast.FunctionDef) -> bool:
    if not _is_jit(node) or node.args.vararg:
        return False
    calls = {call.func.attr for call in _method_calls(node)}
    returns = any(isinstance(each, ast.Return) and each.value is not None for each in _nodes(node))
    return bool(calls & _LAUNCHED) and not returns


def _called(node: ast.AST) -> set[str]:
    """The names of functions that are called in it."""
    calls = (each.func for each in _nodes(node) if isinstance(each, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name)}


def _method_calls(node: ast.AST) -> Iterator[Any]:
    for call in _nodes(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            yield call


def _names_set(nodes: Iterable[ast.AST], *by: str) -> set[str]:
    """Every name that calls of ``Config``, or of ``heuristics``, whichever ``by`` has, in these nodes may set."""
    names: set[str] = set()
    for call in (each for node in nodes for each in _nodes(node)):
        if isinstance(call, ast.Call) and any(f"'{name}'" in ast.dump(call.func) for name in by):
            tables = [table for table in _nodes(call) if isinstance(table, ast.Dict)]
            keys = [key.value for table in tables for key in table.keys if isinstance(key, ast.Constant)]
            names |= {key for key in keys if isinstance(key, str)}
    return names


def _defining(tree: ast.Module, names: set[str]) -> Iterator[ast.stmt]:
    """The functions and variables of a file that have these names."""
    for node in tree.body:
        targets = [each.id for each in getattr(node, "targets", ()) if isinstance(each, ast.Name)]
        if names & {*targets, getattr(node, "name", "")}:
            yield node


def _tuned(node: ast.FunctionDef, tree: ast.Module) -> set[str]:
    """The names that a kernel's own tuner and heuristics may set.

    The tuner's configurations may stand apart from it: in what it names, or else, for all that is known, in any of the
    file.
    """
    said = "".join(ast.dump(each) for each in node.decorator_list)
    apart: set[str] = set()
    if "'autotune'" in said and "'Config'" not in said:
        inside = (each for decorator in node.decorator_list for each in _nodes(decorator))
        named = {each.id for each in inside if isinstance(each, ast.Name)}
        apart = _names_set(_defining(tree, named), "Config") or _names_set([tree], "Config")
    return _names_set(node.decorator_list, "Config", "heuristics") | apart


def _launch(reference: str, node: ast.FunctionDef, tuned: set[str], helpers: Mapping[str, ast.FunctionDef]) -> str:
    parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    positional = _positional(node)
    defaulted = set(positional[len(positional) - len(node.args.defaults) :])
    body = _Body(node, frozenset(each.arg for each in parameters), helpers)
    pointers, descriptors = _pointers(body), _descriptors(node)
    indices = _indices(body) | _bitwise(body)
    added = _added(body)
    sizes, counts, bounds, switches = _sizes(node), _unrolled(node), _bounds(node), _switches(node)
    args: dict[str, Any] = {}
    constexprs: dict[str, Any] = {}
    for each in parameters:
        name = each.arg
        if each.annotation is not None and "constexpr" in ast.dump(each.annotation):
            if name not in defaulted and name not in tuned:
                is_switch = name in switches - sizes
                constexprs[name] = not is_switch and _constant(name, name in sizes, name in counts)
        elif name in descriptors:
            args[name] = f"tensordesc<bf16[{', '.join(['64'] * descriptors[name])}]>"
        elif name in pointers:
            args[name] = _pointed(name, indices, added)
        elif name not in defaulted:
            is_float = _FLOAT.search(name) and not _STRIDE.search(name) and name not in bounds
            args[name] = 0.5 if is_float else 1024
    lines = [
        f"kernel = {json.dumps(reference)}",
        "[args]",
        *(f"{key} = {json.dumps(value)}" for key, value in args.items()),
    ]
    lines += ["[constexprs]", *(f"{key} = {json.dumps(value)}" for key, value in constexprs.items())]
    return "\n".join(lines) + "\n"


def _sizes(node: ast.FunctionDef) -> set[str]:
    """The names that a range or a block's shape is made of."""
    names: set[str] = set()
    for call in _method_calls(node):
        if call.func.attr in ("arange", "zeros", "full"):
            names |= {each.id for argument in call.args for each in _nodes(argument) if isinstance(each, ast.Name)}
    return names


def _switches(node: ast.FunctionDef) -> set[str]:
    """The names that are conditions themselves."""
    names: set[str] = set()
    todo = [each.test for each in _nodes(node) if isinstance(each, (ast.If, ast.IfExp))]
    while todo:
        test = todo.pop()
        if isinstance(test, ast.BoolOp):
            todo += test.values
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            todo.append(test.operand)
        elif isinstance(test, ast.Name):
            names.add(test.id)
    return names


def _bounds(node: ast.FunctionDef) -> set[str]:
    """The names that say where a loop starts and ends, and its step."""
    loops = [each.iter for each in _nodes(node) if isinstance(each, ast.For)]
    return {each.id for loop in loops for each in _nodes(loop) if isinstance(each, ast.Name)}


def _unrolled(node: ast.FunctionDef) -> set[str]:
    """The names that say how often a loop's body is compiled; where its steps are a block's, they do not."""
    names: set[str] = set()
    for call in _method_calls(node):
        if call.func.attr == "static_range" and not any(isinstance(each, ast.Name) for each in call.args[2:]):
            names |= {each.id for argument in call.args for each in _nodes(argument) if isinstance(each, ast.Name)}
    return names


def _constant(name: str, is_size: bool, is_unrolled: bool) -> Any:
    if is_unrolled:
        return 16 if is_size else 2  # so that what one turn leaves to the next is there
    if is_size:
        return 64
    if re.search(r"(^|_)(HAS|USE|IS|STORE|SAVE|EVEN|DO|APPLY|ENABLE|RETURN|WITH)_", name, re.IGNORECASE):
        return False
    if re.search(r"DTYPE", name, re.IGNORECASE):
        return "tl.float32"
    if re.search(r"PRECISION", name, re.IGNORECASE):
        return "ieee"
    if re.search(r"bits", name, re.IGNORECASE):
        return 4
    if _STRIDE.search(name):
        return 1
    if _FLOAT.search(name):
        return 0.5
    return 64 if _SIZE.search(name) else False


def _descriptors(node: ast.FunctionDef) -> dict[str, int]:
    """The names that are asked themselves to load or store, as descriptors are, with the number of their dimensions."""
    dimensions = {}
    for call in _method_calls(node):
        of, at = call.func.value, call.args[0] if call.args else None
        if call.func.attr in ("load", "store") and isinstance(of, ast.Name) and isinstance(at, (ast.List, ast.Tuple)):
            dimensions[of.id] = len(at.elts)
    return dimensions


@dataclass(frozen=True)
class _Body:
    """A function, the names of its parameters, and the functions that it may pass one to."""

    node: ast.FunctionDef
    parameters: frozenset[str]
    helpers: Mapping[str, ast.FunctionDef]

    @functools.cached_property
    def assigned(self) -> dict[str, list[ast.expr]]:
        """Local name -> what is assigned to it."""
        values: dict[str, list[ast.expr]] = {}
        for each in _nodes(self.node):
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                values.setdefault(each.targets[0].id, []).append(each.value)
        return values

    def before(self, name: ast.Name) -> list[ast.expr]:
        """What was last assigned to a local name above the line that uses it; if nothing, all that ever is.

        What a call makes of the name's own value, as a cast does, counts as that value.
        """
        values = self.assigned.get(name.id, [])
        above = [value for value in values if value.lineno < name.lineno and not _is_call_of(value, name.id)]
        return [max(above, key=lambda value: value.lineno)] if above else values

    def inner(self, helper: ast.FunctionDef) -> _Body:
        """Of a helper, which is not followed into itself."""
        others = {name: each for name, each in self.helpers.items() if name != helper.name}
        return _Body(helper, frozenset(_positional(helper)), others)

    def base(self, address: Optional[ast.expr]) -> str:
        """The parameter that an address starts from, or ""."""
        return next(iter(self.bases(address)), "")

    def bases(self, address: Optional[ast.expr]) -> list[str]:
        """The parameters that an address may start from; those that a helper returns only where there is no other."""
        return list(self._bases(address, set(), False)) or list(self._bases(address, set(), True))

    def _bases(self, expr: Optional[ast.expr], seen: set[str], with_helpers: bool) -> Iterator[str]:
        if isinstance(expr, ast.BinOp):
            found = []
            if isinstance(expr.op, (ast.Add, ast.Sub)):
                found = list(self._bases(expr.left, seen, with_helpers))
            if not found and isinstance(expr.op, ast.Add):
                found = list(self._bases(expr.right, seen, with_helpers))
            yield from found
        elif isinstance(expr, ast.Name):
            if expr.id in self.parameters:
                yield expr.id
            elif expr.id not in seen:
                seen.add(expr.id)
                for value in dict.fromkeys((*self.before(expr), *self.assigned.get(expr.id, ()))):
                    if not _has_name(value, expr.id):  # what moves an address on is no start of it
                        yield from self._bases(value, seen, with_helpers)
        elif isinstance(expr, ast.Call) and isinstance(expr.func, ast.Attribute):
            if expr.func.attr in ("make_block_ptr", "advance", "multiple_of", "max_contiguous"):
                yield from self._bases(expr.args[0] if expr.args else None, seen, with_helpers)
            elif expr.func.attr == "to":
                yield from self._bases(expr.func.value, seen, with_helpers)
        elif isinstance(expr, ast.Call) and isinstance(expr.func, ast.Name) and with_helpers:
            yield from self._returned(expr, expr.func.id, seen)
        elif isinstance(expr, ast.IfExp):
            yield from self._bases(expr.body, seen, with_helpers)
            yield from self._bases(expr.orelse, seen, with_helpers)

    def _returned(self, call: ast.Call, name: str, seen: set[str]) -> Iterator[str]:
        """Of the address that a helper returns."""
        helper = self.helpers.get(name)
        if helper is not None:
            inner = self.inner(helper)
            results = [each.value for each in _nodes(helper) if isinstance(each, ast.Return)]
            returned = {base for value in results for base in inner.bases(value)}
            for parameter, value in _given(helper, call):
                if parameter in returned:
                    yield from self._bases(value, seen, True)


def _has_name(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in _nodes(node))


def _is_call_of(value: ast.expr, name: str) -> bool:
    """Whether it is a call on the value of a name."""
    return isinstance(value, ast.Call) and _has_name(value, name)


def _positional(node: ast.FunctionDef) -> list[str]:
    return [each.arg for each in (*node.args.posonlyargs, *node.args.args)]


def _given(helper: ast.FunctionDef, call: ast.Call) -> list[tuple[str, ast.expr]]:
    """What a call gives to the parameters of a helper, by their names."""
    named = [(each.arg, each.value) for each in call.keywords if each.arg]
    return [*zip(_positional(helper), call.args), *named]


def _pointers(body: _Body) -> set[str]:
    """The parameters that an address starts from, followed through local names; and those that are called pointers."""
    pointers = {name for name in body.parameters if _POINTER.search(name) and not _STRIDE.search(name)}
    for call in _method_calls(body.node):
        if call.func.attr in _POINTERS:
            named = [keyword.value for keyword in call.keywords if keyword.arg in ("base", "pointer")]
            pointers.update(body.bases((call.args or named or [None])[0]))
    for helper, given in _passed(body.node, body.helpers):
        pointed = _pointers(body.inner(helper))
        pointers.update(base for name, value in _given(helper, given) if name in pointed for base in body.bases(value))
    return pointers


def _passed(node: ast.AST, helpers: Mapping[str, ast.FunctionDef]) -> Iterator[tuple[ast.FunctionDef, ast.Call]]:
    """The calls of helpers."""
    for call in _nodes(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in helpers:
            yield helpers[call.func.id], call


def _pointed(name: str, indices: set[str], added: set[str]) -> str:
    """The type of a pointer: of integers where it is used so or called so, else of exact or of short floats."""
    if name in indices or _INTEGER_DATA.search(name):
        return "*i32"
    return "*fp32" if name in added or _EXACT_DATA.search(name) else "*bf16"


def _added(body: _Body) -> set[str]:
    """The pointers that something is added to in one step: not every release does that to short floats."""
    calls = [call for call in _method_calls(body.node) if call.func.attr.startswith("atomic_") and call.args]
    return {body.base(call.args[0]) for call in calls}


def _indices(body: _Body) -> set[str]:
    """The pointers whose loaded values are part of an address or of a loop's bounds: they point to integers."""
    addresses = [call.args[0] for call in _method_calls(body.node) if call.func.attr in _POINTERS and call.args]
    todo = {each.id for address in addresses for each in _nodes(address) if isinstance(each, ast.Name)}
    todo |= _bounds(body.node)
    seen: set[str] = set()
    pointers: set[str] = set()
    while todo:
        name = todo.pop()
        seen.add(name)
        for value in body.assigned.get(name, ()):
            loads = [call for call in _method_calls(value) if call.func.attr == "load" and call.args]
            pointers |= {body.base(call.args[0]) for call in loads}
            named = {each.id for each in _nodes(value) if isinstance(each, ast.Name)}
            todo |= set() if loads else named - seen - body.parameters
    return pointers - {""}


def _bitwise(body: _Body) -> set[str]:
    """The pointers whose loaded values are shifted, masked or joined bit by bit, or to which that is stored."""
    todo: list[ast.expr] = []
    results: set[str] = set()
    for each in _nodes(body.node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, _BITWISE):
            todo += [each.left, each.right]
        elif isinstance(each, ast.AugAssign) and isinstance(each.op, _BITWISE) and isinstance(each.target, ast.Name):
            todo += [each.target, each.value]
            results.add(each.target.id)
    pointers: set[str] = set()
    seen: set[tuple[str, int]] = set()
    while todo:
        value = todo.pop()
        if isinstance(value, ast.BinOp):
            todo += [value.left, value.right]
        elif isinstance(value, ast.Name) and (value.id, value.lineno) not in seen:
            seen.add((value.id, value.lineno))
            todo += body.before(value)
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "load":
            pointers.add(body.base(value.args[0] if value.args else None))
    for call in _method_calls(body.node):
        if call.func.attr == "store" and len(call.args) > 1:
            stored = call.args[1]
            of = [stored, *(body.assigned.get(stored.id, []) if isinstance(stored, ast.Name) else [])]
            if (isinstance(stored, ast.Name) and stored.id in results) or any(
                isinstance(each, ast.BinOp) and isinstance(each.op, _BITWISE) for each in of
            ):
                pointers.add(body.base(call.args[0]))
    return pointers - {""}
