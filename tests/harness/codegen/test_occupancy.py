"""Theoretical occupancy against what the vendors' own code says."""

import pytest

from triton_matrix.codegen.occupancy import cuda_blocks, hip_waves_per_simd
from triton_matrix.codegen.targets import TARGETS, parse

# capability, registers per thread, warps per block, shared bytes per block -> blocks per multiprocessor: one row for
# each answer of cudaOccMaxActiveBlocksPerMultiprocessor in NVIDIA's cuda_occupancy.h (in the wheel of Triton 3.9.0)
# on a grid of 1080 rows, on all of which this repository agreed with it.
NVIDIA = [
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
]


@pytest.mark.parametrize(("capability", "registers", "num_warps", "shared", "blocks"), NVIDIA)
def test_cuda_occupancy_is_nvidia_s(capability, registers, num_warps, shared, blocks):
    assert cuda_blocks(TARGETS[f"cuda:{capability}"].limits, registers, num_warps, shared) == blocks


# VGPRs -> waves per SIMD as LLVM printed it ("; Occupancy:") into 172 of our kernels in Triton 3.9.0; this repository
# agreed on all of them, and test_compile.py asks again
LLVM_CDNA = [(36, 8), (64, 8), (66, 7), (78, 6), (92, 5), (116, 4), (131, 3), (168, 3), (206, 2), (246, 2), (268, 1)]
LLVM_RDNA3 = [(37, 16), (92, 16), (109, 12), (122, 10), (161, 9), (172, 8), (200, 7), (256, 5)]


@pytest.mark.parametrize("name", ["hip:gfx90a", "hip:gfx942", "hip:gfx950"])
@pytest.mark.parametrize(("vgprs", "waves"), LLVM_CDNA)
def test_cdna_occupancy_is_llvm_s(name, vgprs, waves):
    assert hip_waves_per_simd(TARGETS[name].limits, vgprs, sgprs=32, num_warps=4, lds=0) == waves


@pytest.mark.parametrize(("vgprs", "waves"), LLVM_RDNA3)
def test_rdna3_occupancy_is_llvm_s(vgprs, waves):
    assert hip_waves_per_simd(TARGETS["hip:gfx1100"].limits, vgprs, sgprs=32, num_warps=4, lds=0) == waves


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
    with pytest.raises(ValueError, match=r"target is 'cuda:70'; allowed are cuda:80, cuda:90"):
        parse("cuda:70")
