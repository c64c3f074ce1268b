"""What a program may ask a GPU about itself, for the target that is compiled for: answered by its row in targets.py."""

from __future__ import annotations

import types
from typing import Any

from .targets import CudaLimits, Target

STATIC_SHARED = 48 * 1024  # bytes of a CUDA block that does not ask for more (CUDA C++ Programming Guide)
HIP_REGISTERS = 65536  # HIP's regsPerBlock, on every target


def capability(target: Target) -> tuple[int, int]:
    """Major and minor as torch says them; on HIP those of the architecture's name (gfx942: 9, 4)."""
    if target.backend == "cuda":
        return divmod(int(target.arch), 10)
    digits = str(target.arch)[3:]
    return int(digits[:-2]), int(digits[-2], 16)


def torch_properties(target: Target) -> Any:
    """What ``torch.cuda.get_device_properties`` gives."""
    gpu, (major, minor) = target.gpu, capability(target)
    hip = target.backend == "hip"
    return types.SimpleNamespace(
        name=gpu.product,
        major=major,
        minor=minor,
        multi_processor_count=gpu.multiprocessors,
        total_memory=gpu.memory_gib * 2**30,
        warp_size=target.warp_size,
        L2_cache_size=gpu.l2_mib * 2**20,
        shared_memory_per_block=target.shared_per_block if hip else STATIC_SHARED,
        shared_memory_per_block_optin=target.shared_per_block,
        shared_memory_per_multiprocessor=getattr(target.limits, "shared", target.shared_per_block),
        regs_per_multiprocessor=_registers(target),
        max_threads_per_multi_processor=target.max_threads_per_multiprocessor,
        is_integrated=False,
        is_multi_gpu_board=False,
        gcnArchName=f"{target.arch}{':sramecc+:xnack-' if major == 9 else ''}" if hip else "",
    )


def triton_properties(target: Target) -> dict[str, Any]:
    """What ``driver.active.utils.get_device_properties`` gives; clocks in kHz and the bus, which say no more than that
    there are some, are an H100's on every target.
    """
    return {
        "max_shared_mem": target.shared_per_block,
        "max_num_regs": _registers(target),
        "multiprocessor_count": target.gpu.multiprocessors,
        "warpSize": target.warp_size,
        "arch": str(target.arch),
        "sm_clock_rate": 1_700_000,
        "mem_clock_rate": 2_600_000,
        "mem_bus_width": 5120,
    }


def _registers(target: Target) -> int:
    return target.limits.registers if isinstance(target.limits, CudaLimits) else HIP_REGISTERS
