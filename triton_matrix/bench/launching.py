"""What a launch costs the host in this Python's Triton: ``python -m triton_matrix.bench.launching REQUEST.json``.

The request: ``level`` (``device``, or ``host``: no GPU, the launcher itself does nothing), ``arguments`` (how many each
kernel has), ``batches`` and ``calls`` of each, ``count`` (whether compilations are counted), ``launches`` (a launch
file, or null) and ``out``. The answer has the microseconds of each batch, and how often a launch is compiled anew while
an integer goes up by one.

Without a GPU the whole of Triton's own path runs (binding, specialisation, the cache's key and lookup, a launch's
metadata); only the C function that hands the launch to the driver is left out.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..base import files, hooks, targets, versions
from ..launches import driver_standin, launch_file, loading, signing

TARGET = "cuda:90"
INTEGERS = ("integer", "unspecialized", "constexpr")  # how a kernel's integer is told the compiler
COUNTED = 17  # values of an integer that are launched one after the other
FIRST = 4096
_KERNEL = """@triton.jit{options}
def with_{name}({parameters}, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.load(p0 + at, mask=at < n0)
    tl.store(p0 + at, total{uses}, mask=at < n0)
"""


class NoLauncher(ValueError):
    """This Triton's launch cannot be timed here; one sentence."""


class Float32:
    """Triton reads the last word of a tensor's type."""

    def __str__(self) -> str:
        return "torch.float32"


class Pointer:
    """What a launch asks of a tensor: an address and a type."""

    dtype = Float32()

    def data_ptr(self) -> int:
        return 1 << 20


class Launching(driver_standin.Driver):
    """A driver that loads nothing, and whose launcher returns at once."""

    def __init__(self) -> None:
        super().__init__(targets.parse(TARGET), generation_2=False)
        self.utils.load_binary = _loaded
        self.launcher_cls = lambda source, metadata: _launched


def _launched(*arguments: Any) -> None:
    """Where the C function would be."""


def _loaded(*binary: Any) -> tuple[Any, ...]:
    """What loading a binary gives: module and function, which must be something, registers and spills."""
    from triton.compiler.compiler import CompiledKernel

    known = (object(), 1, 32, 0)
    return (*known, 1024) if "n_max_threads" in inspect.getsource(CompiledKernel._init_handles) else known


def main(argv: Sequence[str]) -> int:
    """Answer one request. Exit status 0, or 2 with one sentence where this Triton cannot be asked."""
    request = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    import triton

    try:
        answer = _answered(request, _prepare(request["level"], triton.__version__))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    files.write_json(Path(request["out"]), {"triton": triton.__version__, **answer})
    return 0


def _answered(request: dict[str, Any], tensor: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="triton-matrix-launching-") as folder:
        kernels = _kernels(Path(folder), request["arguments"])
        times = {
            str(count): _timed(getattr(kernels, f"with_{count}"), count, tensor, request)
            for count in request["arguments"]
        }
        wanted = INTEGERS if request["count"] else ()
        compiled = {name: compilations(getattr(kernels, f"with_{name}"), tensor) for name in wanted}
    # last: loading a user's kernel puts another driver in place
    of_launch = _of_launches(Path(request["launches"])) if request.get("launches") else []
    return {"us": times, "compiled": compiled, "launches": of_launch}


def _prepare(level: str, release: str) -> Any:
    """Make launches possible; gives a tensor."""
    if level == "device":
        import torch

        if not torch.cuda.is_available():
            raise NoLauncher("level device needs a GPU, and torch sees none")
        return torch.zeros(1 << 16, device="cuda")
    if versions.key(release) < versions.key("3.0.0"):
        raise NoLauncher(
            "the launcher of Triton 2.3.1 is compiled against libcuda, which a machine without a GPU lacks"
        )
    from triton.runtime import driver

    driver.set_active(Launching())
    return Pointer()


def _kernels(folder: Path, counts: Sequence[int]) -> Any:
    """A module with a kernel for each number of arguments, and three whose integer is told the compiler differently."""
    definitions = [_definition(str(count), _names(count)) for count in counts]
    definitions.append(_definition("integer", ["p0", "n0"]))
    definitions.append(_definition("unspecialized", ["p0", "n0"], '(do_not_specialize=["n0"])'))
    definitions.append(_definition("constexpr", ["p0", "n0: tl.constexpr"]))
    path = folder / "launched_kernels.py"
    path.write_text("import triton\nimport triton.language as tl\n\n\n" + "\n\n".join(definitions), encoding="utf-8")
    return hooks.module_of(folder, path.name, "kernels")


def _names(count: int) -> list[str]:
    """Half of the arguments pointers, half integers; BLOCK counts as one."""
    pointers = count // 2
    return [*(f"p{at}" for at in range(pointers)), *(f"n{at}" for at in range(count - 1 - pointers))]


def _definition(name: str, names: Sequence[str], options: str = "") -> str:
    used = [each for each in names if each not in ("p0", "n0", "n0: tl.constexpr")]
    uses = "".join(f" + tl.load({each} + at, mask=at < n0)" if each[0] == "p" else f" + {each}" for each in used)
    return _KERNEL.format(name=name, options=options, parameters=", ".join(names), uses=uses)


def _timed(kernel: Any, count: int, tensor: Any, request: dict[str, Any]) -> list[float]:
    """CPU microseconds of a call, of each batch."""
    values = [tensor if name[0] == "p" else FIRST + 16 * at for at, name in enumerate(_names(count))]
    grid = (1,)

    def call() -> None:
        kernel[grid](*values, BLOCK=128)

    return _batches(call, request["batches"], request["calls"])


def _batches(call: Callable[[], None], batches: int, calls: int) -> list[float]:
    for _ in range(50):
        call()
    times = []
    for _ in range(batches):
        started = time.thread_time()  # of this thread alone: a busy machine does not lengthen it
        for _ in range(calls):
            call()
        times.append((time.thread_time() - started) / calls * 1e6)
    return times


def compilations(kernel: Any, tensor: Any) -> int:
    """How many kernels are compiled while an integer goes up by one, launch by launch."""
    for value in range(FIRST, FIRST + COUNTED):
        kernel[(1,)](tensor, value, BLOCK=128)
    caches = kernel.device_caches[0][0] if hasattr(kernel, "device_caches") else kernel.cache[0]
    return len(caches)


def _of_launches(path: Path) -> list[dict[str, Any]]:
    """Of each integer of a launch file's launches: how many kernels are compiled while it alone goes up by one."""
    loader = loading.Loader(targets.parse(TARGET))
    compiled_anew = []
    for configuration in launch_file.expand_all(path, [TARGET]):
        function = loading.unwrap(loader.load(configuration.kernel))
        for kind, given in (("argument", configuration.args), ("constexpr", configuration.constexprs)):
            for name, value in given.items():
                if type(value) is int:
                    count = len({_told(function, configuration, kind, name, value + up) for up in range(COUNTED)})
                    compiled_anew.append({"kernel": configuration.label, "name": name, "kind": kind, "compiled": count})
    return compiled_anew


def _told(function: Any, configuration: Any, kind: str, name: str, value: int) -> str:
    """All that a launch tells the compiler of one value of an integer."""
    args, constexprs = dict(configuration.args), dict(configuration.constexprs)
    (args if kind == "argument" else constexprs)[name] = value
    signature = signing.sign(function, args, constexprs, configuration.hints)
    return repr((signature.types, sorted(signature.divisible), signature.constants))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
