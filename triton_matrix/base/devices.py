"""What a program may ask a GPU about itself, answered for the target that is compiled for.

One product stands for each architecture. Multiprocessors are counted as torch counts them: streaming multiprocessors,
compute units, and on RDNA work-group processors. Sources: NVIDIA's architecture white papers and product pages; AMD's
data sheets (of the MI250X, one die).
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

from .targets import CudaLimits, Target


@dataclass(frozen=True)
class Device:
    """The product that stands for a target; ``memory_gib`` is its global memory, ``l2_mib`` its last shared cache."""

    product: str
    multiprocessors: int
    memory_gib: int
    l2_mib: int


DEVICES = {
    "cuda:80": Device("NVIDIA A100-SXM4-80GB", 108, 80, 40),
    "cuda:86": Device("NVIDIA A40", 84, 48, 6),
    "cuda:89": Device("NVIDIA L40", 142, 48, 96),
    "cuda:90": Device("NVIDIA H100 80GB HBM3", 132, 80, 50),
    "cuda:100": Device("NVIDIA B200", 148, 180, 126),
    "cuda:103": Device("NVIDIA B300", 148, 288, 126),
    "cuda:120": Device("NVIDIA GeForce RTX 5090", 170, 32, 96),
    "cuda:121": Device("NVIDIA GB10", 48, 128, 24),
    "hip:gfx906": Device("AMD Instinct MI50", 60, 32, 4),
    "hip:gfx908": Device("AMD Instinct MI100", 120, 32, 8),
    "hip:gfx90a": Device("AMD Instinct MI250X", 110, 64, 8),
    "hip:gfx942": Device("AMD Instinct MI300X", 304, 192, 4),
    "hip:gfx950": Device("AMD Instinct MI355X", 256, 288, 4),
    "hip:gfx1030": Device("AMD Radeon RX 6900 XT", 40, 16, 4),
    "hip:gfx1100": Device("AMD Radeon RX 7900 XTX", 48, 24, 6),
    "hip:gfx1201": Device("AMD Radeon RX 9070 XT", 32, 16, 8),
    "hip:gfx1250": Device("AMD gfx1250", 256, 288, 4),  # none is out; as of gfx950
}


def capability(target: Target) -> tuple[int, int]:
    """Major and minor as torch says them; on HIP those of the architecture's name (gfx942: 9, 4)."""
    if target.backend == "cuda":
        return divmod(int(target.arch), 10)
    digits = str(target.arch)[3:]
    return int(digits[:-2]), int(digits[-2], 16)


def shared_memory(target: Target) -> int:
    """Bytes of shared memory (LDS) that one block may ask for."""
    limits = target.limits
    return limits.shared_per_block if isinstance(limits, CudaLimits) else limits.lds_per_block


def torch_properties(target: Target) -> Any:
    """What ``torch.cuda.get_device_properties`` gives."""
    device, (major, minor) = DEVICES[target.name], capability(target)
    hip = target.backend == "hip"
    return types.SimpleNamespace(
        name=device.product,
        major=major,
        minor=minor,
        multi_processor_count=device.multiprocessors,
        total_memory=device.memory_gib * 2**30,
        warp_size=target.warp_size,
        L2_cache_size=device.l2_mib * 2**20,
        shared_memory_per_block=65536 if hip else 49152,
        shared_memory_per_block_optin=shared_memory(target),
        shared_memory_per_multiprocessor=getattr(target.limits, "shared", shared_memory(target)),
        regs_per_multiprocessor=65536,
        max_threads_per_multi_processor=2048,
        is_integrated=False,
        is_multi_gpu_board=False,
        gcnArchName=f"{target.arch}:sramecc+:xnack-" if hip else "",
    )


def triton_properties(target: Target) -> dict[str, Any]:
    """What ``driver.active.utils.get_device_properties`` gives; clocks in kHz."""
    device = DEVICES[target.name]
    return {
        "max_shared_mem": shared_memory(target),
        "max_num_regs": 65536,
        "multiprocessor_count": device.multiprocessors,
        "warpSize": target.warp_size,
        "arch": str(target.arch),
        "sm_clock_rate": 1_700_000,
        "mem_clock_rate": 2_600_000,
        "mem_bus_width": 5120,
    }
