"""The values that a kernel is launched with, as a launch file spells them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from .. import arguments, dtypes
from .references import python_function, reference_of


def tensors(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors of torch in an argument, by where they stand."""
    torch = sys.modules.get("torch")
    if isinstance(value, (tuple, list)):
        for at, each in enumerate(value):
            yield from tensors(f"{name}[{at}]", each)
    elif hasattr(value, "block_shape") and hasattr(value, "base"):
        yield from tensors(name, value.base)
    elif torch is not None and isinstance(value, torch.Tensor):
        yield name, value


def argument(name: str, value: Any, contents: Any) -> Any:
    """An argument as a launch file has it."""
    if value is None:
        return "None"
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return {"tuple": [argument(f"{name}[{at}]", item, contents) for at, item in enumerate(value)]}
    if hasattr(value, "block_shape") and hasattr(value, "base"):
        return _descriptor(name, value, contents)
    if hasattr(value, "data_ptr"):
        in_torch = any(True for _ in tensors(name, value))
        return {"tensor": contents.of(name)} if in_torch else f"*{_kind(value.dtype)}"
    if type(value).__name__ == "constexpr":
        return argument(name, value.value, contents)
    if hasattr(value, "__index__"):
        return int(value)
    if hasattr(value, "__float__"):
        return argument(name, float(value), contents)
    raise TypeError(f"a {type(value).__name__}")


def _descriptor(name: str, value: Any, contents: Any) -> Any:
    block = [int(size) for size in value.block_shape]
    if not any(True for _ in tensors(name, value)):
        return f"tensordesc<{_kind(value.base.dtype)}[{', '.join(map(str, block))}]>"
    said = {**contents.of(name), "block_shape": block}
    said |= {"shape": [int(size) for size in value.shape], "strides": [int(step) for step in value.strides]}
    padding = getattr(value, "padding", "zero")
    return {"descriptor": {**said, **({"padding": padding} if padding != "zero" else {})}}


def _kind(dtype: Any) -> str:
    name = str(dtype).rpartition(".")[2]
    return dtypes.OF_TORCH.get(name, name)


def constexpr(value: Any) -> Any:
    if value is None:
        return "None"
    if type(value).__name__ == "constexpr":
        return constexpr(value.value)
    if isinstance(value, str):
        return {"text": value} if value == "None" or value.startswith(("tl.", "torch.")) else value
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return {"tuple": [constexpr(item) for item in value]}
    if hasattr(value, "fn") and callable(python_function(value)):
        reference = reference_of(value, python_function(value))
        if reference:
            return {"function": reference}
    module, name = type(value).__module__, str(value).rpartition(".")[2]
    if type(value).__name__ == "dtype" and module.startswith("triton"):
        return f"tl.{dtypes.LANGUAGE.get(name, name)}"
    if type(value).__name__ == "dtype" and module.startswith("torch"):
        return f"torch.{name}"
    if hasattr(value, "__index__"):
        return int(value)
    raise TypeError(f"a {type(value).__name__}")


def told(value: Any) -> Any:
    """What of an argument's value the compiler is told."""
    if isinstance(value, (tuple, list)):
        return [told(item) for item in value]
    if hasattr(value, "block_shape") and hasattr(value, "base"):
        return (str(value.base.dtype), list(value.block_shape))
    if hasattr(value, "data_ptr"):
        return (str(value.dtype), value.data_ptr() % 16 == 0)
    if value is None or isinstance(value, bool):
        return str(type(value))
    return arguments.told(value) if isinstance(value, (int, float)) else "f"


def shape(value: Any) -> Any:
    """What of an argument's value tells launches apart beyond that: sizes and integers."""
    if isinstance(value, (tuple, list)):
        return [shape(item) for item in value]
    if hasattr(value, "block_shape") and hasattr(value, "base"):
        return shape(value.base)
    if hasattr(value, "shape"):
        return (list(value.shape), list(value.stride()) if hasattr(value, "stride") else [])
    return value if isinstance(value, int) else None


def plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else str(value)
