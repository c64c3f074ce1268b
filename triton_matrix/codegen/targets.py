"""The GPU targets, one row each: what a launch may ask for there, and the limits that decide occupancy.

Sources of the limits:

* CUDA: the technical specifications per compute capability in NVIDIA's CUDA C++ Programming Guide, and
  ``cuda_occupancy.h`` of the CUDA toolkit (also inside the Triton wheels), which tests compare this table with.
* HIP: LLVM's ``AMDGPUBaseInfo.cpp`` (total and addressable VGPRs, allocation granule, waves per SIMD) and AMD's CDNA 2,
  CDNA 3, CDNA 4 and RDNA 3 instruction set documents (LDS). LLVM prints the occupancy it computed from the same numbers
  into the assembly text, and tests compare this table with that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True)
class CudaLimits:
    """What one multiprocessor of a CUDA target has. Registers are 32 bit, shared memory is in bytes."""

    warps: int
    blocks: int
    registers: int
    registers_per_thread: int
    shared: int
    shared_per_block: int
    shared_reserved: int  # the driver's own share of every block's shared memory
    register_granule: int = 256  # registers are handed to a warp in multiples of this
    shared_granule: int = 128
    sub_partitions: int = 4  # each owns a quarter of the registers and of the warps


@dataclass(frozen=True)
class HipLimits:
    """What one compute unit of a HIP target has. VGPRs are per lane, LDS is in bytes.

    ``lds`` is what all workgroups running on one unit share; on RDNA that unit is a work-group processor of two compute
    units, hence its four SIMDs.
    """

    waves_per_simd: int
    simds: int
    vgprs: int  # of one lane, shared by the waves of a SIMD
    vgpr_granule: int
    vgprs_per_wave: int
    lds: int
    lds_per_block: int
    lds_granule: int
    sgprs_limit_waves: bool  # up to gfx9, many scalar registers cost waves; from gfx10 each wave has all of them


@dataclass(frozen=True)
class Target:
    """A GPU architecture to compile for; ``since`` is the first Triton release that knows it."""

    name: str
    since: str
    warp_size: int
    max_threads_per_block: int
    limits: Union[CudaLimits, HipLimits]

    @property
    def backend(self) -> str:
        return self.name.partition(":")[0]

    @property
    def arch(self) -> Union[int, str]:
        """As Triton writes it: the number 90, or the name "gfx942"."""
        arch = self.name.partition(":")[2]
        return int(arch) if self.backend == "cuda" else arch


def _cuda(capability: int, since: str, shared_kib: int) -> Target:
    kib = 1024
    limits = CudaLimits(
        warps=64,
        blocks=32,
        registers=65536,
        registers_per_thread=255,
        shared=shared_kib * kib,
        shared_per_block=(shared_kib - 1) * kib,
        shared_reserved=kib,
    )
    return Target(f"cuda:{capability}", since, 32, 1024, limits)


def _cdna(name: str, since: str, lds_kib: int, lds_granule: int) -> Target:
    limits = HipLimits(
        waves_per_simd=8,
        simds=4,
        vgprs=512,
        vgpr_granule=8,
        vgprs_per_wave=512,  # 256 VGPRs and 256 AGPRs out of one file
        lds=lds_kib * 1024,
        lds_per_block=lds_kib * 1024,
        lds_granule=lds_granule,
        sgprs_limit_waves=True,
    )
    return Target(f"hip:{name}", since, 64, 1024, limits)


_RDNA3 = HipLimits(
    waves_per_simd=16,
    simds=4,
    vgprs=1536,
    vgpr_granule=24,
    vgprs_per_wave=256,
    lds=128 * 1024,
    lds_per_block=64 * 1024,
    lds_granule=1024,
    sgprs_limit_waves=False,
)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        _cuda(80, "2.3.0", shared_kib=164),
        _cuda(90, "2.3.0", shared_kib=228),
        _cuda(100, "3.3.0", shared_kib=228),
        _cdna("gfx90a", "3.0.0", lds_kib=64, lds_granule=512),
        _cdna("gfx942", "3.0.0", lds_kib=64, lds_granule=512),
        _cdna("gfx950", "3.2.0", lds_kib=160, lds_granule=1280),
        Target("hip:gfx1100", "3.0.0", 32, 1024, _RDNA3),
    )
}


def parse(name: str) -> Target:
    """The row called ``name``, such as "cuda:90".

    Raises:
        ValueError: no such row; the message lists those there are.
    """
    try:
        return TARGETS[name]
    except KeyError:
        raise ValueError(f"target is {name!r}; allowed are {', '.join(TARGETS)}") from None
