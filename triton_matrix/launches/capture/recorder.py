"""Records launches where they begin, as the code that launches says them: values, types, options, grid.

What the compiler is told of an argument follows from its value by Triton's own rules (launches/signing.py); here only
the values are taken. The outermost of a kernel's wrappers is recorded, so that a tuner's choices are left to the atlas.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from ...base import compile_options, env_vars
from .. import local_kernels
from ..tuned import settings_of_config
from .journal import Journal
from .references import names_it, python_function, reference_of
from .selection import Selection
from .spelling import argument, constexpr, plain, shape, tensors, told


@dataclass
class Launch:
    """One distinct launch.

    Attributes:
        kernel: ``/path/to/file.py:name``.
        args, constexprs, options: as a launch file has them.
        tuned: the constexprs and options that a tuner's first configuration and the heuristics add.
        divisible: of the pointers given as types, those whose address is a multiple of 16; None where there are none.
        grid: "?" where it cannot be computed without a tuner's choice.
    """

    kernel: str
    args: dict[str, Any]
    constexprs: dict[str, Any]
    options: dict[str, Any]
    tuned: dict[str, Any]
    divisible: Optional[list[str]]
    grid: Any


class Recorder:
    """Notes what is launched from :meth:`install` on, in a journal that is whole at any time.

    Args:
        runs: whether a launch is also run; otherwise its outputs keep what they held.
        most: launches to keep of a kernel.
    """

    def __init__(self, journal: Journal, runs: bool, most: int) -> None:
        self._journal, self._runs = journal, runs
        self._selection = Selection(most)
        self._depth = 0

    def finish(self) -> None:
        """Note how often each launch came in all."""
        self._journal.counts(self._selection)

    def install(self) -> None:
        """Take the place of the launch of every kernel, tuned or not, interpreted or not."""
        import triton.runtime.autotuner as tuner
        from triton.runtime.jit import JITFunction

        for kind in (JITFunction, tuner.Autotuner, tuner.Heuristics):
            kind.run = self._taking_over(kind.run, kind is tuner.Autotuner)
        if os.environ.get(env_vars.INTERPRET) == "1":
            from triton.runtime.interpreter import InterpretedFunction

            self._take_over_interpreted(InterpretedFunction)

    def _taking_over(self, original: Callable[..., Any], tunes: bool) -> Callable[..., Any]:
        recorder = self

        def run(kernel: Any, *args: Any, **kwargs: Any) -> Any:
            if tunes:
                _prepare(kernel, args, kwargs)
            noted = recorder._record(kernel, args, kwargs) if recorder._depth == 0 else None
            if not recorder._runs:
                return None
            before = noted and noted[1].snapshot()
            recorder._depth += 1
            try:
                if tunes:  # its first configuration, so that nothing is timed
                    config = settings_of_config(kernel.configs[0])
                    return kernel.fn.run(*args, **{**kwargs, **config})
                return original(kernel, *args, **kwargs)
            finally:
                recorder._depth -= 1
                if noted:
                    recorder._journal.written(noted[0], noted[1].written(before))

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

    def _record(self, kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Optional[tuple[str, Any]]:
        """Note one launch, or why no file can say it; the key and the contents of one that is kept and has tensors."""
        function = python_function(kernel)
        try:
            reference = reference_of(kernel, function)
        except local_kernels.LocalError as problem:
            where = f"{Path(function.__code__.co_filename).name}:{function.__code__.co_firstlineno}"
            self._journal.problem(f"{function.__name__} ({where}) {problem}")
            return None
        parameters = inspect.signature(function).parameters
        given = dict(zip(parameters, args))
        given |= {name: value for name, value in kwargs.items() if name in parameters}
        beside = {name: value for name, value in kwargs.items() if name not in parameters and value is not None}
        options = {name: value for name, value in beside.items() if name in compile_options.known()}
        said = {name: plain(value) for name, value in options.items()}
        launch = Launch(reference, {}, {}, said, _tuned(kernel, given, options), None, "?")
        if not names_it(reference, kernel):  # a factory made its tuner: what is found again has none
            launch.constexprs |= launch.tuned.get("constexprs", {})
            launch.options |= launch.tuned.get("options", {})
            launch.tuned = {}
        launch.grid = _grid(kwargs.get("grid"), {**given, **_first_config(kernel)})
        group: list[Any] = [sorted(launch.options.items(), key=str)]
        shapes: list[Any] = [launch.grid]
        name = ""
        try:
            for name, value in given.items():
                if "constexpr" in str(parameters[name].annotation):
                    launch.constexprs[name] = constexpr(value)
                    group.append((name, repr(launch.constexprs[name])))
                else:
                    group.append((name, told(value)))
                    shapes.append(shape(value))
            key = self._selection.offer(reference, repr(group), repr(shapes))
            if key is None:
                return None
            contents = _contents(given, launch, reference)
        except TypeError as problem:
            self._journal.problem(f"{function.__name__} is launched with {name} = {problem}, which no file can say")
            return None
        self._journal.launch(key, asdict(launch), contents.files if contents else {}, self._selection)
        return (key, contents) if contents else None


def _prepare(kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What a tuner does before it launches its first configuration: it may set the block of a descriptor so."""
    config = kernel.configs[0]
    hook = getattr(config, "pre_hook", None)
    if hook is not None:
        given = {**dict(zip(kernel.arg_names, args)), **kwargs, **config.kwargs}
        with contextlib.suppress(Exception):  # one that needs a GPU
            hook(given)


def _contents(given: dict[str, Any], launch: Launch, reference: str) -> Any:
    """Fill ``args`` of a launch; what its tensors hold, where torch has them."""
    values = {name: value for name, value in given.items() if name not in launch.constexprs}
    by_place = {where: tensor for name, value in values.items() for where, tensor in tensors(name, value)}
    contents = None
    if by_place:
        from .contents import Contents

        contents = Contents(by_place, reference.rpartition(":")[2])
    for name, value in values.items():
        launch.args[name] = argument(name, value, contents)
        if hasattr(value, "data_ptr") and not isinstance(launch.args[name], dict):
            launch.divisible = launch.divisible or []
            launch.divisible += [name] if value.data_ptr() % 16 == 0 else []
    return contents


def _tuned(kernel: Any, given: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What a tuner's first configuration and the heuristics add to a launch, as a launch file has it."""
    function = python_function(kernel)
    parameters, wrapper = inspect.signature(function).parameters, kernel
    settings: dict[str, Any] = {}
    while hasattr(wrapper, "fn"):
        if getattr(wrapper, "configs", None):
            settings |= settings_of_config(wrapper.configs[0])
        elif isinstance(getattr(wrapper, "values", None), dict):
            for name, compute in wrapper.values.items():
                try:
                    settings[name] = compute({**given, **settings})
                except Exception:  # of a heuristic that looks at what is not there without a GPU
                    return {}
        wrapper = wrapper.fn
    settings = {name: value for name, value in settings.items() if name not in given and name not in options}
    said: dict[str, Any] = {
        "constexprs": {name: constexpr(value) for name, value in settings.items() if name in parameters},
        "options": {name: plain(value) for name, value in settings.items() if name in compile_options.known()},
    }
    return {name: table for name, table in said.items() if table}


def _first_config(kernel: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    while hasattr(kernel, "fn"):
        if getattr(kernel, "configs", None):
            settings |= settings_of_config(kernel.configs[0])
        kernel = kernel.fn
    return settings


def _grid(grid: Any, given: dict[str, Any]) -> Any:
    try:
        sizes = grid(given) if callable(grid) else grid
        return [int(size) for size in (sizes if isinstance(sizes, (tuple, list)) else (sizes,))]
    except Exception:  # it may need what only a heuristic computes
        return "?"
