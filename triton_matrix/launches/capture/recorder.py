"""Records launches where they begin, as the code that launches says them: values, types, options, grid.

What the compiler is told of an argument follows from its value by Triton's own rules (launches/signing.py); here only
the values are taken. The outermost of a kernel's wrappers is recorded, so that a tuner's choices are left to the atlas.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

from ...base.compile_options import COMPILE_OPTIONS
from ..tuned import settings_of_config

_KINDS = {
    "float16": "fp16",
    "bfloat16": "bf16",
    "float32": "fp32",
    "float64": "fp64",
    "float8_e4m3fn": "fp8e4nv",
    "float8_e4m3fnuz": "fp8e4b8",
    "float8_e5m2": "fp8e5",
    "float8_e5m2fnuz": "fp8e5b16",
    "bool": "i1",
    **{f"int{bits}": f"i{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"u{bits}" for bits in (8, 16, 32, 64)},
}
_LANGUAGE = {"int1": "i1", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}


@dataclass
class Launch:
    """One distinct launch.

    Attributes:
        kernel: ``/path/to/file.py:name``.
        args, constexprs, options: as a launch file has them.
        divisible: the pointers whose address is a multiple of 16.
        grid: of the first launch of this kind; "?" where it cannot be computed without a tuner's choice.
        count: how often it was launched.
    """

    kernel: str
    args: dict[str, Any]
    constexprs: dict[str, Any]
    options: dict[str, Any]
    divisible: list[str]
    grid: Any
    count: int = 1


@dataclass
class Recorder:
    """Keeps what is launched from :meth:`install` on.

    Attributes:
        runs: whether a launch is also run; otherwise its outputs keep what they held.
        problems: what could not be written as a launch file, one sentence each.
    """

    runs: bool
    problems: set[str] = field(default_factory=set)
    _found: dict[str, Launch] = field(default_factory=dict)
    _depth: int = 0

    @property
    def launches(self) -> list[Launch]:
        return list(self._found.values())

    def install(self) -> None:
        """Take the place of the launch of every kernel, tuned or not, interpreted or not."""
        import triton.runtime.autotuner as tuner
        from triton.runtime.jit import JITFunction

        for kind in (JITFunction, tuner.Autotuner, tuner.Heuristics):
            kind.run = self._taking_over(kind.run, kind is tuner.Autotuner)
        if os.environ.get("TRITON_INTERPRET") == "1":
            from triton.runtime.interpreter import InterpretedFunction

            self._take_over_interpreted(InterpretedFunction)

    def _taking_over(self, original: Callable[..., Any], tunes: bool) -> Callable[..., Any]:
        recorder = self

        def run(kernel: Any, *args: Any, **kwargs: Any) -> Any:
            if recorder._depth == 0:
                recorder.record(kernel, args, kwargs)
            if not recorder.runs:
                return None
            recorder._depth += 1
            try:
                if tunes:  # its first configuration, so that nothing is timed
                    config = settings_of_config(kernel.configs[0])
                    return kernel.fn.run(*args, **{**kwargs, **config})
                return original(kernel, *args, **kwargs)
            finally:
                recorder._depth -= 1

        return run

    def _take_over_interpreted(self, kind: Any) -> None:
        """Up to 3.8 each interpreted function has a ``run`` of its own, and is launched past it."""
        make, recorder = kind.__init__, self

        def init(kernel: Any, *args: Any, **kwargs: Any) -> None:
            make(kernel, *args, **kwargs)
            own = kernel.run
            run = recorder._taking_over(lambda _, *a, **k: own(*a, **k), False)
            kernel.run = functools.partial(run, kernel)

        kind.__init__ = init
        kind.__getitem__ = lambda kernel, grid: functools.partial(kernel.run, grid=grid, warmup=False)

    def record(self, kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note one launch, or why it cannot be written as a file."""
        function = _python_function(kernel)
        reference = _reference(kernel, function)
        if reference is None:
            where = f"{Path(function.__code__.co_filename).name}:{function.__code__.co_firstlineno}"
            self.problems.add(f"{function.__name__} ({where}) is made inside a function; no reference names it")
            return
        parameters = inspect.signature(function).parameters
        given = dict(zip(parameters, args))
        given |= {name: value for name, value in kwargs.items() if name in parameters}
        options = {n: v for n, v in kwargs.items() if n not in parameters and n in COMPILE_OPTIONS and v is not None}
        launch = Launch(reference, {}, {}, {name: _plain(value) for name, value in options.items()}, [], "?")
        classes: list[Any] = [reference, sorted(launch.options.items(), key=str)]
        try:
            for name, value in given.items():
                if "constexpr" in str(parameters[name].annotation):
                    launch.constexprs[name] = _constexpr(value)
                    classes.append((name, repr(launch.constexprs[name])))
                else:
                    launch.args[name] = _argument(value)
                    classes.append((name, _class(launch.args[name])))
                    if hasattr(value, "data_ptr"):
                        if value.data_ptr() % 16 == 0:
                            launch.divisible.append(name)
                        classes.append(launch.divisible[-1:] == [name])
        except TypeError as problem:
            self.problems.add(f"{function.__name__} is launched with {name} = {problem}, which no file can say")
            return
        known = self._found.setdefault(repr(classes), launch)
        if known is not launch:
            known.count += 1
        else:
            launch.grid = _grid(kwargs.get("grid"), {**given, **_first_config(kernel)})


def _python_function(kernel: Any) -> Any:
    while hasattr(kernel, "fn"):
        kernel = kernel.fn
    return kernel


def _reference(kernel: Any, function: Any) -> Optional[str]:
    """Under which name of its module a kernel is found again; a name of the very object first."""
    module = sys.modules.get(function.__module__)
    names = {name: value for name, value in vars(module).items() if hasattr(value, "fn")} if module else {}
    same = [name for name, value in names.items() if value is kernel]
    same += [name for name, value in names.items() if _python_function(value) is function]
    file = getattr(module, "__file__", None)
    return f"{Path(file).resolve()}:{same[0]}" if same and file else None


def _argument(value: Any) -> Any:
    """An argument as a launch file has it."""
    if value is None:
        return "None"
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [_argument(item) for item in value]
    if hasattr(value, "block_shape") and hasattr(value, "base"):
        return f"tensordesc<{_kind(value.base.dtype)}[{', '.join(map(str, value.block_shape))}]>"
    if hasattr(value, "data_ptr"):
        return f"*{_kind(value.dtype)}"
    if type(value).__name__ == "constexpr":
        return _argument(value.value)
    if hasattr(value, "__index__"):
        return int(value)
    if hasattr(value, "__float__"):
        return float(value)
    raise TypeError(f"a {type(value).__name__}")


def _kind(dtype: Any) -> str:
    name = str(dtype).rpartition(".")[2]
    return _KINDS.get(name, name)


def _constexpr(value: Any) -> Any:
    if value is None:
        return "None"
    if type(value).__name__ == "constexpr":
        return _constexpr(value.value)
    if isinstance(value, str):
        return {"text": value} if value == "None" or value.startswith(("tl.", "torch.")) else value
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return {"tuple": [_constexpr(item) for item in value]}
    if hasattr(value, "fn") and callable(_python_function(value)):
        reference = _reference(value, _python_function(value))
        if reference:
            return {"function": reference}
    module, name = type(value).__module__, str(value).rpartition(".")[2]
    if type(value).__name__ == "dtype" and module.startswith("triton"):
        return f"tl.{_LANGUAGE.get(name, name)}"
    if type(value).__name__ == "dtype" and module.startswith("torch"):
        return f"torch.{name}"
    if hasattr(value, "__index__"):
        return int(value)
    raise TypeError(f"a {type(value).__name__}")


def _class(value: Any) -> Any:
    """What of an argument's value the compiler is told."""
    if isinstance(value, bool) or not isinstance(value, int):
        return (
            [_class(item) for item in value] if isinstance(value, list) else (value if isinstance(value, str) else "f")
        )
    return (value == 1, value % 16 == 0, -(2**31) <= value < 2**31)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _first_config(kernel: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while hasattr(kernel, "fn"):
        if getattr(kernel, "configs", None):
            found |= settings_of_config(kernel.configs[0])
        kernel = kernel.fn
    return found


def _grid(grid: Any, given: dict[str, Any]) -> Any:
    try:
        found = grid(given) if callable(grid) else grid
        return [int(size) for size in (found if isinstance(found, (tuple, list)) else (found,))]
    except Exception:  # it may need what only a heuristic computes
        return "?"
