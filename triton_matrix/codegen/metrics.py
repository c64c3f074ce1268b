"""The exact metrics of a compiled kernel, one row each: what it is called, in what unit, and which way is worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

LONG_COMPILATION = 2.0  # seconds of CPU time: below, a change is nobody's concern, and noise is large (0.6 to 1.3 s)
MUCH_LONGER = 2.0  # times the CPU time of before, from which on a compilation got worse
CUDA, HIP = ("cuda",), ("hip",)
BOTH = (*CUDA, *HIP)


@dataclass(frozen=True)
class Metric:
    """One exact metric: two compilations of the same source by the same Triton give the same value.

    Attributes:
        name: its key in an atlas file.
        backends: of which backends' kernels it is known.
        unit: of its value.
        heading: of its column in a table; "" where tables leave it out.
        role: what of several backends' metrics is the same thing to a reader: ``registers``, ``spills``, ``scratch``,
            ``occupancy``, ``shared``, ``fp64``, ``matrix`` (units for matrix products, the slowest first); "" for all
            others.
        less_is_worse: whether a lower value is the worse one. Of all others, the higher one is.
    """

    name: str
    backends: tuple[str, ...]
    unit: str
    heading: str = ""
    role: str = ""
    less_is_worse: bool = False
    rare: bool = False  # tables show it where some kernel has any


METRICS = (
    Metric("registers", CUDA, "32-bit registers a thread", "regs", "registers"),
    Metric("vgprs", HIP, "vector registers a lane", "vgprs", "registers"),
    Metric("sgprs", HIP, "scalar registers a wave", "sgprs"),
    Metric("agprs", HIP, "accumulation registers a lane", "agprs"),
    Metric("spill_stores", CUDA, "bytes a thread", "spill st", "spills"),
    Metric("spill_loads", CUDA, "bytes a thread", "spill ld", "spills"),
    Metric("vgpr_spills", HIP, "registers", "v spill", "spills"),
    Metric("sgpr_spills", HIP, "registers", "s spill", "spills"),
    Metric("local_stores", BOTH, "instructions to a thread's own memory, spills among them"),
    Metric("local_loads", BOTH, "instructions from a thread's own memory, spills among them"),
    Metric("stack_bytes", CUDA, "bytes a thread", "stack", "scratch"),
    Metric("scratch_bytes", HIP, "bytes a lane", "scratch", "scratch"),
    Metric("shared_bytes", CUDA, "bytes a block", "shared", "shared"),
    Metric("lds_bytes", HIP, "bytes a workgroup", "lds", "shared"),
    Metric("threads", BOTH, "threads a block", "threads"),
    Metric("occupancy_warps", CUDA, "warps a multiprocessor", "warps/MP", "occupancy", less_is_worse=True),
    Metric("waves_per_simd", HIP, "waves a SIMD", "waves/SIMD", "occupancy", less_is_worse=True),
    Metric("occupancy_blocks", CUDA, "blocks a multiprocessor", less_is_worse=True),
    Metric("global_loads", BOTH, "instructions", "loads"),
    Metric("global_loads_128", BOTH, "instructions of 128 bit and more", "128b", less_is_worse=True),
    Metric("global_load_bits", BOTH, "bits, summed over load instructions"),
    Metric("global_stores", BOTH, "instructions"),
    Metric("global_stores_128", BOTH, "instructions of 128 bit and more", less_is_worse=True),
    Metric("buffer_loads", HIP, "of the loads, those through a buffer descriptor"),
    Metric("buffer_stores", HIP, "of the stores, those through a buffer descriptor"),
    Metric("tma_loads", BOTH, "instructions of the unit that copies tiles", "tma ld", rare=True),
    Metric("tma_stores", BOTH, "instructions of the unit that copies tiles", "tma st", rare=True),
    Metric("mma_instructions", CUDA, "instructions of one warp", "mma", "matrix", True, True),
    Metric("wgmma_instructions", CUDA, "instructions of a warp group", "wgmma", "matrix", True, True),
    Metric("tcgen05_instructions", CUDA, "instructions of the fifth generation", "tcgen05", "matrix", True, True),
    Metric("wmma_instructions", HIP, "instructions", "wmma", "matrix", True, True),
    Metric("mfma_instructions", HIP, "instructions", "mfma", "matrix", True, True),
    Metric("cluster_ctas", BOTH, "blocks a cluster, as the launch asks", "cluster", rare=True),
    Metric("cluster_barriers", CUDA, "instructions in PTX"),
    Metric("cluster_addresses", CUDA, "instructions in PTX: another block's shared memory"),
    Metric("fp64_instructions", BOTH, "instructions", "fp64", "fp64"),
    Metric("barriers", BOTH, "instructions"),
    Metric("local_bytes", CUDA, "bytes a thread"),
    Metric("code_bytes", BOTH, "bytes"),
    Metric("instructions", BOTH, "instructions", "instr"),
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
LESS_IS_WORSE = tuple(metric.name for metric in METRICS if metric.less_is_worse)


def columns(backend: str, there: Iterable[Mapping[str, Any]] = ()) -> tuple[Metric, ...]:
    """The metrics that a table of a backend's kernels shows, in their order.

    Args:
        there: the kernels' metrics, which say what rare ones are shown.
    """
    names = {name for values in there for name, value in values.items() if value}
    shown = (metric for metric in METRICS if metric.heading and backend in metric.backends)
    return tuple(metric for metric in shown if not metric.rare or metric.name in names)


def of_role(role: str) -> tuple[str, ...]:
    """Names of the metrics with a role, over all backends."""
    return tuple(metric.name for metric in METRICS if metric.role == role)


def first(values: Mapping[str, Any], role: str) -> Optional[Any]:
    """The value of a kernel's first metric with a role, or None where it has none."""
    return next((values[name] for name in of_role(role) if name in values), None)


def slower_units(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Where matrix products moved to slower units, or to none: the metrics of the faster ones, which are gone."""
    order = [name for name in of_role("matrix") if name in old and name in new]
    had, has = ([name for name in order if values[name]] for values in (old, new))
    fell = had and (not has or order.index(has[-1]) < order.index(had[-1]))
    return tuple(name for name in had if not new[name]) if fell else ()


def spills(values: Mapping[str, Any]) -> int:
    """What a kernel spills: bytes (CUDA) or registers (HIP), vector and scalar ones alike."""
    return sum(values.get(name, 0) for name in of_role("spills"))


def spilled(values: Mapping[str, Any]) -> str:
    """The same with its unit: "9 bytes spilled"; "" where nothing is."""
    number = spills(values)
    return f"{number} {'bytes' if 'spill_stores' in values else 'registers'} spilled" if number else ""
