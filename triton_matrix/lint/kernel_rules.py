"""What a kernel's source has that some supported release lacks, or reads otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Optional

from . import portable, survey
from .finding import Finding
from .kernel_body import CONSTEXPR, Body
from .portable import Language, behaviour
from .source import LANGUAGE, Kernel, Source, callee

# methods that other things than a tensor have: a descriptor's, a dict's
AMBIGUOUS = {"store", "gather", "advance", "item", "view", "split", "sort"}
BLOCK_POINTERS = (f"{LANGUAGE}.make_block_ptr", f"{LANGUAGE}.core.make_block_ptr")
LIBDEVICE = f"{LANGUAGE}.extra.libdevice"
LIBDEVICE_OF = {"cuda": f"{LANGUAGE}.extra.cuda.libdevice", "hip": f"{LANGUAGE}.extra.hip.libdevice"}
NAMED = {"cuda": "CUDA", "hip": "HIP"}
# what a block's shape is handed to, with the position of the shape
SHAPES = {"arange": 1, "zeros": 0, "full": 0, "broadcast_to": 1, "reshape": 1, "view": 1}
GROWS = (ast.Add, ast.Sub, ast.Mult, ast.LShift)  # what can leave the range of a narrow type


def check_kernels(source: Source, language: Language, helpers: set[str]) -> Iterator[Finding]:
    """Every finding in the kernels of a file.

    Args:
        helpers: kernels that only other kernels call: no launch binds their parameters.
    """
    if source.kernels and "__future__.annotations" in source.aliases.get("annotations", ()):
        line = next(node.lineno for node in source.tree.body if getattr(node, "module", "") == "__future__")
        yield from behaviour(source, line, "", "deferred annotations", language)
    if source.kernels:
        yield from _constexpr_globals(source, language)
    for kernel in source.kernels:
        if kernel.node is None:
            continue
        if kernel.name not in helpers:
            yield from _parameters(source, kernel, kernel.node, language)
        if not kernel.chosen:
            yield from _Body(source, kernel, kernel.node, language).findings()


def _constexpr_globals(source: Source, language: Language) -> Iterator[Finding]:
    for values in source.globals.values():
        for value in values:
            if isinstance(value, ast.Call) and CONSTEXPR in source.resolve(value.func):
                yield from behaviour(source, value.lineno, "", "constexpr global", language)


def _parameters(source: Source, kernel: Kernel, node: ast.FunctionDef, language: Language) -> Iterator[Finding]:
    for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        having = language.having(language.data["options"], parameter.arg)
        if not having:
            continue
        harms = []
        dropped = language.within(portable.LAUNCH_DROPS) & having
        if dropped:
            harms.append(f"{language.spell(dropped)} drops it from the call")
        undone = (
            language.within(portable.INTERPRETER_DROPS.get(parameter.arg, ""))
            if (parameter.arg in portable.INTERPRETER_DROPS)
            else frozenset()
        )
        if undone:
            harms.append(f"the interpreter of {language.spell(undone)} drops it too")
        taken = (language.supported & having) - dropped
        if taken and parameter.arg not in portable.ALWAYS_SET:
            harms.append(f"on {language.spell(taken)} its value is also taken as the compile option")
        if harms:
            cause = f"parameter {parameter.arg}"
            sentence = f"it is named like a compile option: {', '.join(harms)}; rename it"
            yield Finding(source.path, parameter.lineno, "compile-option-parameter", cause, kernel.name, sentence)


class _Body(Body):
    """The checks of one kernel's body."""

    def __init__(self, source: Source, kernel: Kernel, node: ast.FunctionDef, language: Language) -> None:
        super().__init__(source, node)
        self.kernel, self.language = kernel, language

    def findings(self) -> Iterator[Finding]:
        """Every finding in the body."""
        for node in self.nodes:
            if not isinstance(node, (ast.expr_context, ast.operator, ast.Constant)):
                yield from self.check(node)

    def check(self, node: ast.AST) -> Iterator[Finding]:
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in self.heads:
            yield from self._name(node)
        elif isinstance(node, ast.Subscript) and self._selects_axes(node.slice):
            yield from self._found(node, "indexed block")
        elif isinstance(node, ast.AnnAssign) and CONSTEXPR not in self.source.resolve(callee(node.annotation)):
            yield from self._found(node, "annotated assignment")
        elif isinstance(node, ast.BinOp):
            yield from self._constant(node)
        if isinstance(node, ast.Call):
            yield from self._call(node)
        missing = self.language.missing_syntax(type(node).__name__)
        if missing:
            what = {"ListComp": "a list comprehension", "NamedExpr": ":=", "With": "with", "Starred": "*arguments"}
            yield from self._lacks(node, what.get(type(node).__name__, type(node).__name__), missing, "")

    def _found(self, node: ast.AST, name: str) -> Iterator[Finding]:
        yield from behaviour(self.source, getattr(node, "lineno", 0), self.kernel.name, name, self.language)

    def _lacks(self, node: ast.AST, cause: str, missing: frozenset[str], instead: str) -> Iterator[Finding]:
        if missing:
            line, sentence = getattr(node, "lineno", 0), self.language.lacking(missing, instead)
            yield Finding(self.source.path, line, "not-portable", cause, self.kernel.name, sentence)

    def _name(self, node: ast.AST) -> Iterator[Finding]:
        full = self._triton_names(node)
        if full:
            # a name that several imports may bind is missing where all of them are
            missing = frozenset.intersection(*(self._missing(name) for name in full))
            shown = sorted(full)[0]
            if missing:
                instead = portable.INSTEAD.get(shown.rpartition(".")[2], "")
                yield from self._lacks(node, _short(shown), missing, instead)
            elif all(name.startswith(f"{LANGUAGE}.math.") for name in full):
                yield from self._found(node, "tl.math")
            if full & set(BLOCK_POINTERS):
                yield from self._found(node, "block pointer")
            if id(node) in self.called:
                yield from self._libdevice(node, full, missing)
        elif isinstance(node, ast.Name) and node.id not in self.local:
            name = self._global(node.id)
            if name:
                yield from self._found(node, name)

    def _libdevice(self, node: ast.AST, full: set[str], missing: frozenset[str]) -> Iterator[Finding]:
        generic = {name for name in full if name.startswith(f"{LIBDEVICE}.")}
        of = {backend for backend, name in LIBDEVICE_OF.items() if any(each.startswith(f"{name}.") for each in full)}
        if not generic and not of:
            return
        yield from self._found(node, "libdevice")
        by_attribute = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)
        if generic and by_attribute and not self.imported:
            yield from self._found(node, "libdevice by attribute")
        if len(full) == 1 and of == {"cuda"}:
            yield from self._found(node, "CUDA's libdevice on HIP")
        if len(full) == 1 and of == {"hip"}:
            yield from self._found(node, "HIP's libdevice on CUDA")
        for backend in self.language.backends if len(generic) == len(full) == 1 else ():
            (name,) = generic
            theirs = f"{LIBDEVICE_OF[backend]}{name[len(LIBDEVICE) :]}"
            lacking = self.language.missing_name(theirs) & self.language.with_backend(backend) - missing
            yield from self._lacks(node, f"{_short(name)} on {NAMED[backend]}", lacking, "")

    def _missing(self, dotted: str) -> frozenset[str]:
        """The releases that lack a name of the language, or a module on the way to it."""
        parts = dotted.split(".")
        names = self.language.data["names"]
        if dotted in self.source.patched:
            return frozenset()
        if parts[2] == "extra" and len(parts) > 4 and ".".join(parts[:4]) not in names:
            return frozenset()  # of another vendor's Triton, which is none of the survey
        for end in range(len(parts), 2, -1):
            if ".".join(parts[: end - 1]) in names:
                return self.language.missing_name(".".join(parts[:end]))
        return frozenset()

    def _global(self, name: str) -> Optional[str]:
        """How a module global that is no constexpr behaves; None where it may be something that a kernel may use."""
        values = self.source.globals.get(name, [])
        if not values or name in self.source.aliases or name in self.source.functions or name in self.source.classes:
            return None
        if any(isinstance(value, ast.Call) and CONSTEXPR in self.source.resolve(value.func) for value in values):
            return None
        if name in self.source.annotated:
            return "annotated global"
        if all(isinstance(value, ast.Constant) and value.value is None for value in values):
            return "global None"
        return "global" if all(self._is_plain(value) for value in values) else None

    def _call(self, call: ast.Call) -> Iterator[Finding]:
        full = self._triton_names(call.func)
        if len(full) == 1:
            (name,) = full
            yield from self._arguments(call, name, _short(name))
            yield from self._shape(call, name)
            dtypes = {self._dtype(argument) for argument in call.args}
            if name == f"{LANGUAGE}.dot" and "bfloat16" in dtypes:
                yield from self._found(call, "dot of bf16")
            elif name == f"{LANGUAGE}.atomic_add" and self._dtype(call.args[1] if call.args[1:] else call) == "float16":
                yield from self._found(call, "fp16 atomic_add")
        elif isinstance(call.func, ast.Attribute) and not full and not self.source.resolve(call.func):
            method = call.func.attr
            if method in AMBIGUOUS:
                return
            missing = self.language.missing_method(method)
            instead = portable.INSTEAD.get(f"tensor.{method}") or f"write tl.{method}(x)"
            yield from self._lacks(call, f".{method}()", missing, instead)
            if not missing:
                yield from self._arguments(call, f"{LANGUAGE}.tensor.{method}", f".{method}")
            bits = [item.value for item in call.keywords if item.arg == "bitcast"]
            if method == "to" and bits and call.args and self._is_bound_constexpr(call.args[0]):
                yield from self._found(call, "bitcast to a constexpr")
        elif isinstance(call.func, ast.Name) and self._is_builtin(call.func.id):
            name = call.func.id
            yield from self._lacks(
                call, f"{name}()", self.language.missing_builtin(name), portable.INSTEAD.get(name, "")
            )
            if self._is_min_or_max(call.func) and any(self._is_block(argument) for argument in call.args):
                yield from self._found(call, "min or max of a block")

    def _constant(self, node: ast.BinOp) -> Iterator[Finding]:
        """An integer constant beside a block of a narrow type."""
        for number, other in ((node.left, node.right), (node.right, node.left)):
            value = number.value if isinstance(number, ast.Constant) else None
            dtype = self._dtype(other)
            if isinstance(node.op, GROWS) and type(value) is int and dtype in portable.NARROW:
                low, end = portable.NARROW[dtype]
                if not low <= value < end:
                    yield from self._found(node, "constant out of range")
                elif value >= (end - low) // 2 or value * 2 <= low:
                    sentence = self.language.wraps(dtype)
                    if sentence:
                        cause = f"{dtype} and {value}"
                        yield Finding(self.source.path, node.lineno, "not-portable", cause, self.kernel.name, sentence)

    def _arguments(self, call: ast.Call, function: str, shown: str) -> Iterator[Finding]:
        if not any(isinstance(argument, ast.Starred) for argument in call.args):
            refusing, limit = self.language.too_many(function, len(call.args))
            if refusing:
                cause = f"{shown} with {len(call.args)} arguments by position"
                sentence = f"{self.language.spell(refusing)} takes only {limit} by position; name the others"
                yield Finding(self.source.path, call.lineno, "not-portable", cause, self.kernel.name, sentence)
        for keyword in call.keywords:
            if keyword.arg:
                missing = self.language.missing_keyword(function, keyword.arg)
                yield from self._lacks(call, f"{shown}({keyword.arg}=)", missing, "")

    def _shape(self, call: ast.Call, function: str) -> Iterator[Finding]:
        """Python's min or max of constexprs, used as a shape."""
        short = function.rpartition(".")[2]
        position = SHAPES.get(short)
        if position is None or function.count(".") != 2 or len(call.args) <= position:
            return
        for node in ast.walk(call.args[position]):
            values = self.assigned.get(node.id, []) if isinstance(node, ast.Name) else [node]
            for value in values:
                if isinstance(value, ast.Call) and self._is_min_or_max(value.func):
                    if all(self._is_constexpr(item) for item in value.args):
                        yield from self._found(call, "min or max as a shape")
                    return

    def _selects_axes(self, index: ast.expr) -> bool:
        """``x[:, None]`` and ``x[:, :]``; a slice alone, such as ``sizes[1:]`` or ``sizes[:]``, is one of a list."""
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if any(isinstance(part, ast.Constant) and part.value is None for part in parts):
            return True
        return len(parts) > 1 and any(isinstance(part, ast.Slice) for part in parts)


def _short(dotted: str) -> str:
    """As it is written: ``tl.rsqrt``."""
    return f"tl{dotted[len(survey.LANGUAGE) :]}"
