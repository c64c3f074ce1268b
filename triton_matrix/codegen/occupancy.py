"""Theoretical occupancy: how many blocks and warps fit on a multiprocessor, from what one block takes of it.

It counts what the compiler decided (registers, shared memory, threads) against the table of targets. Whether a kernel
reaches it, and whether that makes it faster, is not said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.targets import CudaLimits, HipLimits, Target


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def cuda_blocks(limits: CudaLimits, registers: int, num_warps: int, shared: int) -> int:
    """Blocks resident on one multiprocessor; 0 when not even one fits.

    Args:
        registers: per thread.
        num_warps: per block.
        shared: bytes of static and dynamic shared memory that the block asks for, without the driver's own share.

    The rule is that of ``cudaOccMaxActiveBlocksPerMultiprocessor`` in NVIDIA's ``cuda_occupancy.h``.
    """
    if registers > limits.registers_per_thread or shared > limits.shared_per_block:
        return 0
    fits = [limits.blocks, limits.warps // num_warps]
    if registers:
        per_warp = _round_up(registers * 32, limits.register_granule)
        # A block's warps are dealt evenly to the sub-partitions when deciding whether it can be launched at all.
        if per_warp * _round_up(num_warps, limits.sub_partitions) > limits.registers:
            return 0
        warps = limits.registers // limits.sub_partitions // per_warp * limits.sub_partitions
        fits.append(warps // num_warps)
    taken = _round_up(shared + limits.shared_reserved, limits.shared_granule)
    if taken:
        fits.append(limits.shared // taken)
    return min(fits)


def by_resource(target: Target, metrics: Mapping[str, Any]) -> dict[str, int]:
    """What each resource alone would allow, by the name of its metric: warps of a multiprocessor, waves of a SIMD.

    Empty where the metrics do not say how many threads a block has.
    """
    warps, limits = metrics.get("threads", 0) // target.warp_size, target.limits
    if not warps:
        return {}
    if isinstance(limits, CudaLimits):
        registers, shared = metrics.get("registers", 0), metrics.get("shared_bytes", 0)
        needs = {"registers": (registers, 0), "shared_bytes": (0, shared), "threads": (0, 0)}
        return {name: cuda_blocks(limits, each[0], warps, each[1]) * warps for name, each in needs.items()}
    vgprs, sgprs, lds = (metrics.get(name, 0) for name in ("vgprs", "sgprs", "lds_bytes"))
    alone = {"vgprs": (vgprs, 0, 0), "sgprs": (0, sgprs, 0), "lds_bytes": (0, 0, lds), "threads": (0, 0, 0)}
    return {
        name: hip_waves_per_simd(limits, of_vgprs, of_sgprs, warps, of_lds)
        for name, (of_vgprs, of_sgprs, of_lds) in alone.items()
    }


def hip_waves_per_simd(limits: HipLimits, vgprs: int, sgprs: int, num_warps: int, lds: int) -> int:
    """Waves resident on one SIMD; 0 when not even one workgroup fits.

    Args:
        vgprs: per lane, accumulation registers included where they share the file (CDNA).
        sgprs: per wave, with the extra ones (VCC and the like).
        num_warps: waves per workgroup.
        lds: bytes of LDS that the workgroup asks for.

    Raises nothing; the scalar rule is LLVM's ``GCNSubtarget::getOccupancyWithNumSGPRs``.
    """
    if vgprs > limits.vgprs_per_wave or lds > limits.lds_per_block:
        return 0
    waves = limits.waves_per_simd
    if vgprs:
        waves = min(waves, limits.vgprs // _round_up(vgprs, limits.vgpr_granule))
    if limits.sgprs_limit_waves and sgprs > 80:
        waves = min(waves, 9 if sgprs <= 88 else 8 if sgprs <= 100 else 7)
    # Whole workgroups only: what registers leave room for on all SIMDs, and what LDS leaves room for.
    groups = waves * limits.simds // num_warps
    if lds:
        groups = min(groups, limits.lds // _round_up(lds, limits.lds_granule))
    return -(-groups * num_warps // limits.simds)
