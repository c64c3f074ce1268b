"""Compile one configuration of one kernel for one target, in whatever Triton this Python has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional, Union

from ..base import targets, versions
from ..base.reads import Reads
from ..base.targets import CudaLimits, Target
from ..launches.loading import unwrap
from ..launches.signing import NotInThisRelease, sign
from ..launches.standins import strictly
from . import adapters, compile_errors, crashes, cuda_metrics, diagnostics, hip_metrics, ptxas

_TUNERS_SKIP = ("CompileTimeAssertionFailure", "PTXASError", "OutOfResources")  # what an autotuner catches


@dataclass
class Result:
    """What came of a configuration.

    Attributes:
        status: "ok", "n/a" (this release cannot be asked for it, with the reason) or "error" (does not load, does not
            compile, cannot be launched).
        metrics: the exact metrics; empty unless something was compiled.
        reason: one sentence unless ok.
        seconds: wall-clock time of the compilation.
        cpu_seconds: CPU time of the compiling process and its tools; 0 where the compilation had no process of its own.
        note: what had to be done to the input so that it was accepted, or "".
        crash: an error that is the compiler's own: a signal, an assertion, an instruction that LLVM cannot select.
        stages: text or bytes of each stage by name ("ttgir", "ptx", "cubin", "amdgcn"); not kept in files.
        tuner_skips: an error that an autotuner meets by taking another configuration.
        unanswered: an error that says nothing about the kernel: its process was ended from outside, or took too long.
        reads: what its module and the modules beside it read (base/reads.py).
        warnings: what ptxas and LLVM warn of in what they compiled.
        source: digest of the kernel's own source as this release has it; "" where its process did not live to say it.
        lasting: whether the same question gives the same answer again; not so where a module did not load.
    """

    status: str
    metrics: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    stages: dict[str, Any] = field(default_factory=dict, repr=False)
    cpu_seconds: float = 0.0
    crash: bool = False
    note: str = ""
    tuner_skips: bool = False
    unanswered: bool = False
    reads: Reads = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    source: str = ""
    lasting: bool = True


def compile_kernel(
    fn: Any,
    args: dict[str, Any],
    constexprs: Optional[dict[str, Any]] = None,
    options: Optional[dict[str, Any]] = None,
    hints: Optional[Iterable[str]] = None,
    target: Union[str, Target] = "cuda:90",
) -> Result:
    """Compile ``fn`` for ``target`` and measure what came out. Needs no GPU and no torch.

    Args:
        fn: a ``triton.jit`` function, or one wrapped by ``autotune`` or ``heuristics`` (the wrapping is ignored).
        args: Triton type of every parameter that is not a constant: ``{"x_ptr": "*fp16", "n_cols": "i32"}``; or the
            value of a launch (``4096``), from which type and hints follow as in a launch.
        constexprs: value of every ``tl.constexpr`` parameter.
        options: compile options. ``num_warps`` defaults to 4, which is also Triton's default.
        hints: names of the parameters whose value or address is a multiple of 16; all pointers when not given.
        target: a row of ``targets.TARGETS`` or its name.

    Returns:
        a Result. A compiler that crashes this process is not survived here; ``worker.compile_all`` does that.

    Raises:
        ValueError: parameters, types or hints that do not fit the function, an unknown target, or a folder for
            temporary files that lets nothing be run.
    """
    row = targets.parse(target) if isinstance(target, str) else target
    result = compile_stages(fn, args, constexprs or {}, {"num_warps": 4, **(options or {})}, hints, row)
    measure([(row, result)])
    return result


def compile_stages(
    fn: Any,
    args: dict[str, Any],
    constexprs: dict[str, Any],
    options: dict[str, Any],
    hints: Optional[Iterable[str]],
    target: Target,
    on_stage: adapters.OnStage = None,
    load: Optional[Callable[[str], Any]] = None,
    printed: Callable[[], str] = lambda: "",
) -> Result:
    """As :func:`compile_kernel`, with the stages but without the metrics; ``measure`` adds those, many at a time.

    ``on_stage`` is told what each stage left, as of ``adapters.Adapter35.compile``; ``load`` gives the function of a
    reference, for constexprs that are functions; ``printed`` what came on the error stream meanwhile.
    """
    import triton

    function = unwrap(fn)
    try:
        signature = sign(function, args, constexprs, hints, load)
    except NotInThisRelease as problem:
        return Result("n/a", reason=str(problem))
    why = unknown_to(target, triton.__version__)
    if why:
        return Result("n/a", reason=why)
    why = cannot_launch(target, options)
    if why:
        return Result("error", reason=why, tuner_skips=True)
    adapter, _ = adapters.choose(triton.__version__)
    why = adapter.does_not_bind(function, signature, target)
    if why:
        return Result("error", reason=why)
    start = time.perf_counter()
    left: dict[str, Any] = {}

    def keep(stage: str, content: Any, metadata: dict[str, Any]) -> None:
        left[stage] = content
        if on_stage:
            on_stage(stage, content, metadata)

    with ptxas.listening(adapter.tool) as heard:
        try:
            with strictly():
                compiled = adapter.compile(function, signature, options, target, keep)
        except adapters.UnknownOption as problem:
            return Result("n/a", reason=str(problem))
        except Exception as problem:  # whatever the compiler raises is this configuration's result
            result = failed(problem, str(heard), printed(), function, left.get("ptx", ""))
            return replace(result, seconds=time.perf_counter() - start)
        return compiled_result(compiled, str(heard), printed(), time.perf_counter() - start)


def compiled_result(compiled: adapters.Compiled, heard: str, printed: str, seconds: float) -> Result:
    """What :func:`measure` makes exact metrics of.

    Args:
        heard: what ptxas said, if it ran.
        printed: what came on the error stream. LLVM of some releases prints an error there and leaves other code.
    """
    errors = diagnostics.printed_errors(printed)
    if errors:
        reason = f"does not compile: {errors[0]}; Triton takes no notice, and what is left is not this kernel"
        return Result("error", reason=reason, seconds=seconds)
    clusters = cuda_metrics.clusters(str(compiled.stages.get("ptx", "")), compiled.num_ctas)
    noted = {"num_warps": compiled.num_warps, "shared": compiled.shared, "ptxas": heard, "clusters": clusters}
    warned = (*ptxas.warnings(heard), *diagnostics.warnings(printed))
    return Result("ok", noted, seconds=seconds, stages=compiled.stages, warnings=warned)


def failed(problem: BaseException, heard: str, printed: str, function: Any = None, ptx: str = "") -> Result:
    """The result of a compilation that raised ``problem``.

    Args:
        heard, printed: as of :func:`compiled_result`.
        function: the kernel, where one was compiled.
        ptx: what ptxas was given, if it ran.
    """
    cause, located = compile_errors.sentence(problem, function)
    lacks = compile_errors.standin_named(cause, function)
    if lacks:
        return Result("error", reason=f"does not load: {lacks}", lasting=False)
    if located:
        failure = crashes.Failure(diagnostics.REFUSAL, cause)
    elif ptxas.disk_is_full():
        failure = crashes.Failure(diagnostics.OUTSIDE, f"the disk is full: {cause}")
    else:
        failure = crashes.of_exception(cause, f"{type(problem).__name__}: {problem}\n{heard}", printed, ptx)
    return failure_result(failure, tuner_skips=type(problem).__name__ in _TUNERS_SKIP)


def failure_result(failure: crashes.Failure, tuner_skips: bool = False) -> Result:
    """The result that a failure is; what says nothing of the kernel may be another the next time."""
    outside = failure.kind == diagnostics.OUTSIDE
    return Result(
        "error",
        reason=failure.reason,
        crash=failure.kind == diagnostics.CRASH,
        tuner_skips=tuner_skips,
        unanswered=outside,
        lasting=not outside,
    )


def measure(results: Sequence[tuple[Target, Result]]) -> None:
    """Replace what :func:`compile_stages` noted in ``metrics`` by the exact metrics, for all results that are ok."""
    by_target: dict[str, list[Result]] = {}
    for target, result in results:
        if result.status == "ok":
            by_target.setdefault(target.name, []).append(result)
    for name, group in by_target.items():
        target = targets.TARGETS[name]
        noted = [result.metrics for result in group]
        if target.backend == "hip":
            for result, each in zip(group, noted):
                text = result.stages["amdgcn"]
                result.metrics = hip_metrics.metrics(text, each["num_warps"], each["shared"], target)
        else:
            _measure_cuda(group, noted, target)
        for result, each in zip(group, noted):
            result.metrics.update(each["clusters"])
            _refuse_unlaunchable(result, each["shared"], target)


def _measure_cuda(group: list[Result], noted: list[dict[str, Any]], target: Target) -> None:
    import triton

    adapter, _ = adapters.choose(triton.__version__)
    cubins = [result.stages["cubin"] for result in group]
    codes = [cuda_metrics.code_of(cubin) for cubin in cubins]
    listings = cuda_metrics.disassemble(codes, target, adapter.tool("nvdisasm"))
    for result, cubin, operations, each in zip(group, cubins, listings, noted):
        usage = cuda_metrics.resource_usage(cubin, adapter.tool("cuobjdump"))
        spills = ptxas.spills(each["ptxas"])
        result.metrics = cuda_metrics.metrics(usage, spills, operations, each["num_warps"], each["shared"], target)


def _refuse_unlaunchable(result: Result, shared: int, target: Target) -> None:
    """Turn a kernel that compiled, but of which not one block fits, into an error that says what it lacks."""
    limits = target.limits
    fits = result.metrics["occupancy_blocks" if isinstance(limits, CudaLimits) else "waves_per_simd"]
    if fits:
        return
    allowed = limits.shared_per_block if isinstance(limits, CudaLimits) else limits.lds_per_block
    result.status, result.tuner_skips = "error", True
    if shared > allowed:
        result.reason = f"needs {shared} bytes of shared memory per block; {target.name} allows {allowed}"
    else:
        result.reason = (
            f"needs more registers than {target.name} has for one block of {result.metrics['threads']} threads"
        )


def unknown_to(target: Target, version: str) -> str:
    """Why this Triton cannot compile for ``target``, or "" when it can."""
    if versions.key(version) < versions.key(target.since):
        what = "has no HIP backend" if target.backend == "hip" and version < "3" else "does not know this target"
        return f"this Triton {what}; {target.name} needs {target.since} or later"
    if target.until and versions.key(version) > versions.key(target.until):
        return f"{target.ended}; {target.name} needs {target.until} or earlier"
    return ""


def cannot_launch(target: Target, options: dict[str, Any]) -> str:
    """Why the target refuses a launch with these options whatever the compiler makes of it, or ""."""
    threads = options["num_warps"] * target.warp_size
    if threads > target.max_threads_per_block:
        return (
            f"num_warps is {options['num_warps']}, which is {threads} threads of {target.warp_size} lanes a warp;"
            f" {target.name} allows {target.max_threads_per_block}"
        )
    return ""
