"""A kernel's source, rewritten so that Python runs its statements as a compiler takes them.

Only what the language means otherwise is changed: truth, ``and``, ``or``, ``not``, chains of comparisons, assignments
of numbers, loops, ``min`` and ``max``. Kernels whose source cannot be found run as they are.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from typing import Any

HELPERS: dict[str, Any] = {}  # what a rewritten kernel calls, by name
_NAME = "__triton_matrix_helpers__"  # under which they stand in the kernel's globals
_done: dict[Callable[..., Any], Callable[..., Any]] = {}


def rewritten(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its statements rewritten; itself where its source is not to be found."""
    if function not in _done:
        _done[function] = _rewrite(function)
    return _done[function]


def _rewrite(function: Any) -> Callable[..., Any]:
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return function  # type: ignore[no-any-return]
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return function  # type: ignore[no-any-return]
    definition.decorator_list = []
    definition.returns = None
    arguments = definition.args
    for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        each.annotation = None
    arguments.defaults = [ast.Constant(None) for _ in arguments.defaults]
    arguments.kw_defaults = [each and ast.Constant(None) for each in arguments.kw_defaults]
    _Statements().visit(definition)
    code = _code(definition, function, first)
    function.__globals__[_NAME] = HELPERS
    made = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _code(definition: ast.FunctionDef, function: Any, first: int) -> types.CodeType:
    """The compiled body, with the free variables of the original in their order."""
    free = function.__code__.co_freevars
    parameters = [ast.arg(name) for name in free]
    outer = ast.parse("def outer(): pass").body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.args.args = parameters
    outer.body = [definition, ast.Return(ast.Name(definition.name, ast.Load()))]
    module = ast.fix_missing_locations(ast.Module([outer], []))
    ast.increment_lineno(module, first - 1)
    namespace: dict[str, Any] = {}
    exec(compile(module, function.__code__.co_filename, "exec"), namespace)
    code: types.CodeType = namespace["outer"](*free).__code__
    if code.co_freevars != free:  # what the rewritten body no longer names is not among them
        raise ValueError(f"{function.__name__} names {free} of the function around it; rewritten, {code.co_freevars}")
    return code


def _helper(name: str, *args: ast.expr, keywords: Any = ()) -> ast.Call:
    table = ast.Subscript(ast.Name(_NAME, ast.Load()), ast.Constant(name), ast.Load())
    return ast.Call(table, list(args), list(keywords))


def _later(value: ast.expr) -> ast.Lambda:
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(nothing, value)


class _Statements(ast.NodeTransformer):
    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        name = "both" if isinstance(node.op, ast.And) else "either"
        return ast.copy_location(_helper(name, *map(_later, node.values)), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            return ast.copy_location(_helper("negated", node.operand), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) == 1:
            return node
        sides = [node.left, *node.comparators]
        pairs = [_later(ast.Compare(left, [op], [right])) for left, op, right in zip(sides, node.ops, node.comparators)]
        return ast.copy_location(_helper("chained", *pairs), node)

    def _test(self, node: Any) -> Any:
        self.generic_visit(node)
        node.test = ast.copy_location(_helper("truth", node.test), node.test)
        return node

    visit_If = visit_While = visit_IfExp = _test

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)  # compilers look at assertions with debug=True only

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        node.value = ast.copy_location(_helper("assigned", node.value), node.value)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        if isinstance(node.iter, ast.Call):
            call = node.iter
            node.iter = ast.copy_location(_helper("loop", call.func, *call.args, keywords=call.keywords), call)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("min", "max"):
            node.func = ast.copy_location(_helper("called", ast.Constant(node.func.id), node.func), node.func)
        return node
