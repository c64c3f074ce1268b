"""CUDA's libdevice by numpy, and what no interpreter can run: other libraries and inline assembly."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Executor, NotApplicable, Repair, Row, touch
from .casts import saturated
from .functions import fused


def _each(function: Callable[..., float]) -> Callable[..., Any]:
    """A function of Python's math for arrays; where it has no value, NaN."""

    def one(*args: float) -> float:
        try:
            return function(*args)
        except (ValueError, OverflowError):
            return math.nan

    return np.vectorize(one, otypes=[np.float64])


def _exponent(x: Any) -> Any:
    """Of base 2, as an integer; CUDA's ilogb says the ends of its range where there is none."""
    exponents = np.where(np.isinf(x), 2.0**31 - 1, np.frexp(x)[1] - 1.0)
    return np.where((x == 0) | np.isnan(x), -(2.0**31), exponents)


# name without __nv_ and the f of fp32 -> the function of fp64 arrays
_NUMPY = "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh floor ceil trunc rint sqrt cbrt fmod hypot"
_FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in _NUMPY.split()}
_FUNCTIONS |= {f"a{name}{h}": getattr(np, f"arc{name}{h}") for name in ("sin", "cos", "tan") for h in ("", "h")}
_FUNCTIONS |= {
    "abs": np.abs,
    "atan2": np.arctan2,
    "copysign": np.copysign,
    "cospi": lambda x: np.cos(np.pi * x),
    "erf": _each(math.erf),
    "erfc": _each(math.erfc),
    "exp10": lambda x: np.power(10.0, x),
    "fabs": np.abs,
    "fdim": lambda x, y: np.maximum(x - y, 0),
    "finite": np.isfinite,
    "fma": lambda x, y, z: x * y + z,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "ilogb": _exponent,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "ldexp": lambda x, n: np.ldexp(x, n.astype(np.int64)),
    "lgamma": _each(math.lgamma),
    "llabs": np.abs,
    "llrint": np.rint,
    "llround": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "logb": lambda x: np.floor(np.log2(np.abs(x))),
    "max": np.maximum,
    "min": np.minimum,
    "nearbyint": np.rint,
    "norm3d": lambda x, y, z: np.sqrt(x * x + y * y + z * z),
    "norm4d": lambda x, y, z, w: np.sqrt(x * x + y * y + z * z + w * w),
    "normcdf": lambda x: 0.5 * _each(math.erfc)(-x / math.sqrt(2)),
    "pow": np.power,
    "powi": lambda x, n: np.power(x, n),
    "rcbrt": lambda x: 1 / np.cbrt(x),
    "remainder": _each(math.remainder),
    "rhypot": lambda x, y: 1 / np.hypot(x, y),
    "round": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "saturate": lambda x: np.where(np.isnan(x), 0, np.clip(x, 0, 1)),
    "scalbn": lambda x, n: np.ldexp(x, n.astype(np.int64)),
    "signbit": np.signbit,
    "sinpi": lambda x: np.sin(np.pi * x),
    "tgamma": _each(math.gamma),
    "add_rn": np.add,
    "sub_rn": np.subtract,
    "mul_rn": np.multiply,
    "div_rn": np.divide,
    "rcp_rn": lambda x: 1 / x,
    "sqrt_rn": np.sqrt,
    "rsqrt_rn": lambda x: 1 / np.sqrt(x),
    "fma_rn": lambda x, y, z: x * y + z,
}
_FAST = ("cos", "exp10", "exp", "log10", "log2", "log", "pow", "sin", "tan")
_FUNCTIONS |= {f"fast_{name}": _FUNCTIONS[name] for name in _FAST}
_FUNCTIONS["fast_fdivide"] = np.divide
_TO_INTEGER = {"rn": np.rint, "rz": np.trunc, "rd": np.floor, "ru": np.ceil}
# names that the same function has beside its own
_TYPED = re.compile(r"^[fd]?(add|sub|mul|div|rcp|sqrt|rsqrt|fma)f?_(rn)$")


class Libdevice(Repair):
    row = Row(
        "libdevice",
        why="a function of libdevice cannot be called interpreted in any release",
        held_against="the same function of numpy or of Python's math, in fp64, rounded once",
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        """Let the names of no platform stand for CUDA's, as its compiler does."""
        try:
            generic = importlib.import_module("triton.language.extra.libdevice")
            cuda = importlib.import_module("triton.language.extra.cuda.libdevice")
        except ImportError:
            return
        for name, function in list(vars(generic).items()):
            if inspect.isfunction(function) and hasattr(cuda, name):
                setattr(generic, name, getattr(cuda, name))

    def create_extern_elementwise(
        self, libName: str, libPath: str, symbol: str, argList: list[Any], retType: Any, isPure: bool
    ) -> Any:
        if not symbol.startswith("__nv_"):
            raise NotApplicable(f"{symbol} of {libName or 'a library'} is the device's own code")
        touch(self, Libdevice)
        executor = self.executor
        data = [executor.values(each) for each in argList]
        target = executor.dtype(retType)
        with np.errstate(all="ignore"):
            result = _of_symbol(symbol[5:], data, target)
        return executor.handle(result, retType)

    def create_inline_asm(self, *given: Any) -> Any:
        raise NotApplicable("inline assembly is the device's own code")


def _of_symbol(name: str, data: list[Any], target: dtypes.Dtype) -> Any:
    """What a function of libdevice gives, in the storage of ``target``.

    Raises:
        NotApplicable: it is none of those known here.
    """
    whole = re.fullmatch(r"(?:float|double)2(?:u?int|u?ll)_(r[nzdu])", name)
    if whole:
        return saturated(_TO_INTEGER[whole[1]](data[0]), target)[0]
    if re.fullmatch(r"(u?int|u?ll)2(float|double)_rn", name):
        return dtypes.encode(data[0], target)
    if "_as_" in name:
        return np.ascontiguousarray(data[0]).view(target.storage)
    if name in ("popc", "popcll", "clz", "clzll", "ffs", "ffsll", "brev", "brevll"):
        return _of_bits(name.replace("ll", ""), data[0]).astype(target.storage)
    if name in ("mulhi", "umulhi", "mul64hi", "umul64hi"):
        width = data[0].dtype.itemsize * 8
        return ((data[0].astype(object) * data[1].astype(object)) >> width).astype(target.storage)
    typed = _TYPED.match(name)
    plain = f"{typed[1]}_{typed[2]}" if typed else name
    known = next((each for each in (plain, plain[:-1]) if each in _FUNCTIONS), None)
    if known is None:
        raise NotApplicable(f"libdevice's {name} is not known here")
    if known.startswith("fma"):
        return fused(*data)
    integers = all(each.dtype.kind in "iu" for each in data)
    wide = np.longdouble if target.name == "fp64" else np.float64
    result = _FUNCTIONS[known](*(each if integers else each.astype(wide) for each in data))
    if target.kind == "int" and result.dtype.kind == "f":
        return saturated(result, target)[0]
    return dtypes.encode(result, target)


def _of_bits(name: str, data: Any) -> Any:
    """Counts and the reverse of the bits of integers."""
    width = data.dtype.itemsize * 8
    bits = np.ascontiguousarray(data).view(f"uint{width}").astype(np.uint64)
    rows = (bits[..., None] >> np.arange(width, dtype=np.uint64)) & np.uint64(1)
    if name == "popc":
        return rows.sum(-1)
    if name == "brev":
        return (rows[..., ::-1] << np.arange(width, dtype=np.uint64)).sum(-1, dtype=np.uint64)
    some = rows.any(-1)
    if name == "ffs":
        return np.where(some, rows.argmax(-1) + 1, 0)
    return np.where(some, rows[..., ::-1].argmax(-1), width)
