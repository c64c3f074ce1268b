"""Counts launches of Triton kernels in this process, at the last step that all launches of a level take.

At level interpreter that is where a grid begins, once the arguments are bound. At level device it is the C function
that a compiled kernel is launched by, which a package may call itself, past ``kernel[grid]``. An empty grid runs
nothing and is no launch, and neither is one that raised: a package may go on without its kernel. What a launch does,
gets and returns stays as it is. Triton 2.3.1 to 3.9.0 were read for this.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NO_STEP = "launches cannot be counted with this Triton, which launches in another way than those known to 3.9"


class _Begun(threading.local):
    """Whether the launch that the interpreter is at has begun a grid with programs in it, by thread."""

    grid: bool = False


class LaunchCounter:
    """Counts from :meth:`install` on.

    Args:
        files: the package's Python files, as they are shown -> where they are.
        modules: the package's top-level modules: a kernel made of generated source has no file of it.
        forked: gets the name of a kernel that is launched in a forked child, whose counts nobody else sees.
    """

    def __init__(self, files: Mapping[str, Path], modules: list[str], forked: Callable[[str], None]) -> None:
        self._files = {os.path.realpath(path): name for name, path in files.items()}
        self._modules, self._forked, self._process = modules, forked, os.getpid()
        self._counts: Counter[str] = Counter()
        self._compiled_of: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.own: set[str] = set()  # kernels of the package that were met
        self.raised: Counter[str] = Counter()  # launches that raised, of any kernel

    def install(self, interpreted: bool) -> str:
        """Begin to count; "" or, where this Triton has no such step, a sentence that says so."""
        try:
            return self._count_interpreted() if interpreted else self._count_compiled()
        except (ImportError, AttributeError) as error:
            return f"{NO_STEP}: {type(error).__name__}: {error}"

    def taken(self) -> dict[str, int]:
        """What was launched since this was asked last: kernel -> how often."""
        counts, self._counts = self._counts, Counter()
        return dict(counts)

    def name(self, function: Any) -> str:
        """A kernel's name: ``path/to/file.py:name``, or ``module:name`` where it is in no file of the package."""
        code = getattr(function, "__code__", None)
        file = self._files.get(os.path.realpath(code.co_filename)) if code else None
        module = str(getattr(function, "__module__", "?"))
        name = f"{file or module}:{getattr(function, '__name__', '?')}"
        if file or module.partition(".")[0] in self._modules:
            self.own.add(name)
        return name

    def _count(self, kernel: str) -> None:
        if os.getpid() == self._process:
            self._counts[kernel] += 1
        else:
            self._forked(kernel)

    def _count_interpreted(self) -> str:
        from triton.runtime import interpreter

        executor = interpreter.GridExecutor
        builder = type(getattr(interpreter, "interpreter_builder", None) or interpreter.builder)  # 2.3.1: builder
        execute, begin = executor.__call__, builder.set_grid_dim
        begun, name = _Begun(), functools.cache(self.name)

        @functools.wraps(execute)
        def call(launch: Any, /, *args: Any, **kwargs: Any) -> Any:
            begun.grid = False
            try:
                result = execute(launch, *args, **kwargs)
            except BaseException:
                self.raised[name(launch.fn)] += 1
                raise
            if begun.grid:
                self._count(name(launch.fn))
            return result

        @functools.wraps(begin)
        def set_grid_dim(builder_: Any, *sizes: Any) -> Any:
            begun.grid = all(sizes)
            return begin(builder_, *sizes)

        executor.__call__, builder.set_grid_dim = call, set_grid_dim
        return ""

    def _count_compiled(self) -> str:
        import triton
        from triton.compiler import compiler

        kind = compiler.CompiledKernel
        load = kind._init_handles

        @functools.wraps(load)
        def init_handles(kernel: Any) -> Any:
            is_first = vars(kernel)["module"] is None
            result = load(kernel)
            if is_first:
                self._watch(kernel)
            return result

        kind._init_handles = init_handles
        if triton.__version__.startswith("2."):  # there a compiled kernel does not say what it was compiled from
            compile_ = compiler.compile

            @functools.wraps(compile_)
            def compile_and_note(src: Any, *args: Any, **kwargs: Any) -> Any:
                compiled = compile_(src, *args, **kwargs)
                self._compiled_of[compiled] = src
                return compiled

            for module in (compiler, triton.compiler, triton):
                module.compile = compile_and_note
        return ""

    def _watch(self, kernel: Any) -> None:
        """Count what is launched of a compiled kernel, whoever launches it."""
        source = getattr(kernel, "src", None) or self._compiled_of.get(kernel)
        function = getattr(source, "fn", None)
        name = self.name(function.fn) if function is not None else str(vars(kernel).get("name", "?"))
        held = vars(kernel)
        key = "_run" if "_run" in held else "run"
        launcher = held[key]
        if hasattr(launcher, "launch"):
            launcher.launch = self._counting(launcher.launch, name)
        else:  # 2.3.1: it is the C function
            held[key] = self._counting(launcher, name)

    def _counting(self, launch: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(launch, assigned=())
        def launch_and_count(*args: Any, **kwargs: Any) -> Any:
            sizes = args[1:4] if args and isinstance(args[0], bool) else args[:3]  # AMD's begins with a switch
            try:
                result = launch(*args, **kwargs)
            except BaseException:
                self.raised[name] += 1
                raise
            if 0 not in sizes:
                self._count(name)
            return result

        return launch_and_count
