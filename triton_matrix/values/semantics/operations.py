"""Every operation of ``triton.language`` that takes blocks, as rows: an expression, and the types it is asked with.

``x``, ``y``, ``z`` are blocks, ``s`` and ``k`` are arguments (fp32 and int32), ``i`` the places, ``m`` memory. What an
operation does is on the page of the language; here stands only how it is asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

SIGNED, UNSIGNED = ("i8", "i16", "i32", "i64"), ("u8", "u16", "u32", "u64")
INTEGERS, BOOL = (*SIGNED, *UNSIGNED), ("i1",)
WIDE_FLOATS = ("fp32", "fp64")
FLOATS = ("fp16", "bf16", *WIDE_FLOATS)
SMALL_FLOATS = ("fp8e5", "fp8e4nv")  # those that NVIDIA's GPUs convert
NUMBERS = (*INTEGERS, *FLOATS)
ALL = (*BOOL, *NUMBERS)


@dataclass(frozen=True)
class Operation:
    """A kernel of one line.

    Attributes:
        expression: what is computed, in the language.
        dtypes: the types of ``x`` that it is asked with.
        second: the type of ``y`` (and ``z``): ``same``, or one for all.
        inputs: which values (:mod:`inputs`).
        shape: ``row`` (32 elements, one for each lane of a warp), ``pairs`` (64 of them), ``tile`` (32 x 32).
        places: where the result is put: ``i``, or an expression of its own shape.
        memory: whether it changes ``m``, which is of ``x``'s type.
        undefined: why its values are compared between no two machines; "" where they are.
    """

    expression: str
    dtypes: tuple[str, ...]
    second: str = "same"
    inputs: str = "special"
    shape: str = "pairs"
    places: str = "i"
    memory: bool = False
    undefined: str = ""


def operations() -> list[Operation]:
    """Every row; expressions may repeat with other types and values."""
    rows = [
        *_unary(),
        *_binary(),
        *_constants(),
        *_casts(),
        *_mixed(),
        *_folding(),
        *_shaping(),
        *_memory(),
        *_random(),
    ]
    return rows


def _unary() -> Iterator[Operation]:
    for expression in ("-x", "tl.abs(x)"):
        yield Operation(expression, NUMBERS)
    yield Operation("~x", (*BOOL, *INTEGERS))
    yield Operation("-x", SMALL_FLOATS)
    for name in ("exp", "exp2", "log", "log2", "sin", "cos", "sqrt", "rsqrt", "erf", "floor", "ceil", "sqrt_rn"):
        yield Operation(f"tl.{name}(x)", FLOATS, inputs="mild" if name in ("sin", "cos") else "special")
    yield Operation("tl.sigmoid(x)", FLOATS, inputs="mild")
    yield Operation("tl.zeros_like(x)", ("i32", "bf16"))
    yield Operation("tl.full([N], 3, x.dtype)", ALL)
    yield Operation("tl.full([N], -1.5, x.dtype)", FLOATS)
    yield Operation("tl.full([N], 300, x.dtype)", INTEGERS)
    yield Operation("tl.full([N], -1, x.dtype)", (*BOOL, *INTEGERS))


def _binary() -> Iterator[Operation]:
    for sign in ("+", "-", "*"):
        yield Operation(f"x {sign} y", ALL)
        yield Operation(f"x {sign} y", SMALL_FLOATS, inputs="mild")
    yield Operation("x / y", FLOATS)
    yield Operation("x / y", INTEGERS, inputs="divisible")
    yield Operation("x // y", INTEGERS, inputs="divisible")
    yield Operation("x % y", INTEGERS, inputs="divisible")
    yield Operation("x % y", FLOATS, inputs="mild")
    for sign in ("&", "|", "^"):
        yield Operation(f"x {sign} y", (*BOOL, *INTEGERS))
    for sign in ("<<", ">>"):
        yield Operation(f"x {sign} y", INTEGERS, inputs="shifts")
    for sign in ("<", "<=", "==", "!="):
        yield Operation(f"x {sign} y", ALL)
    yield Operation("x.logical_and(y)", BOOL)
    yield Operation("x.logical_or(y)", BOOL)
    for name in ("maximum", "minimum"):
        yield Operation(f"tl.{name}(x, y)", ALL)
        yield Operation(f"tl.{name}(x, y, tl.PropagateNan.ALL)", FLOATS)
    yield Operation("tl.where(x < y, x, y)", ALL)
    yield Operation("tl.where(x < y, x, 1)", NUMBERS)
    yield Operation("tl.where(x < y, x, 0.1)", NUMBERS)
    yield Operation("tl.fdiv(x, y)", FLOATS)
    yield Operation("tl.div_rn(x, y)", FLOATS)
    yield Operation("tl.umulhi(x, y)", ("i32", "i64", "u32", "u64"))
    yield Operation("tl.cdiv(x, y)", INTEGERS, inputs="divisible")
    yield Operation("tl.fma(x, y, z)", FLOATS)
    yield Operation("tl.clamp(x, tl.minimum(y, z), tl.maximum(y, z))", FLOATS, inputs="mild")
    yield Operation("tl.clamp(x, -2.0, 3.0)", FLOATS)
    for name in ("add", "sub", "mul"):
        yield Operation(f"tl.{name}(x, y, sanitize_overflow=False)", INTEGERS)


def _constants() -> Iterator[Operation]:
    for expression in (
        "x + 1",
        "1 - x",
        "x - 1",
        "x * 2",
        "x > 0",
        "x == 1",
        "x + 200",
        "x * 3000000000",
        "x + k",
        "k - x",
    ):
        yield Operation(expression, ALL)
    for expression in ("x * 0.1", "x + 1.0009765625", "x * s", "s - x", "x > 0.1", "1.0 / x", "x / 3"):
        yield Operation(expression, NUMBERS, inputs="divisible")
    for expression in ("x // 3", "x % 3", "x & 1", "x << 1", "x >> 1", "x ^ -1", "x // k", "x % k"):
        yield Operation(expression, INTEGERS, inputs="divisible")
    yield Operation("x % 0.7", FLOATS, inputs="mild")
    yield Operation("x + True", ALL)


def _casts() -> Iterator[Operation]:
    for target in (*ALL, *SMALL_FLOATS):
        name = LANGUAGE[target]
        sources = tuple(each for each in (*ALL, *SMALL_FLOATS) if each != target)
        if target in INTEGERS:
            whole = tuple(each for each in sources if each not in (*FLOATS, *SMALL_FLOATS))
            yield Operation(f"x.to(tl.{name})", whole)
            yield Operation(f"x.to(tl.{name})", FLOATS, inputs=f"fits {target}")
            yield Operation(f"x.to(tl.{name})", FLOATS, undefined="LLVM's fptosi of what does not fit is poison")
        else:
            yield Operation(f"x.to(tl.{name})", sources)
        width = WIDTH[target]
        equal = tuple(each for each in (*ALL, *SMALL_FLOATS) if WIDTH[each] == width and each != target)
        if equal:
            yield Operation(f"x.to(tl.{name}, bitcast=True)", equal)
    for target in ("fp16", "bf16"):
        sources = ("fp32",)
        yield Operation(f'x.to(tl.{LANGUAGE[target]}, fp_downcast_rounding="rtz")', sources)


def _mixed() -> Iterator[Operation]:
    for left, right in itertools.permutations(ALL, 2):
        if left < right:
            for expression in ("x + y", "x < y", "tl.where(x < 1, x, y)"):
                yield Operation(expression, (left,), right)
            if "i1" not in (left, right):
                yield Operation("x / y", (left,), right, "divisible")


def _folding() -> Iterator[Operation]:
    for name in ("sum", "max", "min"):
        yield _row(f"tl.{name}(x, 0)", ALL, places="0")
        yield _row(f"tl.{name}(x, 0)", FLOATS, "special", "0")
    yield _row("tl.xor_sum(x, 0)", INTEGERS, places="0")
    for name in ("argmax", "argmin"):
        yield _row(f"tl.{name}(x, 0)", NUMBERS, places="0")
        yield _row(f"tl.{name}(x, 0)", FLOATS, "special", "0", "which NaN wins is the lanes'")
    yield _row("tl.reduce_or(x, 0)", (*BOOL, *INTEGERS), places="0")
    for name in ("cumsum", "cumprod"):
        yield _row(f"tl.{name}(x, 0)", ALL, "near one" if name == "cumprod" else "plain")
        yield _row(f"tl.{name}(x, 0, reverse=True)", ("i32", "fp16", "fp32"), "near one")
    yield _row("tl.sort(x)", NUMBERS)
    yield _row("tl.sort(x, descending=True)", ("i32", "fp32"))
    yield _row("tl.sort(x)", FLOATS, "special", undefined="a sort with NaN")
    yield _row("tl.topk(x, 8)", ("i32", "fp32", "bf16"), places="tl.arange(0, 8)")
    yield _row("tl.softmax(x)", WIDE_FLOATS)
    yield _row("tl.histogram(x, N)", ("i32", "i64", "u32"), "count")


def _row(
    expression: str, dtypes: tuple[str, ...], inputs: str = "plain", places: str = "i", undefined: str = ""
) -> Operation:
    """An operation on one element for each lane of a warp: a GPU folds those in a known order."""
    return Operation(expression, dtypes, inputs=inputs, shape="row", places=places, undefined=undefined)


def _shaping() -> Iterator[Operation]:
    few = ("i1", "u8", "i32", "bf16", "fp32")
    for expression in (
        "tl.flip(x, 0)",
        "tl.flip(x)",
        "tl.ravel(x)",
        "tl.sum(tl.expand_dims(x, 1), 1)",
        "tl.reshape(tl.trans(tl.reshape(x, [4, N // 4])), [N])",
        "tl.reshape(tl.broadcast_to(tl.expand_dims(tl.sum(x, 0), 0), [N]), [N])",
        "tl.max(tl.join(x, y), 1)",
        "tl.split(tl.join(x, y))[1]",
        "tl.gather(x, (i * 7) % N, 0)",
        "tl.view(x, [N])",
    ):
        yield Operation(expression, few, inputs="plain", shape="row")
    double = "tl.arange(0, 2 * N)"
    yield Operation("tl.interleave(x, y)", few, "same", "plain", "row", double)
    yield Operation("tl.cat(x, y, can_reorder=True)", few, "same", "plain", "row", double, undefined="in any order")
    yield Operation("tl.dot(x, y)", ("i8", "fp16", "bf16"), inputs="tile", shape="tile")
    yield Operation('tl.dot(x, y, input_precision="ieee")', ("fp32", "fp64"), inputs="tile", shape="tile")
    yield Operation("tl.dot(x, y)", ("fp32",), inputs="tile", shape="tile")
    yield Operation("tl.dot(x, y, out_dtype=tl.float16)", ("fp16",), inputs="tile", shape="tile")
    yield Operation("tl.trans(x)", ("fp16", "bf16", "fp32", "i8"), inputs="tile", shape="tile")
    for axis in (0, 1):
        yield Operation(
            f"tl.sum(x, {axis})", ("fp16", "bf16", "fp32", "i8"), "same", "tile", "tile", "tl.arange(0, 32)"
        )


def _memory() -> Iterator[Operation]:
    kinds = {
        "add": ("i32", "u32", "i64", "u64", "fp16", "bf16", "fp32", "fp64"),
        "max": ("i32", "u32", "i64", "u64", "fp32"),
        "min": ("i32", "u32", "i64", "u64", "fp32"),
        "and": ("i32", "u32", "i64"),
        "or": ("i32", "u32", "i64"),
        "xor": ("i32", "u32", "i64"),
        "xchg": ("i32", "i64", "fp16", "bf16", "fp32", "fp64"),
    }
    for name, types in kinds.items():
        yield Operation(f"tl.atomic_{name}(m + i, x)", types, inputs="plain", memory=True, shape="row")
    yield Operation("tl.atomic_add(m + i // 2, x)", ("i32", "u64"), inputs="plain", memory=True, shape="row")
    yield Operation("tl.atomic_cas(m + i, y, x)", ("i32", "i64"), inputs="plain", memory=True, shape="row")
    yield Operation("tl.load(a + i)", ALL)
    yield Operation("tl.load(a + i, mask=i < 5)", ALL, undefined="what a masked load gives without other")
    yield Operation("tl.load(a + i, mask=i < 5, other=3)", ALL)
    yield Operation("tl.load(a + i, mask=i < 5, other=0.1)", FLOATS)


def _random() -> Iterator[Operation]:
    for name in ("rand", "randn", "randint"):
        for dtype in ("i32", "u32", "i64"):
            yield Operation(f"tl.{name}(1234, x)", (dtype,), inputs="count")
    yield Operation("tl.swizzle2d(x % 4, x % 4, 4, 4, 2)[0]", ("i32",), inputs="count")


LANGUAGE = {"i1": "int1", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}
LANGUAGE |= {f"i{n}": f"int{n}" for n in (8, 16, 32, 64)} | {f"u{n}": f"uint{n}" for n in (8, 16, 32, 64)}
LANGUAGE |= {"fp8e5": "float8e5", "fp8e4nv": "float8e4nv"}
WIDTH = {"i1": 1, "fp16": 16, "bf16": 16, "fp32": 32, "fp64": 64, "fp8e5": 8, "fp8e4nv": 8}
WIDTH |= {f"{sign}{n}": n for sign in "iu" for n in (8, 16, 32, 64)}
