"""Theoretical occupancy: how many blocks and warps fit on a multiprocessor, from what one block takes of it.

It counts what the compiler decided (registers, shared memory, threads) against the table of targets. Whether a kernel
reaches it, and whether that makes it faster, is not said here.
"""

from __future__ import annotations

from ..base.targets import CudaLimits, HipLimits


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
