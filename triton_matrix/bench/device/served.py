"""What a forked process of a Triton does with launches: compile, compute, time. One launch is open at a time."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
import triton

from ...base import targets
from ...base.listening import Notes, listening
from ...codegen import adapters, cuda_metrics, ptxas
from ...codegen.batches import notes_of_modules
from ...codegen.compile import failed
from ...codegen.occupancy import cuda_blocks
from ...evidence import toolchain
from ...launches import loading
from ...launches.standins import strictly
from ...values import arrays, compare, description, device, running, tensors
from ..bandwidth import copy_bytes_per_second
from ..products import operations_per_second
from ..timing import Timer

MIN_ROUNDS = 5  # of a turn: several turns make a measurement
PEAK_BUDGET = 0.05  # seconds, of a copy and of a matrix product


class Served:
    """Answers requests; each is a table whose key ``do`` names a method below, with its arguments."""

    def __init__(self) -> None:
        self._notes: Optional[Notes] = None
        self._loader: Optional[loading.Loader] = None
        self._timer: Optional[Timer] = None
        self._kernel: Any = None
        self._launch: Any = None
        self._prepared: Any = None
        self._held: Any = None
        self._scale = 0.0
        self._ptxas: dict[str, str] = {}  # binary -> what ptxas said when it made it

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request: what the method gives, or ``error`` with the sentence and ``at``, its step.

        ``at`` is ``load``, ``compile`` or ``launch``; ``lost`` is set where the GPU answers no more in this process.
        """
        do: dict[str, Callable[..., dict[str, Any]]] = {
            "gpu": self.gpu,
            "product": self.product,
            "open": self.open,
            "compile": self.compile,
            "compute": self.compute,
            "once": self.once,
            "agrees": self.agrees,
            "keep": self.keep,
            "time": self.time,
        }
        try:
            return do[request["do"]](**{key: value for key, value in request.items() if key != "do"})
        except Exception as problem:
            step = {"open": "load", "compile": "compile"}.get(request["do"], "launch")
            at, said = _of_failure(problem, step, self._kernel)
            return {"error": said, "at": at, "lost": _is_lost()}

    def gpu(self) -> dict[str, Any]:
        """The GPU, and what a copy moves on it in bytes a second; ``none`` says that there is no GPU to use."""
        try:
            device.require()
        except ValueError as problem:
            return {"none": str(problem)}
        gpu = toolchain.gpus()[torch.cuda.current_device()]
        copy = copy_bytes_per_second(Timer("cuda", PEAK_BUDGET))
        torch.cuda.empty_cache()
        return {"gpu": gpu, "copy": copy}

    def product(self, kind: str) -> dict[str, Any]:
        """What a matrix product of torch computes, in operations a second; ``none`` says why there is no such one."""
        self._close()
        try:
            rate = operations_per_second(Timer("cuda", PEAK_BUDGET), kind)
        except ValueError as problem:
            return {"none": str(problem)}
        finally:
            torch.cuda.empty_cache()
        return {"rate": rate}

    def _close(self) -> None:
        self._held = self._prepared = None
        gc.collect()
        torch.cuda.empty_cache()

    def open(self, launch: dict[str, Any], source_root: Optional[str]) -> dict[str, Any]:
        """Load a launch's kernel and fill its memory; what was open before is closed."""
        self._close()
        if self._notes is None:
            self._notes = notes_of_modules()
        with listening(self._notes):
            if self._loader is None:
                self._loader = loading.Loader(None, Path(source_root) if source_root else None)
            kernel = self._loader.load(launch["kernel"])
        self._kernel = running.innermost(kernel)
        self._launch, self._prepared = launch, description.prepared(launch)
        self._scale = tensors.scale(self._prepared.tensors)
        self._held = device.Held(kernel, launch, self._prepared, self._loader.load)
        return {"read": self._notes.inputs()}

    def compile(self, options: dict[str, Any], metrics: bool) -> dict[str, Any]:
        """Compile the open launch, with options in place of its own.

        Args:
            metrics: whether to measure the binary.
        """
        adapter, _ = adapters.choose(triton.__version__)
        with ptxas.listening(adapter.tool) as heard, strictly():
            compiled = self._held.compiled(options)
            said = str(heard)
            getattr(compiled, "run", None)  # builds what launches it: not later, when the GPU is waited for
        binary = _stage(compiled, "cubin") or _stage(compiled, "hsaco") or b""
        code = hashlib.sha256(binary).hexdigest()[:16]
        said = self._ptxas[code] = said or self._ptxas.get(
            code, ""
        )  # of a binary that is there already it says nothing
        given = {**self._launch.get("options", {}), **options}
        measured = _metrics(compiled, given, said, adapter) if metrics else {}
        return {"metrics": measured, "dots": "tt.dot" in str(_stage(compiled, "ttir") or ""), "code": code}

    def compute(self) -> dict[str, Any]:
        """Run the open launch, twice from the same memory."""
        self._held.run()
        self._held.bring_back()
        self._held.restore()
        self._held.run()
        return {"repeats": self._held.is_as_brought_back(), "bytes": _bytes(self._prepared.tensors)}

    def agrees(self, options: dict[str, Any], dots: bool) -> dict[str, Any]:
        """Whether the open launch, once computed, writes the same with other constexprs, but for rounding.

        Args:
            dots: whether its kernel has dots.
        """
        self._held.restore()
        self._held.run(options)
        bounds = compare.WITH_DOTS if dots else compare.FROM_REFERENCE
        for storage, changed in self._held.changed():
            tensor = next((each for each in self._prepared.tensors.values() if each.storage is storage), None)
            if tensor is None or tensor.scratch:
                continue
            old, new = (_some(tensor, bits) for bits in (storage.bytes, changed))
            different = compare.differences([old], [new], bounds, compare.LEFT_OVER * self._scale)
            if not all(each.rounding for each in different):
                return {"agrees": False}
        return {"agrees": True}

    def once(self) -> dict[str, Any]:
        """Run the open launch once, and wait for it."""
        self._held.run()
        torch.cuda.synchronize()
        return {}

    def keep(self, folder: str, also: list[str]) -> dict[str, Any]:
        """Keep in ``folder`` what the first run changed, and what ``also`` holds: it may have written the same."""
        for name in also:
            self._prepared.tensors[name].storage.written[:] = True
        done = device.computed(self._launch, self._prepared, "computed", "", 0.0)
        storages = arrays.keep(done.tensors, Path(folder))
        row = {"status": "computed", "reason": "", "programs": done.programs, "total": done.total}
        return {"row": {**row, "whole": True, "scale": self._scale, "storages": storages}}

    def time(self, options: dict[str, Any], budget: float) -> dict[str, Any]:
        """One turn: rounds of the open launch, each from the same memory. Seconds."""
        if self._timer is None:
            self._timer = Timer("cuda", min_rounds=MIN_ROUNDS)
        self._timer.budget = budget
        measured = self._timer(lambda: self._held.run(options), self._held.restore)
        return {"seconds": list(measured.seconds), "late": measured.late}


def _some(tensor: Any, raw: Any) -> compare.Written:
    """Elements of a storage as comparing takes them: at most ``tensors.SAMPLE``, in steps that are no power of two."""
    bits = raw[: len(raw) // tensor.element.itemsize * tensor.element.itemsize].view(tensor.element.storage)
    places = np.arange(0, len(bits), len(bits) // tensors.SAMPLE | 1)
    where = (
        tensor.shape,
        tensor.strides,
        tensor.offset,
        len(places),
        hashlib.sha256(bits[places].tobytes()).hexdigest(),
    )
    return compare.Written("", tensor.element, *where, places, bits[places])


def _bytes(tensors: Mapping[str, Any]) -> list[int]:
    """What the tensors of each storage reach of it, each place once; in the order of its rows."""
    by_storage: dict[int, list[Any]] = {}
    for tensor in tensors.values():
        by_storage.setdefault(id(tensor.storage), []).append(tensor)
    reached = [sum(view.numel() * view.element_size() for view in each) for each in by_storage.values()]
    return [min(each[0].storage.size, size) for each, size in zip(by_storage.values(), reached)]


def _metrics(compiled: Any, options: Mapping[str, Any], said: str, adapter: Any) -> dict[str, Any]:
    """Exact metrics of a binary, as the atlas calls them; none of a HIP binary, whose tools are not asked here."""
    cubin = _stage(compiled, "cubin")
    if not isinstance(cubin, bytes):
        return {}
    num_warps, shared = int(options.get("num_warps", 4)), _shared(compiled)
    try:
        usage = cuda_metrics.resource_usage(cubin, adapter.tool("cuobjdump"))
    except cuda_metrics.ToolError:  # an unpacked Triton may lack it: nothing is said of the code then
        return {}
    metrics = {"registers": usage["REG"], "stack_bytes": usage["STACK"], "shared_bytes": shared}
    metrics |= ptxas.spills(said) if said.strip() else {}
    target = targets.TARGETS.get(toolchain.gpus()[torch.cuda.current_device()]["arch"])
    if target is None:
        return metrics
    blocks = cuda_blocks(target.limits, usage["REG"], num_warps, shared)  # type: ignore[arg-type]
    return {**metrics, "threads": num_warps * target.warp_size, "occupancy_warps": blocks * num_warps}


def _shared(compiled: Any) -> int:
    about = getattr(compiled, "metadata", None)
    size = about.get("shared") if isinstance(about, Mapping) else getattr(about, "shared", None)
    return int(getattr(compiled, "shared", 0) if size is None else size)


def _stage(compiled: Any, name: str) -> Any:
    asm = getattr(compiled, "asm", None)
    return asm[name] if asm is not None and name in asm else None


def _of_failure(problem: Exception, step: str, kernel: Any) -> tuple[str, str]:
    """The step at which a launch failed, and the sentence: a warm-up compiles, and binds the arguments before."""
    if step == "load" or isinstance(problem, loading.KernelError):
        return "load", f"does not load: {problem}"
    if step == "compile" and _in_compiler(problem) and type(problem).__name__ != "OutOfResources":
        return "compile", failed(problem, "", "", kernel).reason
    return "launch", running.status_of(problem)[1].removeprefix("does not run: ")


def _in_compiler(problem: BaseException) -> bool:
    """Whether Triton's compiler raised it, and not the launch around it."""
    folder = Path(triton.__file__).parent
    inside = tuple(str(folder / name) for name in ("compiler", "backends", "language"))
    trace = problem.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(inside):
            return True
        trace = trace.tb_next
    return False


def _is_lost() -> bool:
    try:
        device.check()
    except device.Lost:
        return True
    return False
