"""What a launch should have written, by the reference that it names: a function of numpy arrays."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import description, dtypes
from .running import Computed
from .tensors import Tensor


def compute(function: Callable[..., Any], launch: Mapping[str, Any]) -> Computed:
    """Ask a reference; what it says is afterwards in the launch's tensors, as if a kernel had written it.

    Args:
        function: takes parameters of the kernel by their names, those that it declares: tensors as numpy arrays of
            their shape (16-bit and 8-bit floats as fp32), numbers as they are. It gives parameter -> what the kernel
            should have written, as an array of that tensor's shape, masked where nothing is said.

    Raises:
        ValueError: the launch cannot be, or the function gives something else.
    """
    prepared = description.prepared(launch)
    started = time.perf_counter()
    given = {**prepared.args, **prepared.constexprs}
    known = inspect.signature(function).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    asked = {name: _plain(value) for name, value in given.items() if takes_all or name in known}
    status, reason = "computed", ""
    try:
        with np.errstate(all="ignore"):
            said = function(**asked)
    except Exception as problem:
        said, status, reason = {}, "error", f"the reference fails: {type(problem).__name__}: {problem}"
    if not isinstance(said, Mapping) or (status == "computed" and not said):
        raise ValueError(f"reference is {launch['reference']!r}, which gives {said!r:.60}; it gives parameter -> array")
    for name, values in said.items():
        _write(prepared.tensors, str(name), values, launch["reference"])
    total = int(np.prod(launch["grid"]))
    return Computed(status, reason, [], total, [], {}, time.perf_counter() - started, prepared.tensors)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, description.Descriptor):
        value = value.base
    if isinstance(value, description.TypeName):
        return value.dtype.name
    return dtypes.decode(value.array, value.element).copy() if isinstance(value, Tensor) else value


def _write(tensors: Mapping[str, Tensor], name: str, values: Any, reference: str) -> None:
    tensor, array = tensors.get(name), np.asarray(values)
    if tensor is None or array.shape != tensor.shape:
        shapes = ", ".join(f"{key} {list(each.shape)}" for key, each in tensors.items())
        said = f"{name} of shape {list(array.shape)}"
        raise ValueError(f"reference is {reference!r}, which gives {said}; the launch's tensors are {shapes}")
    tensor.array[...] = dtypes.encode(array, tensor.element)
    size = tensor.element.itemsize
    storage = tensor.storage
    count = storage.size // size
    index = np.arange(count)[tensor.offset :]
    places = np.lib.stride_tricks.as_strided(index, tensor.shape, [step * index.itemsize for step in tensor.strides])
    storage.written[: count * size].reshape(count, size)[places[~np.ma.getmaskarray(values)]] = True
