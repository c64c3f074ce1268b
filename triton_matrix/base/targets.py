"""The GPU targets, one row each: what a launch may ask for there, and the limits that decide occupancy.

Sources of the limits:

* CUDA: the technical specifications per compute capability in NVIDIA's CUDA C++ Programming Guide, and
  ``cuda_occupancy.h`` of the CUDA toolkit (also inside the Triton wheels), which tests compare this table with.
* HIP: LLVM's ``AMDGPUBaseInfo.cpp`` (total and addressable VGPRs, allocation granule, waves per SIMD) and AMD's CDNA
  and RDNA instruction set documents (LDS); for gfx1250, of which no such document is out, LLVM's ``AMDGPU.td``. LLVM
  prints the occupancy it computed from the same numbers into the assembly text, and tests compare this table with that.
* ``since`` and ``until``: a row-wise and a matrix product kernel compiled in each release of constraints/cells.toml.

Sources of what the product that stands for an architecture has (:class:`Gpu`): NVIDIA's architecture white papers and
data sheets; "AMD GPU specifications" in ROCm's documentation (of the MI250X, one die). Multiprocessors are counted as
torch counts them: streaming multiprocessors, compute units, and on RDNA work-group processors of two compute units,
which is what HIP says there (``hipinfo`` on a Radeon RX 7900 XTX: multiProcessorCount 48,
maxThreadsPerMultiProcessor 2048). L2 is that of one die, as HIP says it.
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
    shared_granule: int
    register_granule: int = 256  # registers are handed to a warp in multiples of this
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
class Gpu:
    """The product that stands for an architecture; ``memory_gib`` is its global memory, ``l2_mib`` its L2 cache."""

    product: str
    multiprocessors: int
    memory_gib: int
    l2_mib: int


@dataclass(frozen=True)
class Target:
    """A GPU architecture to compile for.

    ``since`` is the first Triton release that knows it, ``until`` the last one ("": the newest does), of the releases
    that this table's kernels were compiled with; ``ended`` says what a later one lacks.
    """

    name: str
    since: str
    warp_size: int
    limits: Union[CudaLimits, HipLimits]
    gpu: Gpu
    until: str = ""
    ended: str = "this Triton no longer knows this target"
    max_threads_per_block: int = 1024

    @property
    def backend(self) -> str:
        return self.name.partition(":")[0]

    @property
    def arch(self) -> Union[int, str]:
        """As Triton writes it: the number 90, or the name "gfx942"."""
        arch = self.name.partition(":")[2]
        return int(arch) if self.backend == "cuda" else arch

    @property
    def max_threads_per_multiprocessor(self) -> int:
        """Threads resident on one multiprocessor, as torch counts those."""
        limits = self.limits
        warps = limits.warps if isinstance(limits, CudaLimits) else limits.waves_per_simd * limits.simds
        return warps * self.warp_size

    @property
    def shared_per_block(self) -> int:
        """Bytes of shared memory (LDS) that one block may ask for."""
        limits = self.limits
        return limits.shared_per_block if isinstance(limits, CudaLimits) else limits.lds_per_block


_NO_SM70 = "this Triton compiles for this target, and its nvdisasm reads no sm_70"


def _cuda(
    capability: int, since: str, gpu: Gpu, shared_kib: int, warps: int = 64, blocks: int = 32, until: str = ""
) -> Target:
    kib = 1024
    reserved, granule = (kib, 128) if capability >= 80 else (0, 256)
    limits = CudaLimits(
        warps=warps,
        blocks=blocks,
        registers=65536,
        registers_per_thread=255,
        shared=shared_kib * kib,
        shared_per_block=shared_kib * kib - reserved,
        shared_reserved=reserved,
        shared_granule=granule,
    )
    return Target(f"cuda:{capability}", since, 32, limits, gpu, until, _NO_SM70 if capability == 70 else Target.ended)


def _gfx9(name: str, since: str, gpu: Gpu) -> Target:
    """GCN and CDNA 1: 256 vector registers a lane, and beside them 256 accumulation registers on CDNA 1."""
    limits = HipLimits(
        waves_per_simd=10,
        simds=4,
        vgprs=256,
        vgpr_granule=4,
        vgprs_per_wave=256,
        lds=64 * 1024,
        lds_per_block=64 * 1024,
        lds_granule=512,
        sgprs_limit_waves=True,
    )
    return Target(f"hip:{name}", since, 64, limits, gpu)


def _cdna(name: str, since: str, gpu: Gpu, lds_kib: int, lds_granule: int) -> Target:
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
    return Target(f"hip:{name}", since, 64, limits, gpu)


def _rdna2(name: str, since: str, gpu: Gpu, until: str = "") -> Target:
    return Target(f"hip:{name}", since, 32, _rdna(vgprs=1024, vgpr_granule=16, lds_granule=512), gpu, until)


def _rdna3(name: str, since: str, gpu: Gpu) -> Target:
    """RDNA 3 and 4."""
    return Target(f"hip:{name}", since, 32, _rdna(vgprs=1536, vgpr_granule=24, lds_granule=1024), gpu)


def _rdna(vgprs: int, vgpr_granule: int, lds_granule: int) -> HipLimits:
    return HipLimits(
        waves_per_simd=16,
        simds=4,
        vgprs=vgprs,
        vgpr_granule=vgpr_granule,
        vgprs_per_wave=256,
        lds=128 * 1024,
        lds_per_block=64 * 1024,
        lds_granule=lds_granule,
        sgprs_limit_waves=False,
    )


_GFX1250 = HipLimits(
    waves_per_simd=16,
    simds=4,
    vgprs=1024,
    vgpr_granule=16,
    vgprs_per_wave=1024,
    lds=320 * 1024,
    lds_per_block=320 * 1024,
    lds_granule=2048,
    sgprs_limit_waves=False,
)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        _cuda(70, "2.3.0", Gpu("NVIDIA V100-SXM2-32GB", 80, 32, 6), shared_kib=96, until="3.6.0"),
        _cuda(75, "2.3.0", Gpu("NVIDIA T4", 40, 16, 4), shared_kib=64, warps=32, blocks=16),
        _cuda(80, "2.3.0", Gpu("NVIDIA A100-SXM4-80GB", 108, 80, 40), shared_kib=164),
        _cuda(86, "2.3.0", Gpu("NVIDIA A40", 84, 48, 6), shared_kib=100, warps=48, blocks=16),
        _cuda(87, "2.3.0", Gpu("NVIDIA Jetson AGX Orin", 16, 64, 4), shared_kib=164, warps=48, blocks=16),
        _cuda(89, "2.3.0", Gpu("NVIDIA L40", 142, 48, 96), shared_kib=100, warps=48, blocks=24),
        _cuda(90, "2.3.0", Gpu("NVIDIA H100 80GB HBM3", 132, 80, 50), shared_kib=228),
        _cuda(100, "3.3.0", Gpu("NVIDIA B200", 148, 180, 126), shared_kib=228),
        _cuda(103, "3.6.0", Gpu("NVIDIA B300", 148, 288, 126), shared_kib=228),
        _cuda(110, "3.7.0", Gpu("NVIDIA Jetson AGX Thor", 20, 128, 32), shared_kib=228, warps=48, blocks=24),
        _cuda(120, "3.3.0", Gpu("NVIDIA GeForce RTX 5090", 170, 32, 96), shared_kib=100, warps=48, blocks=24),
        _cuda(121, "3.6.0", Gpu("NVIDIA GB10", 48, 128, 24), shared_kib=100, warps=48, blocks=24),
        _gfx9("gfx906", "3.8.0", Gpu("AMD Instinct MI50", 60, 32, 4)),
        _gfx9("gfx908", "3.0.0", Gpu("AMD Instinct MI100", 120, 32, 8)),
        _cdna("gfx90a", "3.0.0", Gpu("AMD Instinct MI250X", 110, 64, 8), lds_kib=64, lds_granule=512),
        _cdna("gfx942", "3.0.0", Gpu("AMD Instinct MI300X", 304, 192, 4), lds_kib=64, lds_granule=512),
        _cdna("gfx950", "3.2.0", Gpu("AMD Instinct MI355X", 256, 288, 4), lds_kib=160, lds_granule=1280),
        _rdna2("gfx1030", "3.0.0", Gpu("AMD Radeon RX 6900 XT", 40, 16, 4), until="3.8.0"),
        _rdna3("gfx1100", "3.0.0", Gpu("AMD Radeon RX 7900 XTX", 48, 24, 6)),
        _rdna3("gfx1101", "3.0.0", Gpu("AMD Radeon RX 7800 XT", 30, 16, 4)),
        _rdna3("gfx1151", "3.0.0", Gpu("AMD Radeon 8060S", 20, 96, 2)),
        _rdna3("gfx1200", "3.0.0", Gpu("AMD Radeon RX 9060 XT", 16, 16, 4)),
        _rdna3("gfx1201", "3.0.0", Gpu("AMD Radeon RX 9070 XT", 32, 16, 8)),
        # no product is out: counts as of gfx950
        Target("hip:gfx1250", "3.6.0", 32, _GFX1250, Gpu("AMD gfx1250", 256, 288, 4)),
    )
}
# What is compiled for where no target is named: one of each generation that data centres run. ALL is every row.
DEFAULT = ("cuda:80", "cuda:90", "cuda:100", "hip:gfx90a", "hip:gfx942", "hip:gfx950", "hip:gfx1100")
ALL = "all"
HELP = f"of {', '.join(TARGETS)}; or {ALL} (default: {', '.join(DEFAULT)})"


def parse(name: str) -> Target:
    """The row called ``name``, such as "cuda:90".

    Raises:
        ValueError: no such row; the message lists those there are.
    """
    try:
        return TARGETS[name]
    except KeyError:
        raise ValueError(f"target is {name!r}; allowed are {', '.join(TARGETS)}") from None


def of_family(backend: str) -> list[Target]:
    """Every row of a backend, "cuda" or "hip"."""
    return [target for target in TARGETS.values() if target.backend == backend]
