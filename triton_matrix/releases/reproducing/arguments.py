"""A launch's arguments as expressions of a file without this project."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import values
from ...launches import dtypes

# Functions of values/filling.py, in the order in which they need each other -> the kinds of fill that call them
FILLS = {
    "_hashes": {"normal", "uniform", "integers"},
    "_unit": {"uniform"},
    "_bell": {"normal"},
}
_SHARES = ("zeros", "nan", "inf", "negative_inf")
_SPECIAL = {"uniform": _SHARES, "normal": (*_SHARES, "low", "high")}


def fills(kinds: set[str]) -> list[str]:
    """The text of the functions that fill memory so. Their module needs numpy, which whoever writes a file may lack."""
    content = Path(values.__file__).with_name("filling.py").read_text(encoding="utf-8")
    functions = {each.name: each for each in ast.parse(content).body if isinstance(each, ast.FunctionDef)}
    return [str(ast.get_source_segment(content, functions[name])) for name, of in FILLS.items() if kinds & of]


def expressions(
    asked: Mapping[str, Any], functions: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str], set[str]]:
    """Of a launch as ``values`` takes it: arguments and constexprs, tensors, and the kinds of fill that they use.

    Args:
        functions: reference of a constexpr's function -> what it is called in the file.

    Raises:
        ValueError: something of it cannot be written down.
    """
    args = {
        name: _value(name, value, functions)
        for name, value in {**asked["args"], **asked["constexprs"]}.items()
        if not (isinstance(value, dict) and "tensor" in value)
    }
    tensors = {
        name: value["tensor"] for name, value in asked["args"].items() if isinstance(value, dict) and "tensor" in value
    }
    kinds = {str(each.get("fill", {}).get("kind", "zeros")) for each in tensors.values()}
    return args, {name: _tensor(name, about) for name, about in tensors.items()}, kinds


def _value(name: str, value: Any, functions: Mapping[str, str]) -> str:
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "number":
            return f"float({content!r})"
        if kind == "tuple":
            return f"({''.join(_value(name, each, functions) + ', ' for each in content)})"
        if kind == "dtype":
            return f"tl.{dtypes.LANGUAGE[content]}"
        if kind == "function":
            return functions[content]
    raise ValueError(f"{name} is a {next(iter(value), 'value')}, which a file of its own cannot hold")


def _tensor(name: str, about: Mapping[str, Any]) -> str:
    unusual = [key for key in ("strides", "offset", "storage") if about.get(key)]
    if unusual or about["dtype"] not in dtypes.TORCH or about["dtype"].startswith("fp8"):
        what = unusual[0] if unusual else f"dtype {about['dtype']}"
        raise ValueError(f"{name} is a tensor with {what}, which a file of its own cannot hold: make it contiguous")
    size = 1
    for each in about["shape"]:
        size *= each
    shape = tuple(about["shape"])
    return f"Tensor({dtypes.TORCH[about['dtype']]!r}, {shape!r}, {_filled(name, about, size)})"


def _filled(name: str, about: Mapping[str, Any], size: int) -> str:
    fill = about.get("fill", {"kind": "zeros"})
    kind, seed = fill["kind"], int(fill.get("seed", 0))
    special = [key for key in _SPECIAL.get(kind, ()) if fill.get(key)]
    if special:
        raise ValueError(f"{name} has a fill with {special[0]}, which a file of its own cannot hold")
    if kind == "zeros":
        return f"np.zeros({size})"
    if kind == "constant":
        return f"np.full({size}, {fill['value']!r})"
    if kind == "count":
        return f"np.arange({size})"
    if kind == "integers":
        low, high = int(fill["low"]), int(fill["high"])
        return f"{low} + (_hashes({size}, {seed}, 0) % np.uint64({high - low})).astype(np.int64)"
    if kind == "uniform":
        return f"{fill['low']!r} + {fill['high'] - fill['low']!r} * _unit({size}, {seed}, 0)"
    if kind == "normal":
        return f"{fill['mean']!r} + {fill['deviation']!r} * _bell({size}, {seed})"
    code = {"bool": "bool", "bfloat16": ""}.get(dtypes.TORCH[about["dtype"]], dtypes.TORCH[about["dtype"]])
    if not code or len(fill["data"]) > 1 << 16:
        raise ValueError(f"{name} holds captured data that is too large for a file of its own, or bfloat16")
    return f"np.frombuffer(zlib.decompress(base64.b64decode({fill['data']!r})), {code!r})"
