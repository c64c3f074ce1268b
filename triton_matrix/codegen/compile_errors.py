"""Why a kernel does not compile, in one sentence: what Triton says of the cause, and the kernel's line."""

from __future__ import annotations

import ast
import re
import traceback
from pathlib import Path
from typing import Any, Optional

from ..launches import kernel_source, places
from ..launches.places import Place
from ..launches.standins import StandIn, way_out

_LONGEST = 400  # characters of a cause
_BARE = re.compile(r"(AssertionError)\(\)")  # up to 3.4, of an assertion without words
_REPR = re.compile(r"""(\w*(?:Error|Exception|Failure))\((["'])(.*?)(?:\2,?\))?$""")


def sentence(problem: BaseException, fn: Any) -> tuple[str, bool]:
    """The innermost cause of what a compilation raised, and where in the kernel it lies; whether that is known.

    Triton wraps a cause in a ``CompilationError`` for each call between the kernel and it. Up to 3.4 the text of that
    is the source and a caret, and the cause stands only in ``__cause__``.

    Args:
        problem: what was raised.
        fn: the ``triton.jit`` function that was compiled; None where it was an IR.
    """
    chain = [problem]
    while (inner := _inner(chain[-1])) is not None and inner not in chain:
        chain.append(inner)
    located = [each for each in chain if _text(each)]
    cause = _said(chain[-1])
    if not located or fn is None:
        return cause, False
    return f"{cause}, at {places.chain([_place(each, fn) for each in located])}", True


def _inner(problem: BaseException) -> Optional[BaseException]:
    if problem.__cause__ is not None:
        return problem.__cause__
    # an error raised while another was handled says more than it, unless it was raised to hide it
    return problem.__context__ if _line(problem) is not None and not problem.__suppress_context__ else None


def _line(problem: BaseException) -> Optional[int]:
    node = getattr(problem, "node", None)
    return node.lineno if isinstance(node, ast.AST) and hasattr(node, "lineno") else None


def _text(problem: BaseException) -> str:
    """The source line that a CompilationError points at; "" where the text it holds is of another function."""
    number = _line(problem)
    source = str(getattr(problem, "src", None) or "").splitlines()
    return source[number - 1].strip() if number is not None and 0 < number <= len(source) else ""


def _said(problem: BaseException) -> str:
    """The type and the message of one exception, without source and caret."""
    text = getattr(problem, "error_message", None)
    lines = [line.strip() for line in str(problem if text is None else text).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Repro command:")]  # of a file that is gone
    if text is None and _line(problem) is not None:
        lines = []  # source and caret only
    if not lines or _BARE.fullmatch(lines[-1]):
        asserted = _asserted(problem)
        return f"AssertionError: {asserted}" if asserted else (lines or [type(problem).__name__])[-1].rstrip("()")
    said = " / ".join(lines[-3:])[:_LONGEST].rstrip(" ,/")
    inner = _REPR.match(said)  # up to 3.4 Triton keeps no more than the repr of some causes
    return f"{inner[1]}: {inner[3]}" if inner else f"{type(problem).__name__}: {said}"


def _asserted(problem: BaseException) -> str:
    """The assertion of Triton's own code that failed without a word; "" where it is none."""
    seen = [problem]
    while (inner := seen[-1].__cause__ or seen[-1].__context__) is not None and inner not in seen:
        seen.append(inner)
    frames = traceback.extract_tb(seen[-1].__traceback__)
    line = (frames[-1].line or "").strip() if frames else ""
    if not isinstance(seen[-1], AssertionError) or not line.startswith("assert "):
        return ""
    return f"{line[:_LONGEST]} ({places.shown(frames[-1].filename)}:{frames[-1].lineno})"


def _place(problem: BaseException, fn: Any) -> Place:
    """Where the node lies that a CompilationError holds; its ``src`` starts at a function's def line."""
    number, text = _line(problem) or 1, _text(problem)
    source = str(getattr(problem, "src", None) or "").splitlines()
    function = _function_of(source, fn)
    if function is None:
        return Place("", text=text)
    code = function.fn.__code__
    try:
        lines = Path(code.co_filename).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return Place("", text=text)
    for index in range(code.co_firstlineno - 1, len(lines)):
        if source and lines[index].strip() == source[0].strip():
            indented = len(lines[index]) - len(lines[index].lstrip())  # Triton takes this off the source
            column = getattr(problem, "node").col_offset + indented + 1  # noqa: B009 -- of no type that has it
            return Place(code.co_filename, index + number, column, text)
    return Place("", text=text)


def _function_of(source: list[str], fn: Any) -> Any:
    """The jit function that a source text is of: the kernel, or a helper that it or another helper calls."""
    for each in kernel_source.functions(fn):
        own = str(getattr(each, "src", "")).splitlines()
        if source and own and own[0] == source[0] and len(own) == len(source):
            return each
    return None


def standin_named(cause: str, fn: Any) -> str:
    """What is not installed of the globals that a cause names: Triton says that they are no globals it can use."""
    for name, value in fn.fn.__globals__.items() if fn is not None else ():
        if isinstance(value, StandIn) and (f" {name} " in f" {cause} " or f"'{name}'" in cause or f"`{name}`" in cause):
            return value._problem or f"{name} is {value._name}, {way_out(value._name)}"
    return ""
