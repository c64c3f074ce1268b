"""The operations as a module of kernels, one for each expression: Triton reads kernels from files."""

from __future__ import annotations

from collections.abc import Iterable

from .operations import ALL, LANGUAGE, SMALL_FLOATS, Operation

CODES = {name: number for number, name in enumerate((*ALL, *SMALL_FLOATS), start=1)}  # what ``t`` is given for a type
_HEAD = '"""Written by triton_matrix.values.semantics."""\n\nimport triton\nimport triton.language as tl\n'
_ROW = """
    i = tl.arange(0, N)
"""
_TILE = """
    i = tl.expand_dims(tl.arange(0, 32), 1) * 32 + tl.expand_dims(tl.arange(0, 32), 0)
"""
_KERNEL = """

@triton.jit
def {name}(a, b, c, m, of, oi, t, s, k, N: tl.constexpr):{start}    x = tl.load(a + i)
    y = tl.load(b + i)
    z = tl.load(c + i)
    if a.dtype.element_ty == tl.int1:  # older releases load int8
        x = x != 0
        z = z != 0
    if b.dtype.element_ty == tl.int1:
        y = y != 0
    r = {expression}
{typed}
    if r.dtype == tl.float64:
        tl.store(of + {places}, r)
    elif r.dtype.is_floating():
        tl.store(of + {places}, r.to(tl.float32))
    else:
        tl.store(oi + {places}, r.to(tl.int64))
"""


def module(rows: Iterable[Operation]) -> tuple[str, dict[tuple[str, str], str]]:
    """The module's text, and (expression, shape) of an operation -> the name of its kernel, which all types share."""
    names: dict[tuple[str, str], str] = {}
    parts = [_HEAD]
    for operation in rows:
        key = (operation.expression, operation.shape)
        if key not in names:
            names[key] = f"operation_{len(names)}"
            parts.append(_kernel(operation, names[key]))
    return "".join(parts), names


def _kernel(operation: Operation, name: str) -> str:
    typed = "\n".join(
        f"    if r.dtype == tl.{LANGUAGE[dtype]}:\n        tl.store(t, {code})" for dtype, code in CODES.items()
    )
    start = _TILE if operation.shape == "tile" else _ROW
    return _KERNEL.format(name=name, start=start, expression=operation.expression, typed=typed, places=operation.places)
