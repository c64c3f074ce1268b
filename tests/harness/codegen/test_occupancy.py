"""Theoretical occupancy against what the vendors' own code says."""

import pytest

from triton_matrix.base.targets import TARGETS, parse
from triton_matrix.codegen.occupancy import cuda_blocks, hip_waves_per_simd

# capability, registers per thread, warps per block, shared bytes per block -> blocks per multiprocessor: one row for
# each answer of cudaOccMaxActiveBlocksPerMultiprocessor in NVIDIA's cuda_occupancy.h (in the wheel of Triton 3.9.0)
# on grids of 600 rows for 70, 75, 87 and 110, of 1080 for 80, 90 and 100, and of 2100 for the others, on all of which
# this repository agreed with it. 121 gives the same answers as 120.
NVIDIA = [
    (70, 16, 1, 101376, 0),
    (70, 16, 1, 65536, 1),
    (70, 16, 1, 49152, 2),
    (70, 16, 1, 32768, 3),
    (70, 16, 16, 0, 4),
    (70, 33, 8, 0, 6),
    (70, 72, 4, 0, 7),
    (70, 16, 8, 0, 8),
    (70, 16, 1, 9000, 10),
    (70, 33, 4, 0, 12),
    (70, 72, 2, 0, 14),
    (70, 16, 4, 0, 16),
    (70, 33, 2, 0, 24),
    (70, 72, 1, 0, 28),
    (70, 16, 1, 0, 32),
    (75, 16, 1, 70000, 0),
    (75, 16, 1, 49152, 1),
    (75, 16, 1, 32768, 2),
    (75, 72, 8, 0, 3),
    (75, 16, 8, 0, 4),
    (75, 168, 2, 0, 6),
    (75, 16, 1, 9000, 7),
    (75, 16, 4, 0, 8),
    (75, 168, 1, 0, 12),
    (75, 72, 2, 0, 14),
    (75, 16, 1, 0, 16),
    (87, 72, 32, 0, 0),
    (87, 16, 1, 98304, 1),
    (87, 16, 1, 65536, 2),
    (87, 16, 1, 49152, 3),
    (87, 16, 1, 32768, 4),
    (87, 16, 8, 0, 6),
    (87, 72, 4, 0, 7),
    (87, 64, 4, 0, 8),
    (87, 16, 4, 0, 12),
    (87, 72, 2, 0, 14),
    (87, 16, 1, 0, 16),
    (110, 72, 32, 0, 0),
    (110, 16, 1, 160000, 1),
    (110, 16, 1, 98304, 2),
    (110, 16, 1, 65536, 3),
    (110, 16, 1, 49152, 4),
    (110, 16, 1, 32768, 6),
    (110, 72, 4, 0, 7),
    (110, 64, 4, 0, 8),
    (110, 16, 4, 0, 12),
    (110, 72, 2, 0, 14),
    (110, 64, 2, 0, 16),
    (110, 16, 1, 9000, 23),
    (110, 16, 1, 0, 24),
    (80, 255, 16, 9000, 0),
    (80, 128, 16, 160000, 1),
    (80, 168, 1, 70000, 2),
    (80, 104, 2, 49152, 3),
    (80, 104, 4, 0, 4),
    (80, 40, 8, 16, 6),
    (80, 72, 4, 16, 7),
    (80, 32, 8, 0, 8),
    (80, 40, 4, 0, 12),
    (80, 72, 2, 0, 14),
    (80, 40, 1, 9000, 16),
    (80, 40, 2, 16, 24),
    (80, 72, 1, 0, 28),
    (80, 32, 2, 16, 32),
    (90, 128, 32, 0, 0),
    (90, 72, 16, 0, 1),
    (90, 64, 16, 70000, 2),
    (90, 33, 16, 49152, 3),
    (90, 32, 16, 0, 4),
    (90, 168, 2, 0, 6),
    (90, 72, 4, 9000, 7),
    (90, 16, 8, 9000, 8),
    (90, 33, 4, 16, 12),
    (90, 72, 2, 9000, 14),
    (90, 32, 4, 0, 16),
    (90, 40, 1, 9000, 23),
    (90, 33, 2, 0, 24),
    (90, 72, 1, 16, 28),
    (90, 16, 1, 0, 32),
    (100, 168, 16, 16, 0),
    (100, 40, 1, 160000, 1),
    (100, 16, 32, 0, 2),
    (100, 32, 8, 70000, 3),
    (100, 16, 1, 49152, 4),
    (100, 40, 8, 0, 6),
    (100, 72, 4, 9000, 7),
    (100, 128, 2, 0, 8),
    (100, 40, 4, 0, 12),
    (100, 72, 2, 9000, 14),
    (100, 104, 1, 0, 16),
    (100, 33, 2, 9000, 23),
    (100, 33, 2, 16, 24),
    (100, 72, 1, 16, 28),
    (100, 40, 1, 16, 32),
    (86, 16, 1, 160000, 0),
    (86, 16, 1, 70000, 1),
    (86, 16, 1, 49152, 2),
    (86, 16, 16, 0, 3),
    (86, 64, 8, 0, 4),
    (86, 16, 8, 0, 6),
    (86, 72, 4, 0, 7),
    (86, 64, 4, 0, 8),
    (86, 16, 1, 9000, 10),
    (86, 16, 4, 0, 12),
    (86, 72, 2, 0, 14),
    (86, 16, 1, 0, 16),
    (89, 16, 1, 160000, 0),
    (89, 16, 1, 70000, 1),
    (89, 16, 1, 49152, 2),
    (89, 16, 16, 0, 3),
    (89, 64, 8, 0, 4),
    (89, 16, 8, 0, 6),
    (89, 72, 4, 0, 7),
    (89, 64, 4, 0, 8),
    (89, 16, 1, 9000, 10),
    (89, 16, 4, 0, 12),
    (89, 72, 2, 0, 14),
    (89, 64, 2, 0, 16),
    (89, 16, 1, 0, 24),
    (103, 72, 32, 0, 0),
    (103, 16, 1, 160000, 1),
    (103, 16, 1, 101376, 2),
    (103, 16, 1, 70000, 3),
    (103, 16, 1, 49152, 4),
    (103, 33, 8, 0, 6),
    (103, 72, 4, 0, 7),
    (103, 16, 8, 0, 8),
    (103, 33, 4, 0, 12),
    (103, 72, 2, 0, 14),
    (103, 16, 4, 0, 16),
    (103, 16, 1, 9000, 23),
    (103, 33, 2, 0, 24),
    (103, 72, 1, 0, 28),
    (103, 16, 1, 0, 32),
    (120, 16, 1, 160000, 0),
    (120, 16, 1, 70000, 1),
    (120, 16, 1, 49152, 2),
    (120, 16, 16, 0, 3),
    (120, 64, 8, 0, 4),
    (120, 16, 8, 0, 6),
    (120, 72, 4, 0, 7),
    (120, 64, 4, 0, 8),
    (120, 16, 1, 9000, 10),
    (120, 16, 4, 0, 12),
    (120, 72, 2, 0, 14),
    (120, 64, 2, 0, 16),
    (120, 16, 1, 0, 24),
]


@pytest.mark.parametrize(("capability", "registers", "num_warps", "shared", "blocks"), NVIDIA)
def test_cuda_occupancy_is_nvidia_s(capability, registers, num_warps, shared, blocks):
    assert cuda_blocks(TARGETS[f"cuda:{capability}"].limits, registers, num_warps, shared) == blocks


# VGPRs -> waves per SIMD as LLVM printed it ("; Occupancy:") into 172 of our kernels in Triton 3.9.0; this repository
# agreed on all of them, and test_compile.py asks again
LLVM_CDNA = [(36, 8), (64, 8), (66, 7), (78, 6), (92, 5), (116, 4), (131, 3), (168, 3), (206, 2), (246, 2), (268, 1)]
LLVM_RDNA3 = [(37, 16), (92, 16), (109, 12), (122, 10), (161, 9), (172, 8), (200, 7), (256, 5)]


def test_sm_121_has_the_limits_of_sm_120():
    assert TARGETS["cuda:121"].limits == TARGETS["cuda:120"].limits


# VGPRs, as Triton 3.8.0 compiled a row-wise kernel of 512 to 8192 columns at 1, 2 and 4 warps
LLVM_GFX9 = [(11, 10), (23, 10), (39, 6), (74, 3), (146, 1), (256, 1)]
LLVM_RDNA2 = [(15, 16), (41, 16), (76, 12), (154, 6), (256, 4)]


@pytest.mark.parametrize(
    ("name", "vgprs", "waves"),
    [
        *(("hip:gfx906", *row) for row in LLVM_GFX9),
        *(("hip:gfx908", *row) for row in LLVM_GFX9),
        *(("hip:gfx1030", *row) for row in LLVM_RDNA2),
    ],
)
def test_occupancy_of_older_amd_gpus_is_llvm_s(name, vgprs, waves):
    assert hip_waves_per_simd(TARGETS[name].limits, vgprs, sgprs=16, num_warps=4, lds=0) == waves


@pytest.mark.parametrize("name", ["hip:gfx90a", "hip:gfx942", "hip:gfx950"])
@pytest.mark.parametrize(("vgprs", "waves"), LLVM_CDNA)
def test_cdna_occupancy_is_llvm_s(name, vgprs, waves):
    assert hip_waves_per_simd(TARGETS[name].limits, vgprs, sgprs=32, num_warps=4, lds=0) == waves


@pytest.mark.parametrize("name", [name for name in TARGETS if name.startswith(("hip:gfx11", "hip:gfx120"))])
@pytest.mark.parametrize(("vgprs", "waves"), LLVM_RDNA3)
def test_rdna_occupancy_is_llvm_s(name, vgprs, waves):
    assert hip_waves_per_simd(TARGETS[name].limits, vgprs, sgprs=32, num_warps=4, lds=0) == waves


def test_many_scalar_registers_cost_waves_on_cdna_only():
    assert hip_waves_per_simd(TARGETS["hip:gfx942"].limits, 32, sgprs=106, num_warps=4, lds=0) == 7
    assert hip_waves_per_simd(TARGETS["hip:gfx1100"].limits, 32, sgprs=106, num_warps=4, lds=0) == 16


def test_lds_limits_whole_workgroups():
    # 64 KiB of LDS hold three groups of 20 KiB: three groups of four waves on four SIMDs
    assert hip_waves_per_simd(TARGETS["hip:gfx942"].limits, 32, sgprs=32, num_warps=4, lds=20 * 1024) == 3
    assert hip_waves_per_simd(TARGETS["hip:gfx950"].limits, 32, sgprs=32, num_warps=4, lds=20 * 1024) == 8


@pytest.mark.parametrize("name", ["hip:gfx942", "hip:gfx1100"])
def test_what_does_not_fit_at_all_has_no_occupancy(name):
    assert hip_waves_per_simd(TARGETS[name].limits, 32, sgprs=32, num_warps=4, lds=65 * 1024) == 0


def test_an_unknown_target_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"target is 'cuda:60'; allowed are cuda:70, cuda:75"):
        parse("cuda:60")
