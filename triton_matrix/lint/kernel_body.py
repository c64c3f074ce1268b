"""What the values in a kernel's body are, as far as its source shows: constexprs, blocks, their dtypes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .source import LANGUAGE, Source, callee

CONSTEXPR = f"{LANGUAGE}.constexpr"
PLAIN_CALLS = {
    "int",
    "float",
    "bool",
    "str",
    "len",
    "os.getenv",
    "os.environ.get",
    "math.sqrt",
    "math.log",
    "math.log2",
}
NumberNodes = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp)


class Body:
    """A kernel's body: its nodes, and what they are assigned."""

    def __init__(self, source: Source, node: ast.FunctionDef) -> None:
        self.source = source
        self.nodes = [item for statement in node.body for item in ast.walk(statement)]
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self.local = {parameter.arg for parameter in parameters}
        self.assigned: dict[str, list[ast.expr]] = {}
        self.heads: set[int] = set()  # the values of attributes: their names are checked with the attribute
        self.called: set[int] = set()
        for item in self.nodes:
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
                self.local.add(item.id)
            elif isinstance(item, ast.Attribute):
                self.heads.add(id(item.value))
            elif isinstance(item, ast.Call):
                self.called.add(id(item.func))
            elif isinstance(item, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and item.value is not None:
                for target in item.targets if isinstance(item, ast.Assign) else [item.target]:
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            self.assigned.setdefault(name.id, []).append(item.value)
        self.constexprs = {
            parameter.arg
            for parameter in parameters
            if parameter.annotation is not None and CONSTEXPR in source.resolve(callee(parameter.annotation))
        }
        self.annotated = {
            item.target.id
            for item in self.nodes
            if isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and CONSTEXPR in source.resolve(callee(item.annotation))
        }
        bound = (name for names in source.aliases.values() for name in names)
        self.imported = any(name.startswith(f"{LANGUAGE}.extra") and "libdevice" in name for name in bound)

    def _triton_names(self, node: ast.AST) -> set[str]:
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id in self.local:
            return set()
        full = self.source.resolve(node)
        own = root.id in self.source.functions or root.id in self.source.classes
        return full if full and not own and all(name.startswith(f"{LANGUAGE}.") for name in full) else set()

    def _is_plain(self, value: ast.expr, depth: int = 0) -> bool:
        """Whether it is surely a plain value: a number, a text, or what is computed of these."""
        if isinstance(value, ast.Constant):
            return value.value is not None or depth > 0
        if isinstance(value, NumberNodes):
            return all(self._is_plain(part, depth + 1) for part in _parts(value))
        if isinstance(value, (ast.Tuple, ast.List)):
            return all(self._is_plain(item, depth + 1) for item in value.elts)
        if isinstance(value, ast.Call):
            name = ast.unparse(value.func)
            return name in PLAIN_CALLS and name not in self.source.functions
        if isinstance(value, ast.Name) and depth < 8:
            values = self.source.globals.get(value.id, [])
            return bool(values) and all(self._is_plain(item, depth + 1) for item in values)
        return isinstance(value, ast.Attribute) and ast.unparse(value) in ("math.pi", "math.e", "math.inf")

    def _dtype(self, node: ast.AST, depth: int = 0) -> str:
        """The dtype that a block surely has: it is cast to it where it is made; empty where that cannot be seen."""
        if isinstance(node, ast.Name) and depth < 8:
            values = self.assigned.get(node.id, [])
            return self._dtype(values[0], depth + 1) if len(values) == 1 else ""
        if not isinstance(node, ast.Call) or not node.args:
            return ""
        method = isinstance(node.func, ast.Attribute) and node.func.attr == "to" and not self._triton_names(node.func)
        cast = self._triton_names(node.func) == {f"{LANGUAGE}.cast"} and len(node.args) > 1
        given = self.source.resolve(node.args[0] if method else node.args[1]) if method or cast else set()
        return next(iter(given)).rpartition(".")[2] if len(given) == 1 else ""

    def _is_builtin(self, name: str) -> bool:
        known = (self.local, self.source.aliases, self.source.functions, self.source.globals)
        return not any(name in names for names in known)

    def _is_min_or_max(self, func: ast.expr) -> bool:
        """Whether it is Python's own min or max."""
        return isinstance(func, ast.Name) and func.id in ("min", "max") and self._is_builtin(func.id)

    def _is_constexpr(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether it is a number when the kernel is compiled."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, NumberNodes):
            return all(self._is_constexpr(part, depth) for part in _parts(node))
        if isinstance(node, ast.Name):
            values = self.assigned.get(node.id, [])
            if node.id in self.constexprs:
                return True
            return bool(values) and depth < 8 and all(self._is_constexpr(value, depth + 1) for value in values)
        return False

    def _is_bound_constexpr(self, node: ast.expr) -> bool:
        """Whether a name is a ``tl.constexpr``: of the module, a parameter, or annotated in the kernel."""
        if not isinstance(node, ast.Name):
            return False
        values = self.source.globals.get(node.id, []) if node.id not in self.local else []
        of_module = any(
            isinstance(value, ast.Call) and CONSTEXPR in self.source.resolve(value.func) for value in values
        )
        return of_module or node.id in self.constexprs | self.annotated

    def _is_block(self, node: ast.AST, depth: int = 0) -> bool:
        """Whether it holds more than one number, as far as it can be seen."""
        if isinstance(node, ast.Name):
            values = self.assigned.get(node.id, ())
            return depth < 8 and any(self._is_block(value, depth + 1) for value in values)
        if isinstance(node, ast.Call):
            short = "".join(name.rpartition(".")[2] for name in self._triton_names(node.func))
            if short in ("arange", "zeros", "full", "zeros_like", "broadcast_to", "dot"):
                return True
            if short not in ("load", "exp", "log", "sqrt", "abs", "where", "maximum", "minimum", "cast", "expand_dims"):
                method = isinstance(node.func, ast.Attribute) and node.func.attr == "to" and not short
                return method and self._is_block(node.func.value, depth)  # type: ignore[attr-defined]
            return any(self._is_block(argument, depth) for argument in node.args)
        if isinstance(node, (*NumberNodes, ast.Subscript)):
            return any(self._is_block(part, depth) for part in _parts(node))
        return False


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    return (part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))
